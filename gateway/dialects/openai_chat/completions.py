"""The older Completions, for their clients: a prompt is a user's message, an answer is text.

Rule: what makes sense only for a model that continues a text is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Asked,
    Begun,
    ChatAnswer,
    ChatRequest,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Finish,
    Message,
    PartBegun,
    PartDelta,
    Refusal,
    Role,
    Text,
)
from gateway.dialects.hub.carry import build_id
from gateway.dialects.hub.fields import check, refuse
from gateway.dialects.openai import dump_error
from gateway.dialects.openai_chat.answer_out import dump_finish, dump_line, dump_usage
from gateway.dialects.openai_chat.request_in import parse_request as parse_chat
from gateway.dialects.spec import Usage
from gateway.entities import Dialect
from gateway.errors import LockgateError

Json = dict[str, Any]

# What only a model that continues a text can do, and the value that asks for nothing.
_REFUSED: Final = {"suffix": "", "echo": False, "best_of": 1, "logprobs": None}


def parse_request(body: Mapping[str, Any], model: str, stream: bool) -> ChatRequest:
    """Return what a client asks for.

    Raises:
        MalformedRequestError: a field is not what it has to be, or continues a text.
    """
    for name, nothing in _REFUSED.items():
        if body.get(name) is not None and body[name] != nothing:
            refuse(name, "left out: the endpoint's model answers, it does not continue a text")
    prompt = body.get("prompt")
    if isinstance(prompt, list):
        if len(prompt) != 1:
            refuse("prompt", "one text")
        prompt = prompt[0]
    text = check(prompt, str, "prompt")
    rest = {name: value for name, value in body.items() if name not in ("prompt", *_REFUSED)} | {
        "messages": [{"role": "user", "content": text}]
    }
    message = Message(Role.USER, (Text(text, at="prompt"),), at="prompt")
    parsed = parse_chat(rest, model, stream)
    return dataclasses.replace(parsed, dialect=Dialect.OPENAI_COMPLETIONS, messages=(message,))


def dump_answer(answer: ChatAnswer, asked: Asked) -> Json:
    """Return the body of a whole answer."""
    choices = [
        {
            "index": choice.index,
            "text": "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal)),
            "logprobs": None,
            "finish_reason": _dump_finish(
                choice.finish, refused=any(isinstance(part, Refusal) for part in choice.parts)
            ),
        }
        for choice in answer.choices
    ]
    head = _build_head(Begun(answer.id, answer.model, answer.created_s), asked)
    counts = {} if answer.usage is None else {"usage": dump_usage(answer.usage)}
    return head | {"choices": choices} | counts


def _dump_finish(finish: Finish | None, *, refused: bool) -> str:
    """Return why an answer ends: this format knows no calls of tools, and no words of refusal."""
    if refused:
        return "content_filter"
    return "stop" if finish is Finish.TOOL_CALLS else dump_finish(finish)


def _build_head(event: Begun, asked: Asked) -> Json:
    return {
        "id": event.id or build_id("cmpl-", asked.request_id),
        "object": "text_completion",
        "created": event.created_s or asked.now_s,
        "model": event.model or asked.request.model,
    }


class CompletionsWriter:
    """Writes one stream: text alone."""

    __slots__ = ("_asked", "_head", "_refused", "_shown", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._head = _build_head(Begun("", ""), asked)
        self._refused: set[int] = set()  # the choices with words of refusal
        self._shown: set[tuple[int, int]] = set()  # the parts that are text
        self._usage: Usage | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """Return the chunks of these events."""
        return b"".join(map(self._write, events))

    def fail(self, error: LockgateError) -> bytes:
        """Return the error as the last event; no end marker follows."""
        return b"data: " + dump_error(error, self._asked.request_id) + b"\n\n"

    def _write(self, event: Event) -> bytes:
        if isinstance(event, PartDelta):
            shown = (event.choice, event.number) in self._shown
            return self._dump(event.choice, event.text) if shown else b""
        if isinstance(event, PartBegun):
            return self._begin_part(event)
        if isinstance(event, ChoiceEnded):
            refused = event.choice in self._refused
            return self._dump(event.choice, "", _dump_finish(event.finish, refused=refused))
        if isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Begun):
            self._head = _build_head(event, self._asked)
        elif isinstance(event, Ended):
            return self._dump_end()
        return b""

    def _begin_part(self, event: PartBegun) -> bytes:
        part = event.part
        if isinstance(part, Refusal):
            self._refused.add(event.choice)
        elif not isinstance(part, Text):
            return b""
        self._shown.add((event.choice, event.number))
        return self._dump(event.choice, part.text) if part.text else b""

    def _dump(self, choice: int, text: str, reason: str | None = None) -> bytes:
        value = {"index": choice, "text": text, "logprobs": None, "finish_reason": reason}
        counts = {"usage": None} if self._asked.request.include_usage else {}
        return dump_line(self._head | {"choices": [value]} | counts)

    def _dump_end(self) -> bytes:
        counts = b""
        if self._asked.request.include_usage and self._usage is not None:
            counts = dump_line(self._head | {"choices": [], "usage": dump_usage(self._usage)})
        return counts + b"data: [DONE]\n\n"
