"""One client request with all its attempts: what is known of it, and what its answer says.

Rule: an exchange is served from one snapshot, taken once, when it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import getrandbits
from typing import Final

from gateway.dialects import DialectSpec
from gateway.entities import Dialect
from gateway.errors import LockgateError
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.front import ClientConnection, Head
from gateway.proxy.headers import build_own_lines, build_target_lines
from gateway.proxy.operations import Operation
from gateway.proxy.translation import Translation
from gateway.routing.snapshot import ClientKey, EndpointRoute, Snapshot

# What an error may say in a header, by its name in `extra`.
_EXTRA_HEADERS: Final = (("allow", "Allow"), ("accept_encoding", "Accept-Encoding"))


@dataclass(slots=True, eq=False)
class Exchange:
    """The state of one request.

    Attributes:
        spec: how the client's dialect shapes answers, errors and streams.
        started_s: of the monotonic clock.
        started_at: wall-clock milliseconds.
        hedges: attempts that ran beside another one.
        waited_s: time spent waiting for the client's body and for upstreams.
        spent_s: the overhead as it was told to the client; -1 until then.
        endpoint, model, provider: for the answer's headers; "" until they are known.
        answer_lines: the same, as header lines; empty: to be made.
        status: of the answer that was sent; 0 until then.
    """

    connection: ClientConnection = field(repr=False)
    head: Head = field(repr=False)
    spec: DialectSpec = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    request_id: str
    started_s: float
    started_at: int
    waited_s: float = 0.0
    spent_s: float = -1.0
    attempts: int = 0
    hedges: int = 0
    endpoint: str = ""
    model: str = ""
    provider: str = ""
    answer_lines: bytes = b""
    status: int = 0

    @property
    def dialect(self) -> Dialect:
        """The client's dialect."""
        return self.spec.name

    @property
    def overhead_s(self) -> float:
        """Seconds spent in the gateway itself, until the answer's headers went out."""
        if self.spent_s >= 0:
            return self.spent_s
        return max(0.0, now_s() - self.started_s - self.waited_s)

    def own_lines(self) -> bytes:
        """Return our own header lines of the answer; from here on the overhead is fixed."""
        self.spent_s = spent_s = self.overhead_s
        target = self.answer_lines or build_target_lines(self.endpoint, self.model, self.provider)
        return build_own_lines(self.request_id, target, self.attempts, spent_s)

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer: status, header lines besides our own, body."""
        self.status = status
        self.connection.answer(status, lines + self.own_lines(), body)

    def answer_error(self, error: LockgateError) -> None:
        """Answer with an error in the shape of the client's dialect."""
        self.answer(
            error.status, build_error_lines(error), self.spec.dump_error(error, self.request_id)
        )


@dataclass(slots=True, eq=False)
class Job:
    """What an exchange has to get done, once the request is read and found right.

    Attributes:
        query: raw, without the client's key.
        pieces: the body cut where its model's name stands; the target's goes in between. One
            piece passes as it is; none: the path names the model.
        is_raw: it passes to a provider that has its very path, or nowhere.
        translation: what is asked of targets that speak another dialect; None until one is met.
    """

    operation: Operation
    route: EndpointRoute
    key: ClientKey
    limits: Limits
    body: bytes | memoryview = field(repr=False)
    pieces: list[bytes | memoryview] = field(repr=False)
    stream: bool
    is_raw: bool = False
    translation: Translation | None = field(repr=False, default=None)


def open_exchange(
    connection: ClientConnection, spec: DialectSpec, snapshot: Snapshot, started_at: int
) -> Exchange:
    """Begin an exchange."""
    head = connection.head
    given = head.request_id
    return Exchange(
        connection,
        head,
        spec,
        snapshot,
        build_request_id(started_at) if given is None else given,
        now_s(),
        started_at,
    )


def build_request_id(now_ms: int) -> str:
    """Return a fresh request id: 48 bits of time, 80 of randomness, as 32 hex digits.

    The time comes first because the ledger keeps an index on it: ids in order cost a fifth of
    ids at random there.
    """
    return f"{now_ms:012x}{getrandbits(80):020x}"


def build_error_lines(error: LockgateError) -> bytes:
    """Return the header lines that an error of ours needs besides our own."""
    lines = b"Content-Type: application/json\r\n"
    if error.retry_after_s is not None:
        lines += b"Retry-After: %d\r\n" % max(0, -int(-error.retry_after_s // 1))
    for name, header in _EXTRA_HEADERS:
        value = error.extra.get(name)
        if isinstance(value, str):
            lines += f"{header}: {value}\r\n".encode()
    return lines
