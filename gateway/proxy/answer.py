"""What goes back to the client when it is not a stream: passed-on answers.

Rule: every answer of the data plane, success or error, carries our own headers; an error has
the shape of the client's dialect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import LockgateError
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, build_error_lines
from gateway.proxy.front import Head
from gateway.proxy.headers import build_answer_lines, build_own_lines, build_target_lines
from gateway.proxy.scrub import scrub
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.hints import parse_retry_after

_FIRST_ERROR: Final = 400
_ANTHROPIC_PATHS: Final = (b"/anthropic/", b"/gateway/anthropic/", b"/v1/messages")
_GEMINI_PATHS: Final = (b"/gemini/", b"/gateway/gemini/", b"/v1beta/")
_LOOKED_AT_BYTES: Final = 8 << 10  # of a head that may be all noise: enough for one of an SDK
_NOWHERE: Final = build_target_lines("", "", "")


@dataclass(slots=True, eq=False)
class Buffered:
    """A provider's whole answer, cleaned of what must not reach the client."""

    status: int
    lines: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def send(self, exchange: Exchange) -> None:
        """Answer with it."""
        exchange.answer(self.status, self.lines, self.body)


def build_buffered(answer: UpstreamAnswer, body: bytes, wiring: Wiring, now_ms: int) -> Buffered:
    """Clean an answer: headers by the tables, the credential struck out, Retry-After made."""
    needles = wiring.needles
    lines = build_answer_lines(answer.head, needles)
    if answer.status >= _FIRST_ERROR and "Retry-After" not in answer.headers:
        delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
        if delay_s is not None:
            lines += b"Retry-After: %d\r\n" % -int(-delay_s // 1)
    return Buffered(answer.status, lines, scrub(body, needles))


def render_fault(error: LockgateError, raw: bytes, request_id: str) -> tuple[int, bytes, bytes]:
    """Return status, header lines and body of an error that came before there was an exchange.

    `raw` is the head that was refused, or what there is of it.
    """
    lines = build_error_lines(error) + build_own_lines(request_id, _NOWHERE, 0, 0.0)
    return error.status, lines, DIALECTS[guess_raw_dialect(raw)].dump_error(error, request_id)


def guess_dialect(head: Head) -> Dialect:
    """Tell a client's dialect where no route says it: by its headers, else OpenAI."""
    if head.find("x-goog-api-key") is not None:
        return Dialect.GEMINI
    if head.find("anthropic-version") is not None:
        return Dialect.ANTHROPIC_MESSAGES
    return Dialect.OPENAI_CHAT


def guess_raw_dialect(raw: bytes) -> Dialect:
    """Tell a client's dialect from a head that is none: by its second word, else by its headers."""
    start, _, lines = raw[:_LOOKED_AT_BYTES].partition(b"\n")
    words = start.split(b" ", 2)
    path = words[1] if len(words) > 1 else b""
    lines = b"\n" + lines.lower()
    if path.startswith(_ANTHROPIC_PATHS):
        return Dialect.ANTHROPIC_MESSAGES
    if path.startswith(_GEMINI_PATHS) or b"\nx-goog-api-key:" in lines:
        return Dialect.GEMINI
    return Dialect.ANTHROPIC_MESSAGES if b"\nanthropic-version:" in lines else Dialect.OPENAI_CHAT
