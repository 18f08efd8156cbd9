"""What goes back to the client when it is not a stream: passed-on answers and errors.

Rule: every answer of the data plane, success or error, leaves through here or
through `stream` and carries our own headers; an error has the shape of the
client's dialect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aiohttp import hdrs, web

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import LockgateError
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, find_exchange
from gateway.proxy.headers import HeaderList, build_answer_headers, build_own_headers
from gateway.proxy.scrub import scrub
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.retry import parse_retry_after
from gateway.web import Renderer, get_request_id, retry_after_header

_JSON: Final = "application/json"
_FIRST_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class Buffered:
    """A provider's whole answer, cleaned of what must not reach the client."""

    status: int
    headers: HeaderList = field(repr=False)
    body: bytes = field(repr=False)


def build_buffered(answer: UpstreamAnswer, body: bytes, wiring: Wiring, now_ms: int) -> Buffered:
    """Clean an answer: headers by the tables, the credential struck out, Retry-After made."""
    headers = clean_headers(answer, wiring)
    if answer.status >= _FIRST_ERROR and hdrs.RETRY_AFTER not in answer.headers:
        delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
        if delay_s is not None:
            headers.append((hdrs.RETRY_AFTER, str(-int(-delay_s // 1))))
    return Buffered(answer.status, headers, scrub(body, wiring.needles))


def clean_headers(answer: UpstreamAnswer, wiring: Wiring) -> HeaderList:
    """Return the provider's headers that the client gets."""
    return build_answer_headers(
        answer.headers.items(), wiring.holds_credential, answer.headers.get(hdrs.CONNECTION, "")
    )


def send_buffered(exchange: Exchange, buffered: Buffered) -> web.Response:
    """Answer with what a provider said."""
    return web.Response(
        status=buffered.status,
        body=buffered.body,
        headers=[*buffered.headers, *exchange.own_headers()],
    )


def send_json(exchange: Exchange, body: bytes) -> web.Response:
    """Answer with JSON of our own."""
    return web.Response(body=body, headers=[(hdrs.CONTENT_TYPE, _JSON), *exchange.own_headers()])


def find_renderer(request: web.Request) -> Renderer:
    """Return what turns an error into an answer on the data plane."""
    del request  # the shape is chosen when the error is there: the exchange may know more by then
    return render_error


def render_error(error: LockgateError, request: web.Request) -> web.Response:
    """Answer with an error in the shape of the client's dialect."""
    exchange = find_exchange(request)
    dialect = guess_dialect(request) if exchange is None else exchange.dialect
    headers: HeaderList = [(hdrs.CONTENT_TYPE, _JSON), *retry_after_header(error).items()]
    allow = error.extra.get("allow")
    if isinstance(allow, str):
        headers.append((hdrs.ALLOW, allow))
    request_id = get_request_id(request)
    headers += build_own_headers(request_id) if exchange is None else exchange.own_headers()
    body = DIALECTS[dialect].dump_error(error, request_id)
    return web.Response(status=error.status, body=body, headers=headers)


def guess_dialect(request: web.Request) -> Dialect:
    """Tell a client's dialect where no route says it: by path, then by headers, else OpenAI."""
    path = request.path
    if path.startswith(("/anthropic", "/gateway/anthropic", "/v1/messages")):
        return Dialect.ANTHROPIC_MESSAGES
    if path.startswith(("/gemini", "/gateway/gemini", "/v1beta")):
        return Dialect.GEMINI
    if "x-goog-api-key" in request.headers:
        return Dialect.GEMINI
    if "anthropic-version" in request.headers:
        return Dialect.ANTHROPIC_MESSAGES
    return Dialect.OPENAI_CHAT
