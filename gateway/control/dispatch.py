"""From a request to a `Call`, from an `Answer` to a response: once, for every operation.

Rule: Host, then caller and role, then query, then body; what an earlier check refuses, no later one
looks at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import hdrs, web
from multidict import MultiDict, MultiMapping
from pydantic import BaseModel

from gateway.control.access import check_access
from gateway.control.auth import AdminAuth
from gateway.control.body import parse_body, read_body
from gateway.control.call import (
    LINES_TYPE,
    MAX_BODY_BYTES,
    Answer,
    Call,
    Caller,
    Operation,
    Policy,
)
from gateway.control.etag import is_not_modified
from gateway.control.hosts import check_host
from gateway.control.keys import OPERATION_OF
from gateway.control.parts import ControlParts
from gateway.control.problem import SECURITY_HEADERS
from gateway.control.query import parse_query
from gateway.errors import ForbiddenError, LockgateError
from gateway.web import (
    REQUEST_ID_HEADER,
    Handler,
    get_request_id,
    json_response,
    parse_client_address,
)

logger = logging.getLogger("lockgate.control")

_CALLER: Final = web.RequestKey("lockgate.control.caller", Caller)
_NOT_MODIFIED: Final = 304
_NOBODY: Final = "anonymous"


def build_guard(parts: ControlParts) -> Any:
    """Build the middleware that lets a request through to its operation, or not.

    A route that is no operation of the table has no policy: nobody may call it.
    """
    auth = AdminAuth(parts)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request, parts.settings)
        refusal = request.match_info.http_exception
        if isinstance(refusal, web.HTTPMethodNotAllowed) and request.method == hdrs.METH_OPTIONS:
            return _answer_options(request, refusal)
        if refusal is not None:
            raise refusal
        operation = request.app[OPERATION_OF].get(request.match_info.route)
        if operation is None:
            raise ForbiddenError("this route has no policy")
        request[_CALLER] = await _find_caller(request, operation, auth)
        return await handler(request)

    return guard


def _answer_options(request: web.Request, refusal: web.HTTPMethodNotAllowed) -> web.Response:
    methods = ", ".join(sorted({*refusal.allowed_methods, hdrs.METH_OPTIONS}))
    headers = {
        hdrs.ALLOW: methods,
        REQUEST_ID_HEADER: get_request_id(request),
        **SECURITY_HEADERS,
    }
    return web.Response(status=204, headers=headers)


async def _find_caller(request: web.Request, operation: Operation, auth: AdminAuth) -> Caller:
    address, request_id = parse_client_address(request), get_request_id(request)
    if operation.policy is Policy.PUBLIC:
        return Caller(actor=_NOBODY, source_address=address, request_id=request_id)
    identity = await auth.authenticate(request)
    caller = Caller(
        actor=identity.actor,
        source_address=address,
        request_id=request_id,
        role=identity.role,
        scopes=identity.scopes,
    )
    check_access(operation, caller)
    return caller


def build_handler(
    operation: Operation, parts: ControlParts
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Build the handler of an operation: check, call, answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        query = parse_query(_select_query(request, operation), operation.query)
        raw, body = await _read(request, operation)
        call = Call(
            request=request,
            parts=parts,
            caller=request[_CALLER],
            path=request.match_info,
            query=query,
            body=body,
            raw=raw,
        )
        answer = await operation.handler(call)
        if answer.lines is not None:
            return await _stream(request, answer, answer.lines)
        return _render(request, answer)

    return handle


def _select_query(request: web.Request, operation: Operation) -> MultiMapping[str]:
    if not operation.open_query:
        return request.query
    known = {parameter.name for parameter in operation.query}
    return MultiDict([(name, text) for name, text in request.query.items() if name in known])


async def _read(request: web.Request, operation: Operation) -> tuple[bytes, BaseModel | None]:
    if operation.body is None or (not operation.body_required and not request.can_read_body):
        return b"", None
    raw = await read_body(request, operation.max_body_bytes)
    if len(raw) <= MAX_BODY_BYTES:
        return raw, parse_body(raw, operation.body, operation.array_body)
    return raw, await asyncio.to_thread(parse_body, raw, operation.body, operation.array_body)


async def _stream(
    request: web.Request, answer: Answer, lines: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send lines as they are made; the first piece is made before anything is sent."""
    first = await anext(lines, b"")
    response = web.StreamResponse(status=answer.status, headers=_build_headers(request, answer))
    response.content_type = LINES_TYPE
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        await response.write(first)
        async for piece in lines:
            await response.write(piece)
        await response.write_eof()
    except ConnectionResetError:
        pass  # the reader has left
    except Exception as error:  # noqa: BLE001  a second answer would be taken for lines
        _cut_off(request, error)
    return response


def _cut_off(request: web.Request, error: Exception) -> None:
    """End an answer in the middle: an end that is missing tells its reader."""
    request_id = get_request_id(request)
    if isinstance(error, LockgateError):
        logger.warning("request %s was cut off: %s", request_id, error.detail)
    else:
        logger.error("request %s was cut off", request_id, exc_info=error)
    if request.transport is not None:
        request.transport.abort()


def _build_headers(request: web.Request, answer: Answer) -> dict[str, str]:
    return {
        **SECURITY_HEADERS,
        REQUEST_ID_HEADER: get_request_id(request),
        **answer.headers,
    }


def _render(request: web.Request, answer: Answer) -> web.Response:
    headers = _build_headers(request, answer)
    if answer.etag is not None:
        headers[hdrs.ETAG] = answer.etag
        condition = request.headers.get(hdrs.IF_NONE_MATCH)
        is_read = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        if is_read and is_not_modified(condition, answer.etag):
            return web.Response(status=_NOT_MODIFIED, headers=headers)
    if answer.value is None:
        return web.Response(status=answer.status, headers=headers)
    return json_response(answer.value, status=answer.status, headers=headers)
