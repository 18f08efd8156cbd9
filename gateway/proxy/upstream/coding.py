"""Undoes gzip and deflate, should a provider use them although we ask for `identity`.

Rule: never more than `PIECE_BYTES` come out of one step, however much is packed into a chunk
(RFC 9110 section 8.4; deflate is zlib's format there, and raw deflate in the wild).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final

from gateway.proxy.upstream import faults

PIECE_BYTES: Final = 256 << 10
_GZIP_BITS: Final = 31
_ZLIB_BITS: Final = 15
_RAW_BITS: Final = -15
_ZLIB_METHOD: Final = 8  # the low half of zlib's first byte (RFC 1950 section 2.2)
_GZIP: Final = frozenset({"gzip", "x-gzip"})


class Decoder:
    """Undoes one content coding, chunk by chunk.

    Raises:
        UpstreamMalformedError: the coding is none of ours.
    """

    __slots__ = ("_gzip", "_inner", "_started", "pieces")

    def __init__(self, coding: str) -> None:
        self._gzip = coding in _GZIP
        if not self._gzip and coding != "deflate":
            raise faults.miscoded()
        self._inner: Any = None
        self.pieces: Iterator[bytes] = iter(())  # still to come of the last chunk, for steps
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk holds, in pieces of limited size.

        Raises:
            UpstreamMalformedError: it is not of this coding.
        """
        while chunk:
            if self._inner is None:
                self._begin(chunk)
            try:
                piece = self._inner.decompress(chunk, PIECE_BYTES)
            except zlib.error:
                raise faults.miscoded() from None
            chunk = self._inner.unconsumed_tail
            if self._inner.eof:
                chunk = self._inner.unused_data
                self._inner = None
            if piece:
                yield piece

    def finish(self) -> None:
        """Check that the end was reached; a body without any byte needs none.

        Raises:
            UpstreamMalformedError: it was not.
        """
        if self._inner is not None:
            raise faults.miscoded()

    def _begin(self, chunk: bytes) -> None:
        if self._started and not self._gzip:  # gzip may go on with another member, deflate not
            raise faults.miscoded()
        self._started = True
        if self._gzip:
            bits = _GZIP_BITS
        else:
            bits = _ZLIB_BITS if chunk[0] & 0xF == _ZLIB_METHOD else _RAW_BITS
        self._inner = zlib.decompressobj(bits)


def find_decoder(coding: str) -> Decoder | None:
    """Return what undoes a `Content-Encoding`, None if nothing is to be undone.

    Raises:
        UpstreamMalformedError: the coding is none of ours.
    """
    name = coding.strip().lower()
    return None if name in ("", "identity") else Decoder(name)
