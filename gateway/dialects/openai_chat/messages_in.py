"""A client's messages into the hub.

Rule: what a client gives back of an earlier answer (thoughts, calls) is what the gateway gave it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    Document,
    Family,
    Image,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.carry import take_from_id
from gateway.dialects.hub.content import CacheMark
from gateway.dialects.hub.fields import check, join_path, read, read_objects, refuse, want
from gateway.dialects.openai_chat.details import find_signature, parse_details

Json = Mapping[str, Any]

_ROLES: Final = {role.value: role for role in Role} | {"function": Role.TOOL}
_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_KNOWN: Final = frozenset(
    (
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "refusal",
        "audio",
        "function_call",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "annotations",
        "images",
        "cache_control",
        "parsed",  # what OpenAI's SDK has made of the content
    )
)
_AUDIO_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def parse_messages(body: Json) -> tuple[Message, ...]:
    """Return the messages of a body.

    Raises:
        MalformedRequestError: one of them is none.
    """
    given = read_objects(body, "messages")
    if not given:
        refuse("messages", "a list of at least one message")
    return tuple(_parse_message(value, at) for at, value in given)


def parse_data_url(url: str, at: str) -> Media:
    """Return where the bytes of a URL are: within it, or elsewhere.

    Raises:
        MalformedRequestError: it is neither a URL nor base64 in one.
    """
    match = _DATA_URL.match(url)
    if match is None:
        if not url.startswith(("http://", "https://", "gs://", "s3://")):
            refuse(at, "an http or data URL")
        return Media(url=url)
    if not match[2].lower().endswith(";base64"):
        refuse(at, "a data URL in base64")
    return Media(media_type=match[1] or None, data=url[match.end() :])


def parse_cache(value: Json) -> CacheMark | None:
    """Return the cache mark that Anthropic's users put on OpenAI parts, as OpenRouter has it."""
    mark = value.get("cache_control")
    if not isinstance(mark, dict):
        return None
    ttl = mark.get("ttl")
    return CacheMark(ttl if isinstance(ttl, str) else None)


def _parse_message(value: Json, at: str) -> Message:
    role = _ROLES.get(want(value, "role", str, at))
    if role is None:
        refuse(join_path(at, "role"), f"one of: {', '.join(_ROLES)}")
    if role is Role.TOOL:
        parts: tuple[Part, ...] = (_parse_result(value, at),)
    elif role is Role.ASSISTANT:
        parts = tuple(_iter_assistant(value, at))
    else:
        parts = tuple(_iter_content(value, at))
    mark = parse_cache(value)
    if mark is not None and parts and isinstance(parts[-1], Text | Image | Document):
        parts = (*parts[:-1], replace(parts[-1], cache=mark))
    extra = {name: item for name, item in value.items() if name not in _KNOWN}
    name = None if role is Role.TOOL else read(value, "name", str, at)
    return Message(role, parts, name=name, extra=extra, at=at)


def _iter_content(value: Json, at: str) -> Iterator[Part]:
    content = value.get("content")
    if isinstance(content, str):
        yield Text(content, at=join_path(at, "content"))
    elif content is not None:
        for path, part in read_objects(value, "content", at):
            yield _parse_part(part, path)


def _iter_assistant(value: Json, at: str) -> Iterator[Part]:
    yield from _iter_thoughts(value, at)
    if value.get("content") != "":
        yield from _iter_content(value, at)
    refusal = read(value, "refusal", str, at)
    if refusal:
        yield Refusal(refusal, at=join_path(at, "refusal"))
    audio = read(value, "audio", dict, at)
    if audio is not None:
        yield Audio(Media(), id=want(audio, "id", str, join_path(at, "audio")), at=f"{at}.audio")
    for path, image in read_objects(value, "images", at):
        yield _parse_image(image, path)
    for path, call in read_objects(value, "tool_calls", at):
        yield _parse_call(call, path)
    function = read(value, "function_call", dict, at)
    if function is not None:
        path = join_path(at, "function_call")
        name = want(function, "name", str, path)
        yield ToolCall(name, name, read(function, "arguments", str, path) or "", at=path)


def _iter_thoughts(value: Json, at: str) -> Iterator[Part]:
    details = value.get("reasoning_details")
    if isinstance(details, list) and details:
        yield from parse_details(details, join_path(at, "reasoning_details"))
        return
    for name in ("reasoning_content", "reasoning"):
        text = value.get(name)
        if isinstance(text, str) and text:
            yield Reasoning(text, at=join_path(at, name))
            return


def _parse_call(call: Json, at: str) -> ToolCall:
    call_id, signature = take_from_id(read(call, "id", str, at) or "")
    is_custom = call.get("type") == "custom"
    kind = "custom" if is_custom else "function"
    inner = want(call, kind, dict, at)
    text = read(inner, "input" if is_custom else "arguments", str, f"{at}.{kind}") or ""
    name = want(inner, "name", str, f"{at}.{kind}")
    signature = signature or find_signature(call)
    return ToolCall(call_id, name, text, custom=is_custom, signature=signature, at=at)


def _parse_result(value: Json, at: str) -> ToolResult:
    name = read(value, "name", str, at)
    given = read(value, "tool_call_id", str, at)
    if given is None:
        given = name if value.get("role") == "function" else None
    if given is None:
        refuse(join_path(at, "tool_call_id"), "a string")
    parts = tuple(_iter_content(value, at))
    return ToolResult(take_from_id(given)[0], parts, name=name, cache=parse_cache(value), at=at)


def _parse_part(value: Json, at: str) -> Part:
    kind = want(value, "type", str, at)
    parse = _PARTS.get(kind)
    return Opaque(Family.OPENAI, kind, value, at=at) if parse is None else parse(value, at)


def _parse_text(value: Json, at: str) -> Part:
    return Text(want(value, "text", str, at), cache=parse_cache(value), at=at)


def _parse_image(value: Json, at: str) -> Part:
    given = value.get("image_url")
    path = join_path(at, "image_url")
    if isinstance(given, str):  # older clients, and Mistral's
        return Image(parse_data_url(given, path), cache=parse_cache(value), at=at)
    inner = check(given, dict, path)
    media = parse_data_url(want(inner, "url", str, path), join_path(path, "url"))
    detail = read(inner, "detail", str, path)
    return Image(media, detail=detail, cache=parse_cache(value), at=at)


def _parse_audio(value: Json, at: str) -> Part:
    inner, path = want(value, "input_audio", dict, at), join_path(at, "input_audio")
    form = want(inner, "format", str, path)
    data = want(inner, "data", str, path)
    return Audio(Media(media_type=_AUDIO_TYPES.get(form, f"audio/{form}"), data=data), at=at)


def _parse_file(value: Json, at: str) -> Part:
    inner, path = want(value, "file", dict, at), join_path(at, "file")
    name = read(inner, "filename", str, path)
    data = read(inner, "file_data", str, path)
    if data is None:
        media = Media(file_id=want(inner, "file_id", str, path))
    elif data.startswith(("data:", "https://", "http://")):
        media = parse_data_url(data, join_path(path, "file_data"))
    else:
        media = Media(media_type="application/pdf", data=data)
    return Document(media, name=name, cache=parse_cache(value), at=at)


def _parse_document_url(value: Json, at: str) -> Part:
    """Read Mistral's part: ``{"type": "document_url", "document_url": a URL}``."""
    media = parse_data_url(want(value, "document_url", str, at), join_path(at, "document_url"))
    name = read(value, "document_name", str, at)
    return Document(media, name=name, cache=parse_cache(value), at=at)


def _parse_video(value: Json, at: str) -> Part:
    inner, path = want(value, "video_url", dict, at), join_path(at, "video_url")
    return Video(parse_data_url(want(inner, "url", str, path), join_path(path, "url")), at=at)


def _parse_refusal(value: Json, at: str) -> Part:
    return Refusal(want(value, "refusal", str, at), at=at)


def _parse_thinking(value: Json, at: str) -> Part:
    """Read Mistral's part: ``{"type": "thinking", "thinking": [{"type": "text", "text"}]}``."""
    given = value.get("thinking")
    if isinstance(given, str):
        return Reasoning(given, at=at)
    texts = [part.get("text") for _, part in read_objects(value, "thinking", at)]
    return Reasoning("".join(text for text in texts if isinstance(text, str)), at=at)


_PARTS: Final[Mapping[str, Callable[[Json, str], Part]]] = {
    "text": _parse_text,
    "image_url": _parse_image,
    "input_audio": _parse_audio,
    "file": _parse_file,
    "document_url": _parse_document_url,
    "video_url": _parse_video,
    "refusal": _parse_refusal,
    "thinking": _parse_thinking,
}
