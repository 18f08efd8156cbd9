"""Citations as the annotations of a text.

Source: OpenAI's API reference, "output_text" and its annotations.

Rule: OpenAI's own come out as they came in; what another vendor cites is a URL or a file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import Citation, Family

_KINDS: Final = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


def dump_annotation(citation: Citation, length: int) -> dict[str, Any]:
    """Return an annotation.

    Args:
        citation: what the text rests on.
        length: characters of the text so far: where a citation without a place ends.
    """
    raw = citation.raw
    # Chat's have an object within, named after their type.
    if citation.origin is Family.OPENAI and raw.get("type") in _KINDS and raw["type"] not in raw:
        return dict(raw)
    start, end = citation.start or 0, length if citation.end is None else citation.end
    if citation.url is not None:
        return {
            "type": "url_citation",
            "url": citation.url,
            "title": citation.title or citation.url,
            "start_index": start,
            "end_index": end,
        }
    return {
        "type": "file_citation",
        "file_id": _find_file(raw),
        "filename": citation.title or "",
        "index": end,
    }


def _find_file(raw: Mapping[str, Any]) -> str:
    file_id = raw.get("file_id")
    return file_id if isinstance(file_id, str) else ""
