"""The parts of a message or of a tool's result, as a client of OpenAI Responses writes them.

Source: OpenAI's API reference, "Create a model response", input items; Codex for ``audio_url``.

Rule: a part of an unknown type is Opaque, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Family,
    Image,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
)
from gateway.dialects.hub.fields import check, join_path, read, refuse, want


def parse_content(item: Mapping[str, Any], name: str, at: str) -> tuple[Part, ...]:
    """Read a text or a list of parts."""
    path = join_path(at, name)
    content = item.get(name)
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content, at=path),)
    if not isinstance(content, list):
        refuse(path, "a string or a list of parts")
    return tuple(
        _parse_part(check(part, dict, f"{path}[{index}]"), f"{path}[{index}]")
        for index, part in enumerate(content)
    )


def parse_citation(raw: Mapping[str, Any]) -> Citation:
    """Read an annotation of a text; what is missing in it is None."""
    return Citation(
        url=_find_text(raw, "url"),
        title=_find_text(raw, "title") or _find_text(raw, "filename"),
        start=_find_count(raw, "start_index"),
        end=_find_count(raw, "end_index"),
        raw=raw,
        origin=Family.OPENAI,
    )


def _find_text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) else None


def _find_count(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    return value if type(value) is int else None


def _parse_part(part: Mapping[str, Any], at: str) -> Part:
    kind = want(part, "type", str, at)
    parse = _PARTS.get(kind)
    return Opaque(Family.OPENAI, kind, part, at=at) if parse is None else parse(part, at)


def _parse_text(part: Mapping[str, Any], at: str) -> Part:
    notes = read(part, "annotations", list, at) or []
    return Text(
        want(part, "text", str, at),
        citations=tuple(parse_citation(one) for one in notes if isinstance(one, dict)),
        cache=_parse_mark(part, at),
        at=at,
    )


def _parse_refusal(part: Mapping[str, Any], at: str) -> Part:
    return Refusal(want(part, "refusal", str, at), at=at)


def _parse_image(part: Mapping[str, Any], at: str) -> Part:
    url, file_id = read(part, "image_url", str, at), read(part, "file_id", str, at)
    if url is None and file_id is None:
        refuse(join_path(at, "image_url"), "a URL, or 'file_id' a file's id")
    media = Media(file_id=file_id) if url is None else parse_url(url)
    detail = read(part, "detail", str, at)
    return Image(media, detail=detail, cache=_parse_mark(part, at), at=at)


def _parse_file(part: Mapping[str, Any], at: str) -> Part:
    data = read(part, "file_data", str, at)
    url, file_id = read(part, "file_url", str, at), read(part, "file_id", str, at)
    if data is not None:
        media = parse_url(data) if data.startswith("data:") else Media(data=data)
    elif url is None and file_id is None:
        refuse(join_path(at, "file_data"), "the file, or 'file_url' or 'file_id' where it is")
    else:
        media = Media(file_id=file_id) if url is None else parse_url(url)
    name = read(part, "filename", str, at)
    return Document(media, name=name, cache=_parse_mark(part, at), at=at)


def _parse_audio(part: Mapping[str, Any], at: str) -> Part:
    url = read(part, "audio_url", str, at)
    if url is not None:
        return Audio(parse_url(url), at=at)
    sound, path = want(part, "input_audio", dict, at), join_path(at, "input_audio")
    form = want(sound, "format", str, path)
    return Audio(Media(f"audio/{form}", data=want(sound, "data", str, path)), at=at)


def parse_url(url: str) -> Media:
    """Return what a URL stands for: its bytes where it is a ``data:`` URL."""
    if not url.startswith("data:"):
        return Media(url=url)
    head, _, data = url[len("data:") :].partition(",")
    media_type, _, coding = head.partition(";")
    if not coding.endswith("base64"):
        return Media(url=url)
    return Media(media_type or None, data=data)


def _parse_mark(part: Mapping[str, Any], at: str) -> CacheMark | None:
    mark = read(part, "prompt_cache_breakpoint", dict, at)
    if mark is None:
        return None
    return CacheMark(read(mark, "ttl", str, join_path(at, "prompt_cache_breakpoint")))


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Part]]] = MappingProxyType(
    {
        "input_text": _parse_text,
        "output_text": _parse_text,
        "text": _parse_text,
        "refusal": _parse_refusal,
        "input_image": _parse_image,
        "input_file": _parse_file,
        "input_audio": _parse_audio,
    }
)
