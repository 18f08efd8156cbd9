"""Errors as RFC 9457 problem details, and the headers that every answer carries.

Rule: what an answer says about an error is the error's own code, sentence and field;
nothing of the request, the database or the process is added.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from gateway.errors import (
    LockgateError,
    MethodNotAllowedError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from gateway.web import REQUEST_ID_HEADER, get_request_id, retry_after_header

PROBLEM_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:lockgate:error:"  # a name, not a place to fetch (RFC 9457, 3.1.1)
_STORE_RETRY_S: Final = "1"  # a writer that was in the way is gone by then
_HIDDEN_EXTRA: Final = frozenset({"allow"})  # goes into a header

# Answers hold configuration: no cache may keep them, no browser may guess another type.
SECURITY_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
}


def build_problem(error: LockgateError, request_id: str) -> dict[str, Any]:
    """Build the members of a problem document."""
    extra = {key: value for key, value in error.extra.items() if key not in _HIDDEN_EXTRA}
    return {
        **extra,
        "type": _TYPE_PREFIX + error.code,
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "field": error.field,
        "request_id": request_id,
    }


def render_problem(error: LockgateError, request: web.Request) -> web.Response:
    """Answer an error as `application/problem+json` (RFC 9457)."""
    members = build_problem(error, get_request_id(request))
    return error_response(error, request, members, status=error.status, content_type=PROBLEM_TYPE)


def error_response(
    error: LockgateError,
    request: web.Request,
    members: dict[str, Any],
    *,
    status: int,
    content_type: str,
) -> web.Response:
    """Answer an error with these members, and with the headers that belong to its class."""
    headers = {
        **SECURITY_HEADERS,
        **(retry_after_header(error) or _default_retry_after(error)),
        REQUEST_ID_HEADER: get_request_id(request),
    }
    if isinstance(error, UnauthenticatedError):
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="lockgate"'
    if isinstance(error, MethodNotAllowedError):
        headers[hdrs.ALLOW] = str(error.extra.get("allow", ""))
    # A lone surrogate in a field's name cannot be written as UTF-8: it becomes a question mark.
    body = orjson.dumps(_printable(members))
    return web.Response(body=body, status=status, headers=headers, content_type=content_type)


def _default_retry_after(error: LockgateError) -> dict[str, str]:
    if isinstance(error, StoreUnavailableError):
        return {hdrs.RETRY_AFTER: _STORE_RETRY_S}
    return {}


def _printable(members: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for key, value in members.items()
    }
