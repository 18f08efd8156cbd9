"""What an answer of Gemini's rests on, as the hub's citations.

Source: the Generative Language API's reference, `CitationMetadata` and `GroundingMetadata`.

Rule: places count characters; Google's count bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.dialects.hub import Citation, Family
from gateway.dialects.spec import read_object

_Object = Mapping[str, Any]


def list_citations(candidate: _Object, text: str) -> Iterator[Citation]:
    """Yield the citations of a candidate; `text` is that of its part."""
    if "citationMetadata" in candidate:
        yield from _list_sources(read_object(candidate, "citationMetadata"), text)
    if "groundingMetadata" in candidate:
        yield from _list_grounds(read_object(candidate, "groundingMetadata"), text)


def _list_sources(metadata: _Object, text: str) -> Iterator[Citation]:
    sources = metadata.get("citations", metadata.get("citationSources"))
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict):
            start, end = _find_place(source, text)
            yield Citation(
                _read(source, "uri"),
                _read(source, "title"),
                start=start,
                end=end,
                raw=source,
                origin=Family.GEMINI,
            )


def _list_grounds(metadata: _Object, text: str) -> Iterator[Citation]:
    chunks = metadata.get("groundingChunks")
    found = chunks if isinstance(chunks, list) else []
    supports = metadata.get("groundingSupports")
    for support in supports if isinstance(supports, list) else ():
        if not isinstance(support, dict):
            continue
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if type(index) is int and 0 <= index < len(found) and isinstance(found[index], dict):
                yield _build_ground(support, found[index], text)


def _build_ground(support: _Object, chunk: _Object, text: str) -> Citation:
    segment = read_object(support, "segment")
    source = next((one for one in chunk.values() if isinstance(one, dict)), {})
    start, end = _find_place(segment, text)
    return Citation(
        _read(source, "uri"),
        _read(source, "title"),
        _read(segment, "text"),
        start,
        end,
        raw={"groundingChunk": chunk, "segment": segment},
        origin=Family.GEMINI,
    )


def _find_place(values: _Object, text: str) -> tuple[int | None, int | None]:
    """Return where a piece of text begins and ends; a start of 0 is left out on the wire."""
    start, end = values.get("startIndex", 0), values.get("endIndex")
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        return None, None
    data = text.encode("utf-8", "surrogatepass")
    return _count(data[:start]), _count(data[:end])


def _count(data: bytes) -> int:
    return len(data.decode("utf-8", "ignore"))


def _read(values: _Object, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None
