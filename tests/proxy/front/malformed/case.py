"""What a case is, and how its bytes are put together from the part that is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from tests.proxy.rig import CLIENT_KEY

BODY = b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}'
START = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
KEY = b"Authorization: Bearer %b\r\n" % CLIENT_KEY.encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One wrong request.

    Attributes:
        name: of the case.
        rule: what it breaks: RFC and section, or the rule of ours that is stricter.
        wire: all its bytes.
        statuses: one of them is the answer; several where the routes decide, not the parser.
        keeps: its framing is in no doubt, so the connection may stay.
    """

    name: str
    rule: str
    wire: bytes
    statuses: tuple[int, ...] = (400,)
    keeps: bool = False


def start(line: bytes) -> bytes:
    """Return a whole request with this first line, its line end included."""
    return line + HOST + KEY + LENGTH + b"\r\n" + BODY


def target(target: bytes, method: bytes = b"POST") -> bytes:
    """Return a whole request for a target."""
    return start(b"%b %b HTTP/1.1\r\n" % (method, target))


def host(lines: bytes, version: bytes = b"1.1") -> bytes:
    """Return a whole request with these lines in place of Host."""
    first = START.replace(b"1.1", version)
    return first + lines + KEY + LENGTH + b"\r\n" + BODY


def field(lines: bytes) -> bytes:
    """Return a whole request with more lines."""
    return START + HOST + KEY + lines + LENGTH + b"\r\n" + BODY


def frame(lines: bytes, body: bytes = BODY, first: bytes = START) -> bytes:
    """Return a request with these lines in place of Content-Length, and a body."""
    return first + HOST + KEY + lines + b"\r\n" + body


def chunks(body: bytes) -> bytes:
    """Return a request with a body that says to be chunked."""
    return frame(CHUNKED, body)
