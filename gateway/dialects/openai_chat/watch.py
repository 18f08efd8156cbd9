"""OpenAI Chat Completions, and the older Completions.

Source: OpenAI's API reference; recordings of OpenAI, Azure, Groq, Mistral,
DeepSeek and OpenRouter. A stream is `data:` lines of chunks and ends with
``data: [DONE]``, which some compatible servers leave out.

Rule: a chunk that names only the role, or a tool without arguments, commits to nothing; the
reason why an answer ends does.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from gateway.dialects.choices import SECOND, SECOND_SPACED, Choices
from gateway.dialects.openai import (
    VENDOR,
    build_usage,
    dump_error,
    find_failure,
    parse_usage,
)
from gateway.dialects.spec import (
    DialectSpec,
    StreamFailure,
    Usage,
    build_error_finder,
    build_text_counter,
    load_object,
)
from gateway.dialects.watch import DONE, SseWatch
from gateway.entities import Dialect
from gateway.errors import LockgateError

_REASON: Final = "finish_reason"
# Parts of a delta that say how the answer is labelled, not what it is.
_LABELS: Final = frozenset({"role", "channel", "name"})


class ChatWatch(SseWatch):
    """Watches a stream of chat or completion chunks."""

    text: ClassVar = re.compile(
        rb'"(?:content|text|arguments|reasoning_content|reasoning|refusal)"'
        rb'\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
    )
    text_anchor: ClassVar = b'"choices"'
    of_interest: ClassVar = (b'_tokens"', b'"error"', b"[DONE]")

    __slots__ = ("_choices", "_last_choice", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._usage: Usage | None = None
        self._choices: Choices | None = None  # where there are several
        self._last_choice = b""  # the last event with a choice: the counts may come after it

    @property
    def complete(self) -> bool:
        """Whether the end marker has come, or each choice has said why it ends."""
        if self.finished or not self.at_boundary:
            return self.finished
        if self._choices is not None:
            return self._choices.have_ended
        choices = self._find_choices(self._last_choice)
        return isinstance(choices, list) and any(map(_has_ended, choices))

    @property
    def usage(self) -> Usage | None:
        """The last counts that a chunk gave; most servers give them at the end, if asked."""
        return self._usage

    def _find_choices(self, block: bytes) -> Any:
        return (load_object(self._find_data(block) or b"") or {}).get("choices")

    def _count(self, block: bytes) -> None:
        choices = self._choices or Choices()
        if self._choices is None:
            choices.see(self._find_choices(self._last_choice), _REASON)
        choices.see(self._find_choices(block), _REASON)
        if choices.is_many:
            self._choices = choices

    def _remember(self, block: bytes) -> None:
        if self._choices is not None or SECOND in block or SECOND_SPACED in block:
            self._count(block)
        if b'"finish_reason"' in block or b'"delta"' in block:
            self._last_choice = block

    def _has_content(self, value: dict[str, Any]) -> bool:
        choices = value.get("choices")
        return isinstance(choices, list) and any(
            _has_content(choice) for choice in choices if isinstance(choice, dict)
        )

    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        return find_failure(value, data)

    def _see(self, value: dict[str, Any]) -> None:
        self._usage = build_usage(value) or self._usage

    def _is_end(self, data: bytes) -> bool:
        return data.strip() == DONE

    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:
        return b"data: " + dump_error(error, request_id) + b"\n\n"


def _has_ended(choice: Any) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get(_REASON), str)


def _has_content(choice: dict[str, Any]) -> bool:
    if choice.get("text") or _has_ended(choice):
        return True
    delta = choice.get("delta") or choice.get("message")
    return isinstance(delta, dict) and any(
        any(map(_has_arguments, value))
        if name == "tool_calls" and isinstance(value, list)
        else _has_arguments({"function": value})
        if name == "function_call"
        else value
        for name, value in delta.items()
        if name not in _LABELS
    )


def _has_arguments(call: Any) -> bool:
    """Tell whether a tool call is more than announced: nothing can be done with a name alone."""
    if not isinstance(call, dict):
        return bool(call)
    function, custom = call.get("function"), call.get("custom")
    return bool(
        (isinstance(function, dict) and function.get("arguments"))
        or (isinstance(custom, dict) and custom.get("input"))
    )


def _build_spec(name: Dialect) -> DialectSpec:
    return DialectSpec(
        name=name,
        vendor=VENDOR,
        watch=ChatWatch,
        parse_usage=parse_usage,
        dump_error=dump_error,
        find_error=build_error_finder(find_failure),
        count_output=build_text_counter(ChatWatch.text),
        end_required=True,
    )


CHAT_SPEC: Final = _build_spec(Dialect.OPENAI_CHAT)
COMPLETIONS_SPEC: Final = _build_spec(Dialect.OPENAI_COMPLETIONS)
