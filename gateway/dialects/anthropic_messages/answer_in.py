"""A provider's whole answer and its errors, and the pieces that its stream is read with too.

Source: Anthropic's API reference, "Create a Message", "Errors"; recordings.

Rule: an answer is read leniently: what is missing is not said, what nobody knows is an `Opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gateway.dialects.anthropic_messages.blocks_in import parse_citation, pick_extra
from gateway.dialects.anthropic_messages.watch import build_usage, find_failure
from gateway.dialects.hub import (
    ChatAnswer,
    Choice,
    Family,
    Finish,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import dump_arguments, load_exact
from gateway.dialects.spec import StreamFailure, read_count, read_object
from gateway.errors import UpstreamMalformedError

_Object = Mapping[str, Any]
_FINISHES: Final = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP_SEQUENCE,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.CONTEXT,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSED,
    "pause_turn": Finish.PAUSED,
}


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer.

    Raises:
        UpstreamMalformedError: no JSON object, or none with content.
    """
    answer = load_exact(body)
    if answer is None or not isinstance(answer.get("content"), list):
        raise UpstreamMalformedError("the provider's answer is no message")
    parts = [parse_part(block) for block in answer["content"] if isinstance(block, dict)]
    refusal = find_refusal(answer)
    if refusal is not None:
        parts.append(Refusal(refusal))
    finish, stop_sequence, detail = parse_end(answer)
    usage = read_object(answer, "usage")
    return ChatAnswer(
        id=read_text(answer, "id"),
        model=read_text(answer, "model"),
        choices=(Choice(tuple(parts), finish, stop_sequence=stop_sequence, detail=detail),),
        usage=build_usage(usage),
        service_tier=read_text(usage, "service_tier") or None,
    )


def parse_end(values: _Object) -> tuple[Finish | None, str | None, str | None]:
    """Read why an answer ends: the reason, the sequence that stopped it, the vendor's word.

    A reason that is not known here is an end like any other.
    """
    reason = values.get("stop_reason")
    if not isinstance(reason, str):
        return None, None, None
    finish = _FINISHES.get(reason)
    category = read_text(read_object(values, "stop_details"), "category") or None
    detail = reason if finish is None else category
    return finish or Finish.STOP, read_text(values, "stop_sequence") or None, detail


def find_refusal(values: _Object) -> str | None:
    """Return why the model did not answer, where that is said."""
    if values.get("stop_reason") != "refusal":
        return None
    return read_text(read_object(values, "stop_details"), "explanation") or None


def read_text(values: _Object, name: str) -> str:
    """Return a text, "" where it is missing or something else."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def parse_part(block: _Object) -> Part:
    """Read a block."""
    kind = read_text(block, "type")
    parse = _PARTS.get(kind)
    return Opaque(Family.ANTHROPIC, kind, block) if parse is None else parse(block)


def _parse_text(block: _Object) -> Part:
    citations = block.get("citations")
    given = citations if isinstance(citations, list) else []
    return Text(read_text(block, "text"), tuple(map(parse_citation, given)))


def _parse_call(block: _Object) -> Part:
    given = block.get("input")
    return ToolCall(
        read_text(block, "id"),
        read_text(block, "name"),
        dump_arguments(given),
        extra=pick_extra(block),
    )


def _parse_thinking(block: _Object) -> Part:
    return Reasoning(
        read_text(block, "thinking"),
        signature=read_text(block, "signature") or None,
        origin=Family.ANTHROPIC,
    )


def _parse_redacted(block: _Object) -> Part:
    return Reasoning(encrypted=read_text(block, "data"), redacted=True, origin=Family.ANTHROPIC)


_PARTS: Final[Mapping[str, Callable[[_Object], Part]]] = {
    "text": _parse_text,
    "tool_use": _parse_call,
    "thinking": _parse_thinking,
    "redacted_thinking": _parse_redacted,
}


def parse_error(status: int, _headers: Mapping[str, str], body: bytes) -> StreamFailure:
    """Return what the provider says in an answer with a bad status.

    Servers that speak the format say it in other forms as well; a text is one.
    """
    value = load_exact(body) or {}
    found = find_failure(value, body)
    kind, message = ("", "") if found is None else (found.code, found.message)
    return StreamFailure(status, kind, message or next(_find_messages(value), ""), body)


def _find_messages(value: _Object) -> Iterator[str]:
    for one in (value.get("message"), value.get("detail"), value.get("error")):
        if isinstance(one, str):
            yield one


def parse_count(body: bytes) -> int:
    """Read a count of tokens.

    Raises:
        UpstreamMalformedError: there is none.
    """
    count = read_count(load_exact(body) or {}, "input_tokens")
    if count is None:
        raise UpstreamMalformedError("the provider's answer is no count of tokens")
    return count
