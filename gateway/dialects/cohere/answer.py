"""Answers of ``/v2/chat``, whole; its counts, ends and errors, which its stream has too.

Source: https://docs.cohere.com/reference/chat (November 2026) and recorded traffic.

Rule: what is counted are `tokens`, what the model has read and written; `billed_units` leave the
vendor's own prompt out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
    ChatAnswer,
    Choice,
    Citation,
    Family,
    Finish,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import load_exact
from gateway.dialects.hub.provided import list_objects, read_index, read_text
from gateway.dialects.spec import StreamFailure, Usage, build_counts, load_object, read_object
from gateway.errors import UpstreamMalformedError

Json = Mapping[str, Any]

_FINISHES: Final[Mapping[str, Finish]] = MappingProxyType(
    {
        "COMPLETE": Finish.STOP,
        "STOP_SEQUENCE": Finish.STOP_SEQUENCE,
        "MAX_TOKENS": Finish.LENGTH,
        "TOOL_CALL": Finish.TOOL_CALLS,
        "ERROR": Finish.FAILED,
        "TIMEOUT": Finish.FAILED,
        "ERROR_TOXIC": Finish.FILTERED,
        "ERROR_LIMIT": Finish.CONTEXT,
    }
)
_PLAIN: Final = frozenset({"COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL"})


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer.

    Raises:
        UpstreamMalformedError: it is none.
    """
    value = load_exact(body)
    message = None if value is None else value.get("message")
    if value is None or not isinstance(message, dict):
        raise UpstreamMalformedError("the answer has no message")
    finish, detail = parse_finish(value)
    return ChatAnswer(
        id=read_text(value, "id"),
        model="",
        choices=(Choice(tuple(_parse_parts(message)), finish, detail=detail),),
        usage=parse_usage(value),
    )


def _parse_parts(message: Json) -> Iterator[Part]:
    if plan := read_text(message, "tool_plan"):
        yield Reasoning(plan)
    cited: dict[int, list[Citation]] = {}
    content = list_objects(message, "content")
    first = next((at for at, one in enumerate(content) if one.get("type") == "text"), 0)
    for one in list_objects(message, "citations"):
        at = read_index(one, "content_index") if "content_index" in one else first
        cited.setdefault(at, []).append(parse_citation(one))
    for at, block in enumerate(content):
        yield parse_block(block, tuple(cited.get(at, ())))
    for call in list_objects(message, "tool_calls"):
        found = parse_call(call)
        yield ToolCall(found.id, found.name, found.arguments or "{}")


def parse_block(block: Json, citations: tuple[Citation, ...] = ()) -> Part:
    """Read one block of content; what has no name here comes as it is."""
    kind = block.get("type")
    if kind == "text":
        return Text(read_text(block, "text"), citations)
    if kind == "thinking":
        return Reasoning(read_text(block, "thinking"))
    return Opaque(Family.OTHER, str(kind), block)


def parse_call(call: Json) -> ToolCall:
    """Read a call; one without arguments has none."""
    function = read_object(call, "function")
    return ToolCall(
        read_text(call, "id"), read_text(function, "name"), read_text(function, "arguments")
    )


def parse_citation(value: Json) -> Citation:
    """Read what a text rests on: a document of the request, or what a tool gave back."""
    source = next(iter(list_objects(value, "sources")), {})
    data = read_object(source, "document") or read_object(source, "tool_output")
    start, end = value.get("start"), value.get("end")
    return Citation(
        url=read_text(data, "url") or None,
        title=read_text(data, "title") or None,
        quote=read_text(data, "text") or None,
        start=start if type(start) is int else None,
        end=end if type(end) is int else None,
        raw=value,
    )


def parse_finish(value: Json) -> tuple[Finish | None, str | None]:
    """Read why an answer ends: the hub's word, and the vendor's where it says more."""
    reason = value.get("finish_reason")
    if not isinstance(reason, str):
        return None, None
    return _FINISHES.get(reason, Finish.STOP), None if reason in _PLAIN else reason


def parse_usage(value: Json) -> Usage | None:
    """Read the counts of an answer, or of a stream's end; the cached ones are among the input."""
    usage = read_object(value, "usage")
    tokens = read_object(usage, "tokens") or read_object(usage, "billed_units")
    if not tokens:
        return None
    return build_counts(
        _read_count(tokens, "input_tokens"),
        _read_count(tokens, "output_tokens"),
        _read_count(usage, "cached_tokens"),
        None,
        _read_count(tokens, "reasoning_tokens"),
    )


def _read_count(value: Json, name: str) -> Any:
    """Return a count; Cohere's are of a type that may be written with a point."""
    found = value.get(name)
    return int(found) if isinstance(found, float) and found.is_integer() else found


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> StreamFailure:  # noqa: ARG001 - all stands in the body
    """Read an answer with a bad status; 498 is a blocked input, 499 a cancelled request."""
    value = load_object(body) or {}
    return StreamFailure(status, "error", read_text(value, "message"), body)
