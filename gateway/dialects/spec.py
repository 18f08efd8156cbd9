"""What a dialect is to the rest of the gateway: values, the stream watch, the row of a table.

Rule: a watch only looks; the bytes that pass it are never its own. What it holds
of a stream is bounded.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from gateway.entities import Dialect
from gateway.errors import LockgateError

_MAX_TOKENS: Final = 2**53  # beyond it JSON numbers are not exact; no count comes near


class Usage(NamedTuple):
    """Token counts of one answer; None is "not said".

    `input_tokens` is the whole input, tokens read from and written to a cache included;
    `output_tokens` is the whole output, reasoning included. Vendors differ: OpenAI's
    counts are so already, Anthropic's input leaves the cache out, Gemini's output leaves
    the thoughts out; each dialect adds them up. The last three are parts of the others.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False
    cache_write_1h_tokens: int | None = None  # of those written, what is kept for an hour
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None


class RequestHead(NamedTuple):
    """What routing needs of a request's body."""

    model: str | None
    stream: bool


@dataclass(frozen=True, slots=True)
class StreamFailure:
    """An error that came as an event of a stream that had begun with 200.

    `status` is the one that the provider would have answered with, None where it cannot be
    told. `message` and `body` (the event's JSON) are the provider's words: scrub them.
    """

    status: int | None
    code: str
    message: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class StreamWatch(ABC):
    """Watches one streamed answer.

    `committed`: the first content event, or the end, has been seen. `failure`: an error
    came before that; nothing after it is looked at. `late_failure`: the provider's own
    error event came after it, and passes as it is. `malformed`: an event after it that is no
    event of the dialect; nothing from it on may pass, and nothing after it is looked at.
    `output_chars` counts the text so far for an estimate (see `estimate`).
    """

    __slots__ = ("committed", "failure", "late_failure", "malformed", "output_chars")

    def __init__(self) -> None:
        self.committed = False
        self.failure: StreamFailure | None = None
        self.late_failure = False
        self.malformed: bytes | None = None
        self.output_chars = 0

    @abstractmethod
    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the answer, cut anywhere."""

    def conclude(self) -> None:  # noqa: B027  most have nothing left to look at
        """Look at what an end before the commit point has left without its blank line."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether the provider's own end of the answer has been seen."""

    @property
    def complete(self) -> bool:
        """Whether a stream that ends in order here lacks nothing, its end marker apart."""
        return self.finished

    @property
    @abstractmethod
    def usage(self) -> Usage | None:
        """The provider's counts as far as they have come."""

    @property
    @abstractmethod
    def at_boundary(self) -> bool:
        """Whether the bytes so far end between two events."""

    @abstractmethod
    def dump_failure(self, error: LockgateError, request_id: str) -> bytes:
        """Return what to write after the bytes so far to end the stream with an error.

        It begins with the end of a half-sent event where there is one, and adds no end
        marker: a cut stream never looks like a finished one.
        """


@dataclass(frozen=True, slots=True)
class DialectSpec:
    """A wire format, as a row of a table.

    `vendor` is openai, anthropic or gemini. `watch` makes the watch of one streamed answer.
    `parse_usage` reads the counts of a whole answer, None where it has none; `count_output`
    the bytes of its text, for an estimate then. `find_error` reads the error that a whole
    answer is although its status says 200, None where it is none: it costs a search of the
    first KiB. `end_required`: a stream that ends without its end marker was cut. `is_json`: a
    whole answer that is no JSON is none. `is_framed`: a stream has events; else it may be sound,
    into which nothing of ours can be put.
    """

    name: Dialect
    vendor: str
    watch: Callable[[], StreamWatch]
    parse_usage: Callable[[bytes], Usage | None]
    dump_error: Callable[[LockgateError, str], bytes]
    find_error: Callable[[bytes], StreamFailure | None]
    count_output: Callable[[bytes], int]
    end_required: bool
    is_json: bool = True
    is_framed: bool = True


FailureFinder = Callable[[Mapping[str, Any], bytes], StreamFailure | None]


def build_error_finder(find: FailureFinder) -> Callable[[bytes], StreamFailure | None]:
    """Return a `find_error` made of what finds the failure that an object reports."""

    def find_error(body: bytes) -> StreamFailure | None:
        # Quotes within a text are escaped: this word is a name or a value.
        if b'"error"' not in body[:_ERROR_WITHIN_BYTES] or len(body) > _MOST_ERROR_BYTES:
            return None
        data = body.strip()
        if data[:1] == b"[":  # Gemini puts a stream's error into an array
            data = data[1:].rstrip(b"] \t\r\n")
        value = load_object(data)
        if value is None or any(value.get(name) for name in _CONTENT_NAMES):
            return None
        return find(value, data)

    return find_error


_ERROR_WITHIN_BYTES: Final = 1 << 10  # ids, a type and a model may stand before it
_MOST_ERROR_BYTES: Final = 64 << 10  # an error has some KiB; what is longer is an answer
_CONTENT_NAMES: Final = ("choices", "content", "candidates", "output", "data")


def build_text_counter(text: re.Pattern[bytes]) -> Callable[[bytes], int]:
    """Return a `count_output` that adds up what one group of a pattern finds."""
    return lambda body: sum(map(len, text.findall(body)))


class OpaqueWatch(StreamWatch):
    """Watches an answer that has no events: its first byte commits, its end is the end."""

    __slots__ = ("_dump_error",)

    def __init__(self, dump_error: Callable[[LockgateError, str], bytes]) -> None:
        super().__init__()
        self._dump_error = dump_error

    def feed(self, chunk: bytes) -> None:
        """Commit at the first byte."""
        self.committed = self.committed or bool(chunk)

    @property
    def finished(self) -> bool:
        """True: nothing in the answer could tell."""
        return True

    @property
    def usage(self) -> Usage | None:
        """None: nothing is read."""
        return None

    @property
    def at_boundary(self) -> bool:
        """True: there are no events to be inside of."""
        return True

    def dump_failure(self, error: LockgateError, request_id: str) -> bytes:
        """Return the error as a body of its own."""
        return self._dump_error(error, request_id)


def read_count(values: Mapping[str, Any], name: str) -> int | None:
    """Return a token count if the field is one: an integer of at least 0."""
    return check_count(values.get(name))


def build_counts(*values: Any) -> Usage:
    """Return the counts given in the order of `Usage`, where they are some."""
    for value in values:
        if value is not None and (type(value) is not int or not 0 <= value < _MAX_TOKENS):
            return Usage(*(check_count(one) for one in values))  # type: ignore[arg-type]
    return Usage(*values)


def check_count(value: Any) -> int | None:
    """Return a token count if it is one: an integer of at least 0."""
    return value if type(value) is int and 0 <= value < _MAX_TOKENS else None


def read_object(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a nested object, empty where the field is missing or something else."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def add_counts(*counts: int | None) -> int | None:
    """Sum the counts that are known; None where none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def load_object(data: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; None where it is none.

    Lone surrogates pass: providers that cut text by UTF-16 units split an emoji in two.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        if not _SURROGATE.search(data):
            return None
        value = _load_leniently(data)
    return value if isinstance(value, dict) else None


_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def _load_leniently(data: bytes) -> Any:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def load_part(body: bytes, key: bytes) -> dict[str, Any]:
    """Return ``{key: object}`` of a whole answer, reading no more of it than it takes.

    Where the object is an answer's last field, as counts mostly are, only that is parsed; else
    a short answer is parsed whole, and a large one around the key's last occurrence with an
    object as value.
    """
    last = load_last(body, b'"' + key + b'":')
    if last is not None:
        return {key.decode(): last}
    if len(body) <= _WHOLE_PARSE_BYTES:
        return load_object(body) or {}
    at = len(body)
    while (at := body.rfind(b'"' + key + b'"', 0, at)) >= 0:
        start = body.find(b"{", at, at + len(key) + 8)  # the quotes, a colon, a few blanks
        found = None if start < 0 else _load_prefix(body[start : start + _PART_BYTES])
        if found is not None:
            return {key.decode(): found}
    return {}


# Parsing 256 KiB takes about half a millisecond; larger answers are embeddings and images.
_WHOLE_PARSE_BYTES: Final = 256 << 10
_PART_BYTES: Final = 4 << 10  # four times the longest usage object on record


def load_last(body: bytes, mark: bytes) -> dict[str, Any] | None:
    """Parse the object behind `mark` if only the bracket of the answer comes after it.

    Counts are mostly an answer's last field: then no more than them has to be parsed.
    """
    at = body.rfind(mark)
    # An escaped quote before it would make it a part of a string.
    if at <= 0 or body[at - 1] == _BACKSLASH or not body.endswith(b"}"):
        return None
    return load_object(body[at + len(mark) : -1])


_BACKSLASH: Final = ord("\\")


def _load_prefix(data: bytes) -> dict[str, Any] | None:
    """Parse the JSON object that `data` begins with; usage objects nest three deep at most."""
    end = 0
    while (end := data.find(b"}", end) + 1) > 0:
        found = load_object(data[:end])
        if found is not None:
            return found
    return None


def dump_json(value: object) -> bytes:
    """Serialise; lone surrogates, which JSON text can name but UTF-8 cannot hold, are escaped.

    Integers of more than 64 bits, which models and schemas write, keep their size.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        escaped = _escape(value)
    try:
        return orjson.dumps(escaped)
    except orjson.JSONEncodeError:
        return json.dumps(escaped, separators=(",", ":")).encode()


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escape(key): _escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escape(item) for item in value]
    return value
