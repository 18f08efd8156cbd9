"""Anthropic Messages as they pass: the watch of a stream, counts, errors.

Source: Anthropic's API reference, "Streaming messages" and "Errors"; recordings. A
stream ends with message_stop; pings and an error event may come at any time.

Rule: counts in message_delta are cumulative and replace what message_start said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from gateway.dialects.estimate import estimate_tokens
from gateway.dialects.spec import (
    DialectSpec,
    StreamFailure,
    Usage,
    add_counts,
    build_error_finder,
    build_text_counter,
    dump_json,
    load_object,
    load_part,
    read_count,
    read_object,
)
from gateway.dialects.watch import SseWatch
from gateway.entities import Dialect
from gateway.errors import LockgateError

VENDOR: Final = "anthropic"

_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUS_OF_TYPE: Final = {kind: status for status, kind in _TYPES.items()}
_UNAVAILABLE: Final = 503
_SERVER_ERROR: Final = 500
# Blocks that begin empty, since their content comes in deltas, and where it would stand.
_GROWING: Final[Mapping[str, str]] = {
    "text": "text",
    "thinking": "thinking",
    "tool_use": "input",
}


def parse_usage(body: bytes) -> Usage | None:
    """Read the counts of a whole answer."""
    return build_usage(read_object(load_part(body, b"usage"), "usage"))


def build_usage(usage: Mapping[str, Any]) -> Usage | None:
    """Read a usage object; its input_tokens leave the cache out, ours do not."""
    if not usage:
        return None
    plain = read_count(usage, "input_tokens")
    read = read_count(usage, "cache_read_input_tokens")
    written = read_count(usage, "cache_creation_input_tokens")
    details = read_object(usage, "output_tokens_details")
    return Usage(
        input_tokens=add_counts(plain, read, written),
        output_tokens=read_count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=read_count(details, "thinking_tokens"),
        cache_write_1h_tokens=read_count(
            read_object(usage, "cache_creation"), "ephemeral_1h_input_tokens"
        ),
    )


def _build_error(error: LockgateError, request_id: str) -> dict[str, Any]:
    if error.status == _UNAVAILABLE:
        kind = "overloaded_error"
    else:
        server = error.status >= _SERVER_ERROR
        kind = _TYPES.get(error.status, "api_error" if server else "invalid_request_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": error.detail, "code": error.code},
        "request_id": request_id,
    }


def dump_error(error: LockgateError, request_id: str) -> bytes:
    """Return the error body."""
    return dump_json(_build_error(error, request_id))


def find_failure(value: Mapping[str, Any], data: bytes) -> StreamFailure | None:
    """Return the failure that an error object reports; None where it is none."""
    if value.get("type") != "error" and not ("type" not in value and value.get("error")):
        return None
    error = read_object(value, "error")
    kind, message = error.get("type"), error.get("message")
    return StreamFailure(
        status=_STATUS_OF_TYPE.get(kind) if isinstance(kind, str) else None,
        code=kind if isinstance(kind, str) else "error",
        message=message if isinstance(message, str) else "",
        body=data,
    )


class MessagesWatch(SseWatch):
    """Watches a stream of message events."""

    text: ClassVar = re.compile(
        rb'"(?:text|partial_json|thinking)"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
    )
    text_anchor: ClassVar = b'"delta"'
    of_interest: ClassVar = (b'message_delta"', b'message_stop"', b'"error"')

    __slots__ = ("_counts", "_is_final")

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Any] = {}
        self._is_final = False  # message_delta has given the true count of the output

    @property
    def usage(self) -> Usage | None:
        """The counts so far; of a stream that was cut the output is estimated."""
        usage = build_usage(self._counts)
        if usage is None or self._is_final:
            return usage
        begun = max(usage.output_tokens or 0, estimate_tokens(self.output_chars))
        return usage._replace(output_tokens=begun, estimated=True)

    def _has_content(self, value: dict[str, Any]) -> bool:
        kind = value.get("type")
        if kind == "content_block_start":
            block = read_object(value, "content_block")
            begun = _GROWING.get(str(block.get("type")))
            return begun is None or bool(block.get(begun))
        if kind == "content_block_delta":
            delta = read_object(value, "delta")
            return any(part for name, part in delta.items() if name != "type")
        if kind == "message_start":  # some servers send all of a short answer in it
            return bool(read_object(value, "message").get("content"))
        return kind not in ("ping", "message_delta")

    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        return find_failure(value, data)

    def _see(self, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if kind == "message_start":
            self._counts.update(read_object(read_object(value, "message"), "usage"))
        elif kind == "message_delta":
            given = read_object(value, "usage")
            self._counts.update({name: item for name, item in given.items() if item is not None})
            self._is_final = self._is_final or "output_tokens" in given
        elif kind == "message_stop":
            self._ended = True

    def _is_end(self, data: bytes) -> bool:
        value = load_object(data)
        return value is not None and value.get("type") == "message_stop"

    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:
        return b"event: error\ndata: " + dump_error(error, request_id) + b"\n\n"


SPEC: Final = DialectSpec(
    name=Dialect.ANTHROPIC_MESSAGES,
    vendor=VENDOR,
    watch=MessagesWatch,
    parse_usage=parse_usage,
    dump_error=dump_error,
    find_error=build_error_finder(find_failure),
    count_output=build_text_counter(MessagesWatch.text),
    end_required=True,
)
