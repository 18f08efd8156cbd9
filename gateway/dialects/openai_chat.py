"""OpenAI Chat Completions, and the older Completions.

Source: OpenAI's API reference; recordings of OpenAI, Azure, Groq, Mistral,
DeepSeek and OpenRouter. A stream is `data:` lines of chunks and ends with
``data: [DONE]``, which some compatible servers leave out.

Rule: a chunk that names only the role commits to nothing.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from gateway.dialects.openai import (
    VENDOR,
    build_failure,
    build_usage,
    dump_error,
    parse_usage,
)
from gateway.dialects.spec import DialectSpec, StreamFailure, Usage, load_object
from gateway.dialects.watch import SseWatch
from gateway.entities import Dialect
from gateway.errors import LockgateError

_DONE: Final = b"[DONE]"
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

    __slots__ = ("_last_choice", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._usage: Usage | None = None
        self._last_choice = b""  # the last event with a choice: the counts may come after it

    @property
    def complete(self) -> bool:
        """Whether the end marker has come, or the last choice has said why it ends."""
        if self.finished or not self.at_boundary:
            return self.finished
        value = load_object(self._find_data(self._last_choice) or b"") or {}
        choices = value.get("choices")
        return isinstance(choices, list) and any(
            isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str)
            for choice in choices
        )

    @property
    def usage(self) -> Usage | None:
        """The last counts that a chunk gave; most servers give them at the end, if asked."""
        return self._usage

    def _remember(self, block: bytes) -> None:
        if b'"finish_reason"' in block or b'"delta"' in block:
            self._last_choice = block

    def _has_content(self, value: dict[str, Any]) -> bool:
        choices = value.get("choices")
        return isinstance(choices, list) and any(
            _has_content(choice) for choice in choices if isinstance(choice, dict)
        )

    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        error = value.get("error")
        if error is None and value.get("object") == "error":  # Mistral's and old vLLM's shape
            error = value
        return build_failure(error, data) if error else None

    def _see(self, value: dict[str, Any]) -> None:
        self._usage = build_usage(value) or self._usage

    def _is_end(self, data: bytes) -> bool:
        return data.strip() == _DONE

    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:
        return b"data: " + dump_error(error, request_id) + b"\n\n"


def _has_content(choice: dict[str, Any]) -> bool:
    if choice.get("text"):
        return True
    delta = choice.get("delta") or choice.get("message")
    return isinstance(delta, dict) and any(
        value and name not in _LABELS for name, value in delta.items()
    )


def _build_spec(name: Dialect) -> DialectSpec:
    return DialectSpec(
        name=name,
        vendor=VENDOR,
        watch=ChatWatch,
        parse_usage=parse_usage,
        dump_error=dump_error,
        end_required=True,
    )


CHAT_SPEC: Final = _build_spec(Dialect.OPENAI_CHAT)
COMPLETIONS_SPEC: Final = _build_spec(Dialect.OPENAI_COMPLETIONS)
