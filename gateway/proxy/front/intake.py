"""The body of the request that a connection is reading: what has come, what is still to come.

Rule: no more is kept than was asked for: until a handler asks, a little; then up to its limit.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import PayloadTooLargeError
from gateway.proxy.front.chunked import ChunkedBody
from gateway.proxy.front.upload import KEPT_BYTES, Raw, Upload

UNASKED_BYTES: Final = 256 << 10  # of a body that no handler has asked for yet
# A client that sends a byte every nine seconds is never silent for ten. Phones at the edge of
# their network send a body at several KiB/s.
_LEAST_BYTES_PER_S: Final = 1024
_GRACE_S: Final = 30.0  # for a short body that comes in two parts


class Intake:
    """Takes the bytes of one body after another.

    Attributes:
        wanted: bytes that are still to come; -1: chunked, and the end has not come.
        size: bytes that have come.
        limit_bytes: the largest size, once a handler has asked; 0 until then.
        whole_by_s: by when all of it has to be there, once a handler waits; else 0.
        asked_s: since when a handler waits.
        upload: where a large body goes in place of memory, if its handler wants that.
    """

    __slots__ = (
        "_chunked",
        "_pieces",
        "asked_s",
        "limit_bytes",
        "size",
        "upload",
        "wanted",
        "whole_by_s",
    )

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._chunked: ChunkedBody | None = None
        self.wanted = 0
        self.size = 0
        self.limit_bytes = 0
        self.whole_by_s = 0.0
        self.asked_s = 0.0
        self.upload: Upload | None = None

    def begin(self, came: bytes, length: int) -> None:
        """Begin a body of known length, of which `came` is here."""
        self._pieces = [came] if came else []
        self.size = len(came)
        self.wanted = length - len(came)

    def begin_chunked(self) -> None:
        """Begin a body whose end will be told."""
        self._pieces, self.size, self.wanted = [], 0, -1
        self._chunked = ChunkedBody()

    def feed(self, data: bytes) -> bytes:
        """Take in the next bytes; return those that are no more the body's.

        Raises:
            MalformedRequestError: its framing is broken.
            PayloadTooLargeError: it is longer than a handler takes.
            StorageFullError: there is no room for it on the disk.
        """
        chunked = self._chunked
        if chunked is None:
            part = data[: self.wanted]
            self.wanted -= len(part)
            rest = data[len(part) :]
        else:
            # As one: what comes in tiny chunks must not take many times its size.
            part = b"".join(chunked.feed(data))
            rest = b""
            if chunked.is_complete:
                self.wanted, rest = 0, chunked.rest
        if part:
            self._pieces.append(part)
            self.size += len(part)
            if self.upload is not None and self.upload.note(len(part)):
                self.upload.write(self._pieces)
                self._pieces = []
        if self.limit_bytes and self.size + self._announced > self.limit_bytes:
            raise too_large(self.limit_bytes)
        return rest

    @property
    def _announced(self) -> int:
        """Bytes that a chunk under way says it still has: nobody waits for too many of them."""
        return 0 if self._chunked is None else self._chunked.announced

    def skip(self, data: bytes) -> bytes:
        """Drop what is still the body's of a refused request; return what follows it."""
        rest = data[self.wanted :]
        self.wanted -= len(data) - len(rest)
        return rest

    def is_late(self, at_s: float, silent_s: float, idle_s: float) -> bool:
        """Tell whether a handler has waited for long enough: silence, the end, the rate."""
        return self.whole_by_s > 0 and (
            silent_s > idle_s
            or at_s > self.whole_by_s
            or at_s - self.asked_s > _GRACE_S + self.size / _LEAST_BYTES_PER_S
        )

    def expect(self, limit_bytes: int, whole_by_s: float, at_s: float) -> None:
        """Let a handler wait for the rest, from `at_s` on.

        Raises:
            PayloadTooLargeError: more is announced than `limit_bytes`.
        """
        if self.size + max(self.wanted, self._announced) > limit_bytes:
            raise too_large(limit_bytes)
        self.limit_bytes = max(1, limit_bytes)
        self.whole_by_s = whole_by_s
        self.asked_s = at_s

    def take_upload(self, limit_bytes: int) -> Raw:
        """Return the body, all of which is here or on the disk.

        Raises:
            PayloadTooLargeError: longer than `limit_bytes`.
            StorageFullError: there is no room for it on the disk.
        """
        upload, body = self.upload, self.take(limit_bytes)
        if upload is None or self.size <= KEPT_BYTES:
            return body
        upload.write((body,))
        return upload.read()

    def take(self, limit_bytes: int) -> bytes:
        """Return the body, all of which is here.

        Raises:
            PayloadTooLargeError: longer than `limit_bytes`.
        """
        if self.size > limit_bytes:
            raise too_large(limit_bytes)
        if self.limit_bytes:
            self.limit_bytes, self.whole_by_s = 0, 0.0  # nobody waits any more
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end(self) -> None:
        """Let go of the body; what of it is still to come stays known."""
        self._pieces = []
        self._chunked = None
        self.upload = None
        self.limit_bytes = 0
        self.whole_by_s = 0.0


def too_large(limit_bytes: int) -> PayloadTooLargeError:
    """Return the error of a body over its limit."""
    return PayloadTooLargeError(f"the body is larger than the limit of {limit_bytes} bytes")
