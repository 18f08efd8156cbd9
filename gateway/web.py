"""What both edges share of HTTP: request ids, the one rescue point, small answers.

Rule: an exception becomes an HTTP answer only in `build_rescue`; which shape the
answer has is the renderer's choice, which status and code the error's own.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from gateway.errors import (
    InternalError,
    LockgateError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    RequestError,
)

logger = logging.getLogger("lockgate.web")

REQUEST_ID_HEADER: Final = "x-lockgate-request-id"
_REQUEST_ID_KEY: Final = web.RequestKey("lockgate.request_id", str)
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Renderer = Callable[[LockgateError, web.Request], web.StreamResponse]


def is_request_id(text: str) -> bool:
    """Tell whether a caller's request id is kept: 1-128 visible ASCII characters."""
    return _VISIBLE_ASCII.fullmatch(text) is not None


def get_request_id(request: web.BaseRequest) -> str:
    """Return the request's id: the caller's if it is 1-128 visible ASCII characters, else new."""
    if _REQUEST_ID_KEY in request:
        return request[_REQUEST_ID_KEY]
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request_id = given if is_request_id(given) else os.urandom(16).hex()
    request[_REQUEST_ID_KEY] = request_id
    return request_id


def json_response(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> web.Response:
    """Answer with `value` as JSON."""
    return web.Response(
        body=orjson.dumps(value), status=status, headers=headers, content_type=content_type
    )


def build_rescue(find_renderer: Callable[[web.Request], Renderer]) -> Any:
    """Build the middleware that turns every exception into an answer.

    `find_renderer` picks the shape by the request's path. A fault of ours is logged with its
    stack under the request id and answered without either.
    """

    @web.middleware
    async def rescue(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except LockgateError as error:
            return find_renderer(request)(error, request)
        except web.HTTPException as error:
            if error.status < 400:  # noqa: PLR2004  redirects are answers
                raise
            return find_renderer(request)(convert_http_exception(error), request)
        except Exception:
            logger.exception("request %s failed", get_request_id(request))
            internal = InternalError("the gateway failed; its log has more under the request id")
            return find_renderer(request)(internal, request)

    return rescue


def convert_http_exception(error: web.HTTPException) -> LockgateError:
    """Turn aiohttp's own refusals (no such route, wrong method, body too large) into ours."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowedError(
            f"{error.method} is not allowed here; allowed: {allowed}",
            extra={"allow": allowed},
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLargeError("the body is larger than the limit in force")
    if error.status == web.HTTPNotFound.status_code:
        return NotFoundError("there is no such path")
    if error.status < 500:  # noqa: PLR2004  any other refusal is the caller's to mend
        return MalformedRequestError(error.reason or "the request is malformed")
    return InternalError("the gateway failed; its log has more under the request id")


def parse_client_address(request: web.Request) -> str:
    """Return the peer's address, as the socket tells it; no forwarded header is believed."""
    return request.remote or ""


def retry_after_header(error: LockgateError) -> dict[str, str]:
    """Return the `Retry-After` header of an error that knows one, in whole seconds."""
    if error.retry_after_s is None:
        return {}
    return {hdrs.RETRY_AFTER: str(max(0, -int(-error.retry_after_s // 1)))}


def require_json_object(raw: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object.

    Raises:
        RequestError: not JSON, or another kind of value.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(
            f"the body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from None
    if not isinstance(value, dict):
        raise RequestError("the body must be a JSON object")
    return value
