"""Content blocks of requests, as parts.

Source: Anthropic's API reference, "Create a Message"; anthropic-sdk-python 2.12's types.

Rule: a block of a type that is not known here is an `Opaque` with all that it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.anthropic_messages.thoughts import parse_hidden, parse_thinking
from gateway.dialects.hub import (
    CacheMark,
    Citation,
    Document,
    Family,
    Image,
    Media,
    Opaque,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.hub.arguments import dump_arguments
from gateway.dialects.hub.carry import take_from_id, unwrap
from gateway.dialects.hub.fields import check, join_path, read, refuse, want

_Object = Mapping[str, Any]


def parse_content(value: Any, at: str) -> tuple[Part, ...]:
    """Read what a message, a system prompt or a tool's result holds: a text or blocks.

    Raises:
        MalformedRequestError: with the place of what is wrong.
    """
    if isinstance(value, str):
        return (Text(value, at=at),)
    if not isinstance(value, list):
        refuse(at, "a string or a list of blocks")
    return tuple(parse_block(one, f"{at}[{index}]") for index, one in enumerate(value))


def parse_block(value: Any, at: str) -> Part:
    """Read one block."""
    block = check(value, dict, at)
    kind = want(block, "type", str, at)
    parse = _BLOCKS.get(kind)
    found = None if parse is None else parse(block, at)
    return Opaque(Family.ANTHROPIC, kind, block, at) if found is None else found


def parse_cache(block: _Object, at: str) -> CacheMark | None:
    """Read a cache mark."""
    mark = read(block, "cache_control", dict, at)
    return None if mark is None else CacheMark(read(mark, "ttl", str, f"{at}.cache_control"))


def parse_citation(value: Any) -> Citation:
    """Read a citation of Anthropic's; what it says more than the hub knows stays in `raw`.

    Its positions are within the cited document, not within the text, and so no `start`.
    """
    raw = value if isinstance(value, dict) else {}
    index = raw.get("encrypted_index")
    origin = unwrap(index, Family.ANTHROPIC)[0] if isinstance(index, str) else Family.ANTHROPIC

    def find(*names: str) -> str | None:
        return next((raw[name] for name in names if isinstance(raw.get(name), str)), None)

    return Citation(
        url=find("url"),
        title=find("title", "document_title"),
        quote=find("cited_text"),
        raw=raw if origin is Family.ANTHROPIC else {},
        origin=origin,
    )


def _parse_text(block: _Object, at: str) -> Part:
    citations = read(block, "citations", list, at) or []
    return Text(
        want(block, "text", str, at),
        tuple(map(parse_citation, citations)),
        parse_cache(block, at),
        at=at,
    )


def _parse_image(block: _Object, at: str) -> Part | None:
    media = _parse_source(want(block, "source", dict, at), f"{at}.source")
    return None if media is None else Image(media, cache=parse_cache(block, at), at=at)


def _parse_document(block: _Object, at: str) -> Part | None:
    source = want(block, "source", dict, at)
    media = _parse_source(source, f"{at}.source")
    raw: _Object = {}
    if media is None and source.get("type") == "content":
        media, raw = _join_texts(source.get("content"), f"{at}.source.content"), block
    if media is None:
        return None
    cited = read(block, "citations", dict, at) or {}
    return Document(
        media,
        name=read(block, "title", str, at),
        context=read(block, "context", str, at),
        citations=read(cited, "enabled", bool, f"{at}.citations"),
        cache=parse_cache(block, at),
        at=at,
        raw=raw,
    )


def _parse_search_result(block: _Object, at: str) -> Part | None:
    """Read what a client's own search has found: to other vendors it is a document."""
    media = _join_texts(block.get("content"), f"{at}.content")
    if media is None:
        return None
    return Document(
        media,
        name=read(block, "title", str, at),
        context=read(block, "source", str, at),
        cache=parse_cache(block, at),
        at=at,
        raw=block,
    )


def _join_texts(content: Any, at: str) -> Media | None:
    """Return blocks of text as one document; None where some of them are none."""
    texts = [part.text for part in parse_content(content, at) if isinstance(part, Text)]
    if not isinstance(content, str) and len(texts) < len(content):
        return None
    return Media("text/plain", text="\n\n".join(texts))


def _parse_source(source: _Object, at: str) -> Media | None:
    """Read where media are; None where they are in a way that only Anthropic knows."""
    kind = want(source, "type", str, at)
    media_type = read(source, "media_type", str, at)
    if kind == "base64":
        return Media(media_type, data=want(source, "data", str, at))
    if kind == "url":
        return Media(media_type, url=want(source, "url", str, at))
    if kind == "file":
        return Media(media_type, file_id=want(source, "file_id", str, at))
    if kind == "text":
        return Media(media_type or "text/plain", text=want(source, "data", str, at))
    return None


def _parse_tool_use(block: _Object, at: str) -> Part:
    own_id, signature = take_from_id(want(block, "id", str, at))
    return ToolCall(
        own_id,
        want(block, "name", str, at),
        dump_arguments(want(block, "input", dict, at)),
        signature=signature,
        cache=parse_cache(block, at),
        at=at,
        extra=pick_extra(block),
    )


def pick_extra(block: _Object) -> dict[str, Any]:
    """Return who called a tool, where that says more than that the model did."""
    caller, toolset = block.get("caller"), block.get("toolset_name")
    extra = {} if toolset is None else {"toolset_name": toolset}
    if isinstance(caller, dict) and caller.get("type") != "direct":
        extra["caller"] = caller
    return extra


def _parse_tool_result(block: _Object, at: str) -> Part:
    content = block.get("content")
    own_id, _ = take_from_id(want(block, "tool_use_id", str, at))
    return ToolResult(
        own_id,
        () if content is None else parse_content(content, join_path(at, "content")),
        is_error=read(block, "is_error", bool, at) or False,
        cache=parse_cache(block, at),
        at=at,
    )


def _parse_thinking(block: _Object, at: str) -> Part:
    return parse_thinking(want(block, "thinking", str, at), read(block, "signature", str, at), at)


def _parse_redacted(block: _Object, at: str) -> Part:
    return parse_hidden(want(block, "data", str, at), at)


_BLOCKS: Final[Mapping[str, Callable[[_Object, str], Part | None]]] = {
    "text": _parse_text,
    "image": _parse_image,
    "document": _parse_document,
    "search_result": _parse_search_result,
    "tool_use": _parse_tool_use,
    "tool_result": _parse_tool_result,
    "thinking": _parse_thinking,
    "redacted_thinking": _parse_redacted,
}
