"""Google Gemini: generateContent, streamGenerateContent and their relatives.

Source: the Generative Language API's reference and discovery document; recordings. A
stream is server-sent events with CRLF (``alt=sse``), each a whole answer with new
parts, or one JSON array of them. There is no end marker: the finishReason of every
candidate that began, or promptFeedback.blockReason, is the end, in the array its closing
bracket.

Rule: counts are cumulative: the last ones are the answer's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from gateway.dialects.choices import SECOND, SECOND_SPACED, Choices
from gateway.dialects.json_stream import ElementSplitter
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

VENDOR: Final = "gemini"

_ERROR_STATUSES: Final = range(400, 600)
# google.rpc.Code, as the HTTP mapping in google/rpc/code.proto has it.
_STATUS_OF_NAME: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_NAMES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}
_SERVER_ERROR: Final = 500
_UNSPECIFIED: Final = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})
_ARRAY_STARTS: Final = (b"[", b"{")


def parse_usage(body: bytes) -> Usage | None:
    """Read the counts of a whole answer; of a JSON array, those of its last element."""
    if body[:64].lstrip()[:1] == b"[":
        elements = ElementSplitter().feed(body)
        body = next((part for part in reversed(elements) if b'"usageMetadata"' in part), b"")
    return build_usage(load_part(body, b"usageMetadata"))


def build_usage(answer: Mapping[str, Any]) -> Usage | None:
    """Read usageMetadata; candidates and thoughts are counted apart, ours together."""
    usage = read_object(answer, "usageMetadata")
    if not usage:
        return None
    thoughts = read_count(usage, "thoughtsTokenCount")
    return Usage(
        input_tokens=add_counts(
            read_count(usage, "promptTokenCount"), read_count(usage, "toolUsePromptTokenCount")
        ),
        output_tokens=add_counts(read_count(usage, "candidatesTokenCount"), thoughts),
        cache_read_tokens=read_count(usage, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )


def dump_error(error: LockgateError, request_id: str) -> bytes:
    """Return the error body: google.rpc.Status with our code as ErrorInfo's reason."""
    fallback = "UNAVAILABLE" if error.status >= _SERVER_ERROR else "INVALID_ARGUMENT"
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code,
            "domain": "lockgate",
            "metadata": {"request_id": request_id},
        }
    ]
    if error.retry_after_s is not None:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": f"{error.retry_after_s:g}s",
            }
        )
    status = {
        "code": error.status,
        "message": error.detail,
        "status": _NAMES.get(error.status, fallback),
        "details": details,
    }
    return dump_json({"error": status})


def find_failure(value: Mapping[str, Any], data: bytes) -> StreamFailure | None:
    """Return the error that an object is; None where it is none. `data`: its JSON."""
    error = value.get("error")
    if not isinstance(error, dict):
        return None
    code, name, message = error.get("code"), error.get("status"), error.get("message")
    known = isinstance(code, int) and code in _ERROR_STATUSES
    return StreamFailure(
        status=code if known else _STATUS_OF_NAME.get(str(name)),
        code=name if isinstance(name, str) else "error",
        message=message if isinstance(message, str) else "",
        body=data,
    )


class GeminiWatch(SseWatch):
    """Watches a stream of answers, framed as events or as a JSON array."""

    text: ClassVar = re.compile(rb'"text"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
    text_anchor: ClassVar = b'"text"'
    of_interest: ClassVar = (b'"finishReason"', b'"blockReason"', b'"error"')
    end_mark: ClassVar = re.compile(rb'"finishReason"\s*:\s*"')

    __slots__ = (
        "_any_element",
        "_array",
        "_choices",
        "_counts_choices",
        "_head",
        "_usage",
        "_usage_block",
    )

    def __init__(self) -> None:
        super().__init__()
        self._array: ElementSplitter | None = None
        self._head: bytes | None = b""  # until the first byte tells the framing
        self._any_element = False
        self._choices = Choices()
        self._counts_choices = False  # there may be several
        self._usage: Usage | None = None
        self._usage_block: bytes | None = None  # the last one with counts, not yet read

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the answer, cut anywhere."""
        if self._head is not None:
            self._head += chunk
            start = self._head.lstrip()
            if not start:
                return
            chunk, self._head = self._head, None
            if start.startswith(_ARRAY_STARTS):
                self._blocks = self._array = ElementSplitter()
        super().feed(chunk)
        if self._array is not None and self._array.closed and self.failure is None:
            self.committed = True

    @property
    def finished(self) -> bool:
        """Whether a finish or block reason, or the array's closing bracket, has been seen."""
        if self._array is not None:
            return self._array.closed
        return super().finished

    @property
    def usage(self) -> Usage | None:
        """The counts of the last answer that had some."""
        if self._usage_block is not None:
            data = self._find_data(self._usage_block) or b""
            self._usage = build_usage(load_part(data, b"usageMetadata")) or self._usage
            self._usage_block = None
        return self._usage

    def dump_failure(self, error: LockgateError, request_id: str) -> bytes:
        """Return the error as an event, or as an element of an array that stays open."""
        if self._array is None:
            return super().dump_failure(error, request_id)
        return (b",\r\n" if self._any_element else b"") + dump_error(error, request_id)

    def _find_data(self, block: bytes) -> bytes | None:
        if self._array is None:
            return super()._find_data(block)
        self._any_element = True
        return block

    def _has_ended(self) -> bool:
        return self._ended and (self._choices.have_ended or not self._choices.is_many)

    def _check_brackets(self, block: bytes) -> None:
        if self._array is None:  # its elements are cut out by their brackets
            super()._check_brackets(block)

    def _remember(self, block: bytes) -> None:
        if self._counts_choices or SECOND in block or SECOND_SPACED in block:
            self._count(block)
        if b'"usageMetadata"' in block:
            self._usage_block = block

    def _count(self, block: bytes) -> None:
        self._counts_choices = True
        value = load_object(self._find_data(block) or b"") or {}
        self._choices.see(value.get("candidates"), "finishReason", _UNSPECIFIED)

    def _has_content(self, value: dict[str, Any]) -> bool:
        candidates = value.get("candidates")
        return isinstance(candidates, list) and any(
            _has_parts(candidate) for candidate in candidates if isinstance(candidate, dict)
        )

    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        return find_failure(value, data)

    def _see(self, value: dict[str, Any]) -> None:
        self._ended = self._ended or _has_ended(value)
        self._choices.see(value.get("candidates"), "finishReason", _UNSPECIFIED)

    def _is_end(self, data: bytes) -> bool:
        value = load_object(data)
        # Of several candidates one that ends is not enough: their end takes a whole event.
        return value is not None and _has_ended(value) and not self._choices.is_many

    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:
        return b"data: " + dump_error(error, request_id) + b"\r\n\r\n"


def _has_parts(candidate: dict[str, Any]) -> bool:
    parts = read_object(candidate, "content").get("parts")
    return isinstance(parts, list) and any(
        item
        for part in parts
        if isinstance(part, dict)
        for name, item in part.items()
        if name != "thought"  # a label
    )


def _has_ended(value: dict[str, Any]) -> bool:
    """Tell whether an answer gives a reason for its end, or for that of one of its candidates."""
    reasons = [read_object(value, "promptFeedback").get("blockReason")]
    candidates = value.get("candidates")
    if isinstance(candidates, list):
        reasons += [item.get("finishReason") for item in candidates if isinstance(item, dict)]
    return any(reason and reason not in _UNSPECIFIED for reason in reasons)


SPEC: Final = DialectSpec(
    name=Dialect.GEMINI,
    vendor=VENDOR,
    watch=GeminiWatch,
    parse_usage=parse_usage,
    dump_error=dump_error,
    find_error=build_error_finder(find_failure),
    count_output=build_text_counter(GeminiWatch.text),
    end_required=True,
)
