"""The outcomes that the design promises, as data: a row per fault and moment.

Each row names the line of the table that it stands for, what the upstream does, and what the
client gets alone and with another target. They were written down from the promise, before the
program was asked; a row that the program contradicts is a finding, never a reason to edit it.

Rule: nothing here is computed from the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.faults.forms import FORMS, Form


class Outcome(StrEnum):
    """What the client gets."""

    TOLD = "told"  # an error of ours: status, code, the dialect's shape
    PASSED = "passed on"  # the provider's own error with its status and body
    ANSWERED = "answered"  # the whole answer
    AS_IT_IS = "as it is"  # the provider's bytes, broken as they are
    EVENT = "error event"  # a beginning, one error event of ours, no end marker
    RELAYED = "relayed"  # a beginning and the provider's own error event


class Site(StrEnum):
    """Where the first target is."""

    SIMULATOR = "simulator"
    RAW = "raw"
    REFUSED = "refused"
    SWALLOWED = "swallowed"
    UNKNOWN_NAME = "unknown name"
    UNTRUSTED = "untrusted certificate"
    PLAIN_TEXT = "plain text on a TLS port"


CONNECT_MS, FIRST_BYTE_MS, IDLE_MS = 600, 1_000, 800
"""The limits of the endpoints: short, but longer than a healthy answer of a busy machine takes."""

PLAIN = frozenset({"plain"})
STREAMS = frozenset({"stream", "array"})
ANY = PLAIN | STREAMS


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and its outcome.

    Attributes:
        line: the line of the promise, by its first words.
        fault: for the simulator or the raw upstream; `{pre}` is the number of events before the
            first content, `{post}` two more than the first content.
        status, code: what the client gets alone; of one that is passed on the provider's status.
        to_next: whether another target answers instead (else the same as alone).
        limit_ms: the limit named by the line; 0 where none is.
        calls: how often the upstream is called by one request alone, least and most.
        seen: whether the upstream gets to see the call.
        hint: whether a Retry-After is promised where it is passed on.
        booked: the error code of the ledger's row; None: any, but not none.
        apart: dialects that the row does not apply to, since their format has no such thing.
        again: whether the run warms up a connection and meets the fault when it is used again.
        own_lane: whether no connection may be there before the run.
        paced: slow on purpose: no bound of time.
        roomy: whether the endpoint keeps the installation's own limits: a busy machine needs more
            than the short ones for thousands of writes.
    """

    line: str
    name: str
    outcome: Outcome
    fault: str = ""
    status: int = 200
    code: str = ""
    site: Site = Site.SIMULATOR
    kinds: frozenset[str] = ANY
    after_content: bool = False
    to_next: bool = True
    limit_ms: int = 0
    calls: tuple[int, int] = (1, 1)
    seen: bool = True
    hint: bool = False
    booked: str | None = None
    apart: frozenset[str] = frozenset()
    again: bool = False
    own_lane: bool = False
    paced: bool = False
    roomy: bool = False

    def list_forms(self) -> list[Form]:
        """Return the forms that the row applies to."""
        return [
            form for form in FORMS if form.kind in self.kinds and form.dialect not in self.apart
        ]

    def build_fault(self, form: Form) -> str:
        """Return the fault for a form."""
        return self.fault.format(pre=form.preamble, post=form.preamble + 3)


def _told(line: str, name: str, status: int, code: str, /, **more: object) -> Row:
    return Row(line, name, Outcome.TOLD, status=status, code=code, **more)  # type: ignore[arg-type]


def _passed(line: str, name: str, status: int, fault: str, /, **more: object) -> Row:
    return Row(line, name, Outcome.PASSED, fault, status=status, **more)  # type: ignore[arg-type]


def _event(line: str, name: str, fault: str, code: str, /, **more: object) -> Row:
    given = {"kinds": STREAMS, "after_content": True, "to_next": False, **more}
    return Row(line, name, Outcome.EVENT, fault, code=code, **given)  # type: ignore[arg-type]


def _answered(line: str, name: str, fault: str, /, **more: object) -> Row:
    given = {"to_next": False, **more}
    return Row(line, name, Outcome.ANSWERED, fault, **given)  # type: ignore[arg-type]


_GEMINI = frozenset({"gemini"})
_CONNECT = "refuses, DNS fails, TLS wrong"
_SWALLOW = "swallows the connect"
_RESET = "resets before headers"
_SILENT = "no headers in time"
_DRIP = "drips slowly within the limits"
_AFTER = "stalls, cuts or resets after the commit point"
_EARLY = "200 with an error event, or ends, before any content"
_SHORT = "body shorter than its length, cut chunking"
_BROKEN = "malformed JSON or HTML with 200"
_BUSY = "429, 503, 529"
_SERVER = "500, 502, 504"
_LATE = "408"
_CLIENT = "400, 404 with a bad request, 409, 413, 422"
_MODEL = "model not found, deprecated, no access"
_KEY = "401, 403, quota exhausted"
_TYPED = "context window exceeded, content policy"
_REDIRECT = "3xx"

ROWS: tuple[Row, ...] = (
    _told(_CONNECT, "refused", 502, "upstream_connect", site=Site.REFUSED, seen=False),
    _told(_CONNECT, "unknown name", 502, "upstream_dns", site=Site.UNKNOWN_NAME, seen=False),
    _told(_CONNECT, "untrusted", 502, "upstream_tls", site=Site.UNTRUSTED, seen=False),
    _told(_CONNECT, "no TLS", 502, "upstream_tls", site=Site.PLAIN_TEXT, seen=False),
    _told(
        _SWALLOW,
        "swallowed",
        504,
        "upstream_connect_timeout",
        site=Site.SWALLOWED,
        seen=False,
        limit_ms=CONNECT_MS,
    ),
    _told(_RESET, "reset", 502, "upstream_reset", fault="reset", own_lane=True),
    _told(
        _RESET,
        "closed unanswered",
        502,
        "upstream_reset",
        fault="close",
        site=Site.RAW,
        own_lane=True,
    ),
    _told(_RESET, "reset in the head", 502, "upstream_reset", fault="half-head", site=Site.RAW),
    _answered(
        _RESET, "pooled, once", "reset-when-used-again", site=Site.RAW, again=True, calls=(2, 2)
    ),
    _told(
        _RESET,
        "pooled, then fresh too",
        502,
        "upstream_reset",
        fault="reset-after-first",
        site=Site.RAW,
        again=True,
        calls=(2, 2),
    ),
    _told(
        _SILENT, "hang", 504, "upstream_first_byte_timeout", fault="hang", limit_ms=FIRST_BYTE_MS
    ),
    _told(
        _SILENT,
        "preamble, then silence",
        504,
        "upstream_first_byte_timeout",
        fault="stall-after={pre}",
        kinds=STREAMS,
        limit_ms=FIRST_BYTE_MS,
    ),
    _answered(_DRIP, "drip", "slow-chunk-ms=100", paced=True),
    _answered(_DRIP, "byte by byte", "byte-by-byte", paced=True, roomy=True),
    _answered(_DRIP, "byte by byte, compressed", "byte-by-byte,gzip", paced=True, roomy=True),
    _event(
        _AFTER, "stall after content", "stall-after={post}", "upstream_stalled", limit_ms=IDLE_MS
    ),
    _event(_AFTER, "end after content", "cut-after={post}", "upstream_truncated"),
    _event(_AFTER, "reset after content", "reset-after={post}", "upstream_truncated"),
    _event(_AFTER, "cut chunking after content", "truncate", "upstream_truncated"),
    _event(_AFTER, "cut within an event", "cut-within-event", "upstream_truncated", site=Site.RAW),
    _told(
        _EARLY,
        "error event first: 429",
        429,
        "upstream_error",
        fault="status=429,error-event-first",
        kinds=STREAMS,
    ),
    _told(
        _EARLY,
        "error event first: 500",
        500,
        "upstream_error",
        fault="status=500,error-event-first",
        kinds=STREAMS,
        calls=(1, 2),  # its true status is one that may be tried once more
    ),
    _told(
        _EARLY,
        "error event first: 401",
        502,
        "credential_rejected",
        fault="status=401,error-event-first",
        kinds=STREAMS,
    ),
    _told(
        _EARLY,
        "error event first: no status",
        502,
        "upstream_error",
        fault="mute-error",
        site=Site.RAW,
        kinds=STREAMS,
        calls=(1, 2),
    ),
    _told(
        _EARLY,
        "error event after the preamble",
        500,
        "upstream_error",
        fault="status=500,error-event-after={pre}",
        kinds=STREAMS,
        calls=(1, 2),
    ),
    Row(
        _EARLY,
        "error event after content",
        Outcome.RELAYED,
        "status=500,error-event-after={post}",
        kinds=STREAMS,
        after_content=True,
        to_next=False,
    ),
    _told(_EARLY, "nothing", 502, "upstream_truncated", fault="empty"),
    _told(
        _EARLY,
        "end after the preamble",
        502,
        "upstream_truncated",
        fault="cut-after={pre}",
        kinds=STREAMS,
    ),
    _told(
        _SHORT, "short body", 502, "upstream_truncated", fault="short", site=Site.RAW, kinds=PLAIN
    ),
    _told(
        _SHORT,
        "cut chunking",
        502,
        "upstream_truncated",
        fault="cut-chunking",
        site=Site.RAW,
        kinds=PLAIN,
    ),
    _told(
        _SHORT,
        "reset in the body",
        502,
        "upstream_truncated",
        fault="reset-after=2",
        kinds=PLAIN,
    ),
    _told(
        _SHORT,
        "reset after the preamble",
        502,
        "upstream_truncated",
        fault="reset-after={pre}",
        kinds=STREAMS,
    ),
    _told(
        _SHORT,
        "cut chunking before content",
        502,
        "upstream_truncated",
        fault="cut-chunking-early",
        site=Site.RAW,
        kinds=STREAMS,
    ),
    _told(
        _SHORT,
        "silence in the body",
        504,
        "upstream_stalled",
        fault="stall-after=2",
        kinds=PLAIN,
        limit_ms=IDLE_MS,
    ),
    Row(_BROKEN, "malformed JSON", Outcome.AS_IT_IS, "malformed=json", kinds=PLAIN, to_next=False),
    Row(_BROKEN, "HTML", Outcome.AS_IT_IS, "malformed=html", kinds=PLAIN, to_next=False),
    _told(_BROKEN, "HTML", 502, "upstream_malformed", fault="malformed=html", kinds=STREAMS),
    _told(
        _BROKEN,
        "malformed first event",
        502,
        "upstream_malformed",
        fault="broken-first",
        site=Site.RAW,
        kinds=STREAMS,
    ),
    Row(
        _BROKEN,
        "malformed event after content",
        Outcome.AS_IT_IS,
        "malformed=json",
        kinds=STREAMS,
        after_content=True,
        to_next=False,
    ),
    _told(_BROKEN, "no HTTP", 502, "upstream_malformed", fault="noise", site=Site.RAW),
    _told(_BROKEN, "1 MB of headers", 502, "upstream_malformed", fault="big-head", site=Site.RAW),
    _passed(_BUSY, "429", 429, "status=429,retry-after=2", hint=True),
    _passed(_BUSY, "503", 503, "status=503,retry-after=2", hint=True),
    _passed(_BUSY, "529", 529, "status=529,retry-after=2", hint=True),
    _passed(_BUSY, "429 with a date", 429, "status=429,retry-after-date=9", hint=True),
    _passed(_BUSY, "429 in milliseconds", 429, "status=429,retry-after-ms=1500", hint=True),
    _passed(_BUSY, "429 without a hint", 429, "status=429"),
    _passed(_SERVER, "500", 500, "status=500", calls=(1, 2)),
    _passed(_SERVER, "502", 502, "status=502", calls=(1, 2)),
    _passed(_SERVER, "504", 504, "status=504", calls=(1, 2)),
    _passed(_LATE, "408", 408, "status=408"),
    _passed(_CLIENT, "400", 400, "status=400", to_next=False),
    _passed(_CLIENT, "404", 404, "no-route", site=Site.RAW, to_next=False),
    _passed(_CLIENT, "409", 409, "status=409", to_next=False),
    _passed(_CLIENT, "413", 413, "status=413", to_next=False),
    _passed(_CLIENT, "422", 422, "status=422", to_next=False),
    _passed(_MODEL, "model not found", 404, "error=no-model"),
    _told(_KEY, "401", 502, "credential_rejected", fault="status=401"),
    _told(_KEY, "403", 502, "credential_rejected", fault="status=403"),
    _told(_KEY, "bad key, repeated", 502, "credential_rejected", fault="error=bad-key,echo-key"),
    _told(_KEY, "402", 429, "quota_exhausted", fault="status=402"),
    # Gemini's word for an empty account is the one for a minute's limit: that is 429 above.
    _told(_KEY, "quota", 429, "quota_exhausted", fault="error=quota", apart=_GEMINI),
    _passed(
        _TYPED,
        "context window",
        400,
        "error=context",
        to_next=False,
        booked="context_window_exceeded",
    ),
    # Gemini has no error for it: it blocks with a 200, which is an answer.
    _passed(
        _TYPED,
        "content policy",
        400,
        "error=policy",
        to_next=False,
        booked="content_policy",
        apart=_GEMINI,
    ),
    _told(_REDIRECT, "307", 502, "upstream_redirect", fault="redirect"),
    _told(_REDIRECT, "302", 502, "upstream_redirect", fault="redirect=302"),
)
