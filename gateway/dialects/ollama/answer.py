"""Answers of ``/api/chat``, whole and in lines: each line is a whole answer's form.

Source: https://docs.ollama.com/api/chat (November 2026) and recorded traffic.

Rule: a count that Ollama does not say (the prompt's, if it was cached) is not made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
    ChatAnswer,
    Choice,
    Finish,
    Image,
    Media,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import dump_arguments, load_exact
from gateway.dialects.hub.provided import list_objects, read_text
from gateway.dialects.spec import StreamFailure, Usage, build_counts, load_object, read_object
from gateway.errors import UpstreamMalformedError

Json = Mapping[str, Any]

_FINISHES: Final[Mapping[str, Finish]] = MappingProxyType(
    {"stop": Finish.STOP, "length": Finish.LENGTH}
)
# Seconds; the fraction has as many digits as the moment needed.
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer.

    Raises:
        UpstreamMalformedError: it is none.
    """
    value = load_exact(body)
    message = None if value is None else value.get("message")
    if value is None or not isinstance(message, dict):
        raise UpstreamMalformedError("the answer has no message")
    parts = tuple(parse_parts(message))
    finish, detail = parse_finish(value, has_calls=any(isinstance(one, ToolCall) for one in parts))
    return ChatAnswer(
        id="",
        model=read_text(value, "model"),
        choices=(Choice(parts, finish, detail=detail, logprobs=parse_logprobs(value)),),
        usage=parse_usage(value),
        created_s=parse_moment(value.get("created_at")),
    )


def parse_parts(message: Json) -> list[Part]:
    """Read what a message holds, in the order in which it is made."""
    parts: list[Part] = []
    if thinking := read_text(message, "thinking"):
        parts.append(Reasoning(thinking))
    if content := read_text(message, "content"):
        parts.append(Text(content))
    images = message.get("images")
    if isinstance(images, list):
        parts += [Image(Media("image/png", one)) for one in images if isinstance(one, str)]
    return parts + list(parse_calls(message))


def parse_calls(message: Json) -> list[ToolCall]:
    """Read a message's calls; older servers give no ids."""
    found = []
    for call in list_objects(message, "tool_calls"):
        function = read_object(call, "function")
        arguments = dump_arguments(function.get("arguments"))
        found.append(ToolCall(read_text(call, "id"), read_text(function, "name"), arguments))
    return found


def parse_finish(value: Json, *, has_calls: bool) -> tuple[Finish | None, str | None]:
    """Read why an answer ends; that it ends with calls Ollama does not say."""
    if value.get("done") is not True:
        return None, None
    reason = read_text(value, "done_reason")
    finish = _FINISHES.get(reason, Finish.STOP)
    if has_calls and finish is Finish.STOP:
        finish = Finish.TOOL_CALLS
    return finish, None if reason in _FINISHES else reason or None


def parse_usage(value: Json) -> Usage | None:
    """Read the counts of an answer's last line."""
    given, made = value.get("prompt_eval_count"), value.get("eval_count")
    return None if given is None and made is None else build_counts(given, made)


def parse_logprobs(value: Json) -> Json | None:
    """Read logprobs, which are OpenAI's list without its frame."""
    found = value.get("logprobs")
    return {"content": list_objects(value, "logprobs")} if isinstance(found, list) else None


def parse_moment(value: Any) -> int | None:
    """Read a moment as seconds since 1970; None where it is none."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    zone = "+00:00" if found.group(2) == "Z" else found.group(2)
    try:
        return int(datetime.fromisoformat(found.group(1) + zone).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> StreamFailure:  # noqa: ARG001 - all stands in the body
    """Read an answer with a bad status."""
    return build_failure(load_object(body) or {}, body, status)


def build_failure(value: Json, body: bytes, status: int | None = None) -> StreamFailure:
    """Return the error that ``{"error": "..."}`` is, whole or as a line of a stream."""
    error = value.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    given = value.get("status_code")
    if status is None and type(given) is int:
        status = given
    return StreamFailure(status, "error", error if isinstance(error, str) else "", body)
