"""Errors of requests that are neither the data plane's nor the control plane's.

Rule: whatever a client of a model asks for by mistake is refused in the words of its vendor.
"""

from __future__ import annotations

from aiohttp import web

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import LockgateError
from gateway.proxy.exchange import build_error_lines
from gateway.proxy.headers import build_own_lines, build_target_lines
from gateway.web import Renderer, get_request_id


def find_renderer(request: web.Request) -> Renderer:
    """Return what turns an error into an answer for whoever asks for a model."""
    del request  # all of them are rendered alike
    return render_error


def render_error(error: LockgateError, request: web.BaseRequest) -> web.Response:
    """Answer with an error in the shape of the client's dialect."""
    request_id = get_request_id(request)
    lines = build_error_lines(error) + build_own_lines(
        request_id, build_target_lines("", "", ""), 0, 0.0
    )
    headers = [tuple(line.split(": ", 1)) for line in lines.decode().splitlines()]
    body = DIALECTS[guess_dialect(request)].dump_error(error, request_id)
    return web.Response(status=error.status, body=body, headers=[(n, v) for n, v in headers])


def guess_dialect(request: web.BaseRequest) -> Dialect:
    """Tell a client's dialect by path, then by headers, else OpenAI."""
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
