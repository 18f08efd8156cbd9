"""OpenAI Responses.

Source: OpenAI's API reference, "Streaming events"; recordings of OpenAI and DeepSeek.
Each event has its type in `event:` and in the data; the last one is
response.completed, .incomplete or .failed, and there is no ``[DONE]``.

Rule: announcements of a response, an item or a part commit to nothing unless there is content
in them already; what a provider's own tool does is content, since it is done and paid for.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from gateway.dialects.openai import (
    VENDOR,
    build_error,
    build_failure,
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
    dump_json,
    load_object,
    read_object,
)
from gateway.dialects.watch import SseWatch
from gateway.entities import Dialect
from gateway.errors import LockgateError

_PREAMBLE: Final = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "keepalive",
        "ping",
    }
)
# What begins, where it stands in the event, and what in it would be content.
_BEGINNINGS: Final = {
    "response.output_item.added": ("item", ("content", "arguments", "input", "summary")),
    "response.content_part.added": ("part", ("text", "refusal", "transcript")),
    "response.reasoning_summary_part.added": ("part", ("text",)),
}
_FAILED: Final = "response.failed"
_ENDS: Final = frozenset({"response.completed", "response.incomplete", _FAILED})
_SEQUENCE = re.compile(rb'"sequence_number"\s*:\s*([0-9]{1,15})')


class ResponsesWatch(SseWatch):
    """Watches a stream of response events."""

    text: ClassVar = re.compile(rb'"delta"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
    text_anchor: ClassVar = b'"delta"'
    of_interest: ClassVar = (b'completed"', b'incomplete"', b'failed"', b'"error"')

    end_mark: ClassVar = re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete|failed)"')

    __slots__ = ("_last_block", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._usage: Usage | None = None
        self._last_block = b""

    @property
    def usage(self) -> Usage | None:
        """The counts of the last event."""
        return self._usage

    def _remember(self, block: bytes) -> None:
        self._last_block = block

    def _has_content(self, value: dict[str, Any]) -> bool:
        kind = value.get("type")
        if not isinstance(kind, str) or kind in _PREAMBLE:
            return False
        if kind in _BEGINNINGS:
            name, contents = _BEGINNINGS[kind]
            begun = read_object(value, name)
            return any(begun.get(content) for content in contents)
        return not kind.endswith(".delta") or bool(value.get("delta"))

    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        if value.get("type") == "error" or ("type" not in value and value.get("error")):
            return build_failure(value.get("error") or value, data)
        if value.get("type") == _FAILED:
            return build_failure(read_object(value, "response").get("error") or {}, data)
        return None

    def _see(self, value: dict[str, Any]) -> None:
        if value.get("type") in _ENDS:
            self._ended = True
            self._usage = build_usage(read_object(value, "response")) or self._usage

    def _is_end(self, data: bytes) -> bool:
        value = load_object(data)
        return value is not None and value.get("type") in _ENDS

    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:  # noqa: ARG002  in a header
        """Return the error as an ``error`` event.

        Its fields stand at the top, as the reference says, and once more under ``error``,
        where the SDKs look before they raise.
        """
        body = build_error(error)
        last = _SEQUENCE.search(self._last_block)
        event = {
            "type": "error",
            "code": body["code"],
            "message": body["message"],
            "param": body["param"],
            "sequence_number": int(last[1]) + 1 if last else 0,
            "error": body,
        }
        return b"event: error\ndata: " + dump_json(event) + b"\n\n"


SPEC: Final = DialectSpec(
    name=Dialect.OPENAI_RESPONSES,
    vendor=VENDOR,
    watch=ResponsesWatch,
    parse_usage=parse_usage,
    dump_error=dump_error,
    find_error=build_error_finder(find_failure),
    count_output=build_text_counter(
        re.compile(rb'"(?:text|arguments|refusal)"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
    ),
    end_required=True,
)
