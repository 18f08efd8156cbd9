"""The handlers of the data plane: from a matched route to a finished answer.

Rule: authentication comes before the body is read; one snapshot serves the whole
request; a request that is refused before any attempt books nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.dialects import ModelEntry, dump_model, dump_models, parse_body, parse_head
from gateway.entities import Dialect
from gateway.errors import ClientGoneError, InternalError, LockgateError, MalformedRequestError
from gateway.proxy.answer import guess_dialect, send_json
from gateway.proxy.attempts import Attempts
from gateway.proxy.auth import authenticate, get_endpoint
from gateway.proxy.body import BodyLimit, read_body
from gateway.proxy.credentials import Wirings
from gateway.proxy.deadline import TIMEOUT_HEADER, build_limits, now_s, parse_timeout
from gateway.proxy.exchange import Exchange, Job, open_exchange
from gateway.proxy.headers import check_own_headers, strip_query_key
from gateway.proxy.operations import Operation
from gateway.proxy.parts import ProxyParts
from gateway.proxy.upstream import Upstreams
from gateway.routing.snapshot import ClientKey, EndpointRoute
from gateway.telemetry.logs import ACCESS_LOGGER

access = logging.getLogger(ACCESS_LOGGER)

_INTERNAL: Final = InternalError.status
_FIRST_ERROR: Final = 400

Serve = Callable[[Exchange, ClientKey], Awaitable[web.StreamResponse]]


class DataPlane:
    """All handlers, over one set of parts and one set of upstream connections."""

    def __init__(self, parts: ProxyParts, upstreams: Upstreams) -> None:
        self._parts = parts
        self._wirings = Wirings(parts.configs, parts.settings.allowed_private_origins)
        self._attempts = Attempts(parts, upstreams, self._wirings)
        self._body_limit = BodyLimit(parts.settings.max_body_bytes)

    async def call(self, request: web.Request, operation: Operation) -> web.StreamResponse:
        """Serve a call of a model."""
        exchange = self._open(request, operation, operation.dialect)

        async def serve(exchange: Exchange, key: ClientKey) -> web.StreamResponse:
            job = await self._accept(exchange, operation, key)
            return await self._attempts.serve(exchange, job)

        return await self._run(exchange, serve)

    async def list_models(
        self, request: web.Request, dialect: Dialect | None
    ) -> web.StreamResponse:
        """List the endpoints that the caller may use, in the shape of its vendor."""
        exchange = self._open(request, None, dialect or guess_dialect(request))

        async def serve(exchange: Exchange, key: ClientKey) -> web.StreamResponse:
            routes = exchange.snapshot.iter_allowed(key)
            entries = [ModelEntry(route.name, route.created_at) for route in routes]
            return send_json(exchange, dump_models(exchange.spec.vendor, entries))

        return await self._run(exchange, serve)

    async def show_model(self, request: web.Request, dialect: Dialect | None) -> web.StreamResponse:
        """Show one endpoint, in the shape of the caller's vendor."""
        exchange = self._open(request, None, dialect or guess_dialect(request))

        async def serve(exchange: Exchange, key: ClientKey) -> web.StreamResponse:
            route = get_endpoint(exchange.snapshot, key, request.match_info["name"])
            exchange.endpoint = route.name
            body = dump_model(exchange.spec.vendor, ModelEntry(route.name, route.created_at))
            return send_json(exchange, body)

        return await self._run(exchange, serve)

    # --- the frame around every request ---------------------------------------------------

    def _open(
        self, request: web.Request, operation: Operation | None, dialect: Dialect
    ) -> Exchange:
        snapshot = self._parts.snapshots.current
        now_ms = self._parts.clock.now_ms()
        return open_exchange(request, operation, dialect, snapshot, now_ms)

    async def _run(self, exchange: Exchange, serve: Serve) -> web.StreamResponse:
        metrics = self._parts.metrics
        metrics.in_flight += 1
        status, code = _INTERNAL, "internal"
        try:
            key = authenticate(exchange.request, exchange.snapshot, exchange.started_at)
            check_own_headers(exchange.request.headers)
            response = await serve(exchange, key)
            status, code = response.status, ""
        except LockgateError as error:
            status, code = error.status, error.code
            raise
        except asyncio.CancelledError:
            status, code = ClientGoneError.status, ClientGoneError.code
            raise
        finally:
            metrics.in_flight -= 1
            self._note(exchange, status, code)
        return response

    def _note(self, exchange: Exchange, status: int, code: str) -> None:
        duration_s = now_s() - exchange.started_s
        self._parts.metrics.count_request(
            exchange.endpoint, exchange.dialect.value, status, duration_s, exchange.overhead_s
        )
        # One line for each success would cost more than serving it does: DEBUG shows them.
        level = logging.DEBUG if status < _FIRST_ERROR else logging.INFO
        if access.isEnabledFor(level):
            fields = {
                "request_id": exchange.request_id,
                "dialect": exchange.dialect.value,
                "endpoint": exchange.endpoint or "-",
                "model": exchange.model or "-",
                "status": status,
                "code": code or "-",
                "attempts": exchange.attempts,
                "ms": duration_s * 1000,
            }
            access.log(level, "request", extra={"fields": fields})

    # --- from a request to a job ----------------------------------------------------------

    async def _accept(self, exchange: Exchange, operation: Operation, key: ClientKey) -> Job:
        request = exchange.request
        in_path = request.match_info.get("name") if operation.action is not None else None
        endpoint = None if in_path is None else self._reach(exchange, key, in_path)
        # With the name in the path the endpoint's own limit is known before the body is read.
        limit_bytes = (
            self._body_limit.largest(exchange.snapshot)
            if endpoint is None
            else self._body_limit.of(endpoint)
        )
        header = request.headers.get(TIMEOUT_HEADER)
        if header is not None:
            parse_timeout(header)  # a wrong one is told before the body is read
        asked_s = now_s()
        body = await read_body(
            request, limit_bytes, total_s=self._parts.settings.total_timeout_ms / 1000
        )
        exchange.waited_s += now_s() - asked_s
        stream = operation.streams
        if endpoint is None:
            head = parse_head(body)
            if head.model is None:
                raise MalformedRequestError("the body has no model", field="model")
            endpoint = self._reach(exchange, key, head.model)
            stream = head.stream
            self._body_limit.check(endpoint, len(body))
        else:
            parse_body(body)  # refused here as in every dialect, before a provider is troubled
        return Job(
            operation=operation,
            endpoint=endpoint,
            key=key,
            limits=build_limits(self._parts.settings, endpoint.limits, header, exchange.started_s),
            body=body,
            stream=stream,
            query=strip_query_key(request.rel_url.raw_query_string),
            client_headers=tuple(request.headers.items()),
        )

    def _reach(self, exchange: Exchange, key: ClientKey, name: str) -> EndpointRoute:
        endpoint = get_endpoint(exchange.snapshot, key, name)
        exchange.endpoint = endpoint.name
        return endpoint
