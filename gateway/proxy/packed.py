"""Bodies of requests that come packed: undone before anything looks at them.

A provider gets what was in them: not every one takes packed requests, and the model's name has to
be replaced inside.

Rule: what comes out is never longer than the limit of a body, and no more than a step over it is
ever made, however much is packed into a little.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import MalformedRequestError, UnsupportedMediaError, UpstreamMalformedError
from gateway.proxy.front.intake import too_large
from gateway.proxy.upstream.coding import Decoder

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ACCEPTED: Final = "gzip, deflate"


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
                raise too_large(limit_bytes)
            pieces.append(piece)
        decoder.finish()
    except UpstreamMalformedError:
        raise MalformedRequestError("the body is not of its Content-Encoding") from None
    return b"".join(pieces)
