"""The faults a simulated provider can be asked for, and the grammar that asks.

One line of text names the faults of a call::

    fault  = item *( "," item )
    item   = key [ "=" value ]

It may stand behind the first ``+`` of a model name (``gpt-4o-mini+status=503,retry-after=2``),
in the request header ``x-sim-fault``, or be given to ``RunningSimulator.set_fault``. The
characters ``+ = ,`` are sub-delimiters of RFC 3986, section 2.2: they pass unchanged through a
URL path such as Gemini's ``/v1beta/models/{model}:generateContent``, and percent-encoded they
mean the same. An "event" is one event of a stream; of a plain answer it is a piece of 64 bytes.

==================== ==========================================================================
status=N             answer with the vendor's own error body of status N (400 to 599)
error=NAME           a named vendor error: bad-key, no-model, quota, context, policy
retry-after=S        the hint of an error, in seconds (Gemini: RetryInfo in the body, no header)
retry-after-date=S   the same as an HTTP date S seconds ahead
retry-after-ms=N     the header ``retry-after-ms``
delay-ms=N           wait before the headers
hang                 read the request and never answer
stall-after=N        N events, then silence on an open connection
cut-after=N          N events, then a clean end of the body without the end marker
reset                TCP reset before any header
reset-after=N        N events, then a TCP reset
truncate             half of the answer, then a close that contradicts the framing
malformed[=json]     broken JSON in a 200; ``malformed=html`` answers a page of HTML
error-event-first    a stream whose first event is the vendor's error (status=N: that error)
error-event-after=N  the same after N events
slow-chunk-ms=N      wait before each event
byte-by-byte         every byte is a write of its own
redirect[=N]         a redirect with status N (307)
echo-key             the error repeats the credential in body and headers (401 unless status=N)
huge=N               an answer text of at least N bytes
chunks=N             a stream with N pieces of text
empty                200 without a byte of body
no-usage             leave out every token count
gzip                 compress, asked or not
refuse               the model declines (content filter)
==================== ==========================================================================

Rule: pure; what the grammar does not know is an error that names it, never ignored.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.errors import MalformedRequestError

FAULT_HEADER = "x-sim-fault"
NAMED_ERRORS = ("bad-key", "no-model", "quota", "context", "policy")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call; the default is a call that goes well."""

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    retry_after_date_s: float | None = None
    retry_after_ms: int | None = None
    delay_ms: int = 0
    hang: bool = False
    stall_after: int | None = None
    cut_after: int | None = None
    reset: bool = False
    reset_after: int | None = None
    truncate: bool = False
    malformed: str | None = None
    error_event_after: int | None = None
    slow_chunk_ms: int = 0
    byte_by_byte: bool = False
    redirect: int | None = None
    redirect_to: str | None = None
    """Where a redirect points; only for programs, since a URL does not fit the grammar."""
    echo_key: bool = False
    huge_bytes: int | None = None
    chunks: int | None = None
    empty: bool = False
    no_usage: bool = False
    gzip: bool = False
    refuse: bool = False


HEALTHY = Fault()


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the grammar: the field it sets, how its value is read, what it means bare."""

    field: str
    read: Callable[[str], object | None]
    bare: object | None = None


def _read_count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _read_positive(text: str) -> int | None:
    return _read_count(text) or None


def _read_seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) else None


def _read_status(low: int, high: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        number = _read_count(text)
        return number if number is not None and low <= number <= high else None

    return read


def _read_one_of(*names: str) -> Callable[[str], str | None]:
    return lambda text: text if text in names else None


def _read_nothing(_text: str) -> None:
    return None


def _flag(field: str) -> _Key:
    return _Key(field, _read_nothing, bare=True)


_KEYS: dict[str, _Key] = {
    "status": _Key("status", _read_status(400, 599)),
    "error": _Key("error", _read_one_of(*NAMED_ERRORS)),
    "retry-after": _Key("retry_after_s", _read_seconds),
    "retry-after-date": _Key("retry_after_date_s", _read_seconds),
    "retry-after-ms": _Key("retry_after_ms", _read_count),
    "delay-ms": _Key("delay_ms", _read_count),
    "hang": _flag("hang"),
    "stall-after": _Key("stall_after", _read_count),
    "cut-after": _Key("cut_after", _read_count),
    "reset": _flag("reset"),
    "reset-after": _Key("reset_after", _read_count),
    "truncate": _flag("truncate"),
    "malformed": _Key("malformed", _read_one_of("json", "html"), bare="json"),
    "error-event-first": _Key("error_event_after", _read_nothing, bare=0),
    "error-event-after": _Key("error_event_after", _read_count),
    "slow-chunk-ms": _Key("slow_chunk_ms", _read_count),
    "byte-by-byte": _flag("byte_by_byte"),
    "redirect": _Key("redirect", _read_status(300, 399), bare=307),
    "echo-key": _flag("echo_key"),
    "huge": _Key("huge_bytes", _read_positive),
    "chunks": _Key("chunks", _read_positive),
    "empty": _flag("empty"),
    "no-usage": _flag("no_usage"),
    "gzip": _flag("gzip"),
    "refuse": _flag("refuse"),
}
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(Fault)}


def parse_fault(text: str) -> Fault:
    """Read one line of the grammar in this module's docstring.

    Raises:
        MalformedRequestError: an item is unknown or its value cannot be; the detail names it.
    """
    changes: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        key = _KEYS.get(name)
        found = None if key is None else key.read(value) if equals else key.bare
        if key is None or found is None:
            known = ", ".join(_KEYS)
            raise MalformedRequestError(
                f"Simulator fault {item!r} is not understood; the faults are: {known}.",
                field=name,
            )
        changes[key.field] = found
    return Fault(**changes)


def dump_fault(fault: Fault) -> str:
    """Write a fault in the grammar, so that ``parse_fault`` gives it back (redirect_to is lost)."""
    items = []
    for name, key in _KEYS.items():
        value = getattr(fault, key.field)
        if value == _DEFAULTS[key.field] or name == "error-event-first":
            continue
        shown = dump_seconds(value) if isinstance(value, float) else value
        items.append(name if value is True else f"{name}={shown}")
    return ",".join(items)


def dump_seconds(seconds: float) -> str:
    """Write seconds with at most three decimals and no needless zero."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def parse_model(name: str) -> tuple[str, Fault]:
    """Split a model name as sent into the model's own name and the fault it asks for.

    Raises:
        MalformedRequestError: what stands behind the ``+`` is no fault.
    """
    model, plus, text = name.partition("+")
    return (model, parse_fault(text)) if plus else (name, HEALTHY)


def build_merged_fault(*faults: Fault) -> Fault:
    """Lay faults over each other: what a later one sets wins."""
    changes: dict[str, Any] = {}
    for fault in faults:
        for field, default in _DEFAULTS.items():
            value = getattr(fault, field)
            if value != default:
                changes[field] = value
    return Fault(**changes)
