"""Bodies of requests that come packed: undone before anything looks at them.

A provider gets what was in them: not every one takes packed requests, and the model's name has to
be replaced inside.

Rule: what comes out is never longer than the limit of a body, and no more than a step over it is
ever made, however much is packed into a little; that of two bodies at a time, whoever waits.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gateway.errors import MalformedRequestError, UnsupportedMediaError, UpstreamMalformedError
from gateway.proxy.front.intake import too_large
from gateway.proxy.upstream.coding import Decoder

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ACCEPTED: Final = "gzip, deflate"
_THREADS: Final = 2  # each holds the largest body twice; the loop has the interpreter in between


class Unpacker:
    """Threads of its own: 32 MiB take a tenth of a second.

    The loop's own look up names: a flood of packed bodies would stand in their way.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "unpack")

    def start(self, body: bytes, coding: str, limit_bytes: int) -> asyncio.Future[bytes]:
        """Begin to undo a body, as `unpack` does; cancelled, it is not begun if it still waits."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, unpack, body, coding, limit_bytes)

    def close(self) -> None:
        """Begin no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def check_coding(coding: str) -> None:
    """Check that a body's coding, in lower case, is one that is undone.

    Raises:
        UnsupportedMediaError: it is not, or there are two; the answer lists those that are
            (RFC 9110 section 15.5.16).
    """
    if coding not in CODINGS:
        raise UnsupportedMediaError(
            f"the body's Content-Encoding is none of {_ACCEPTED}",
            extra={"accept_encoding": _ACCEPTED},
        )


def unpack(body: bytes, coding: str, limit_bytes: int) -> bytes:
    """Return what is in a packed body.

    Raises:
        PayloadTooLargeError: more than `limit_bytes`.
        MalformedRequestError: it is not of this coding, or cut short.
    """
    decoder = Decoder(coding)
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in decoder.feed(body):
            size += len(piece)
            if size > limit_bytes:
                pieces.clear()  # the error holds on to this frame
                raise too_large(limit_bytes)
            pieces.append(piece)
        decoder.finish()
    except UpstreamMalformedError:
        raise MalformedRequestError("the body is not of its Content-Encoding") from None
    return b"".join(pieces)
