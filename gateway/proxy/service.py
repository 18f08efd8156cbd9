"""The handlers of the data plane: from a matched route to a finished answer.

Rule: authentication comes before the body is read; one snapshot serves the whole
request; a request that is refused before any attempt books nothing.
"""

from __future__ import annotations

import logging
from typing import Final

from gateway.dialects import (
    DIALECTS,
    ModelEntry,
    cut_model,
    dump_model,
    dump_models,
    parse_body,
    parse_head,
)
from gateway.errors import (
    ClientGoneError,
    InternalError,
    LockgateError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotFoundError,
)
from gateway.providers import PUBLIC_PORTS
from gateway.proxy.admission import Admission
from gateway.proxy.answer import guess_dialect
from gateway.proxy.attempts import Attempts
from gateway.proxy.auth import authenticate, get_endpoint
from gateway.proxy.authorization import Authorizations
from gateway.proxy.credentials import Wirings
from gateway.proxy.deadline import now_s, parse_timeout
from gateway.proxy.exchange import Exchange, Job, open_exchange
from gateway.proxy.front import ClientConnection
from gateway.proxy.front.upload import Raw, Upload
from gateway.proxy.headers import KNOWN_REQUEST_HEADERS
from gateway.proxy.limits import EndpointLimitTable
from gateway.proxy.media import read_form
from gateway.proxy.mlflow import narrow, read_invocation, read_passed
from gateway.proxy.operations import Operation
from gateway.proxy.packed import Unpacker, check_coding
from gateway.proxy.parts import ProxyParts
from gateway.proxy.routes import Route, Service
from gateway.proxy.stored import check_lending
from gateway.proxy.upstream import Upstreams
from gateway.routing.snapshot import ClientKey, EndpointRoute
from gateway.telemetry.logs import ACCESS_LOGGER

logger = logging.getLogger("lockgate.proxy")
access = logging.getLogger(ACCESS_LOGGER)

_FIRST_ERROR: Final = 400
_PLAIN: Final = ("", "identity")
_JSON_LINE: Final = b"Content-Type: application/json\r\n"


class DataPlane:
    """All handlers, over one set of parts and one set of upstream connections."""

    def __init__(
        self, parts: ProxyParts, upstreams: Upstreams, admission: Admission, unpacker: Unpacker
    ) -> None:
        self._parts = parts
        self._unpacker = unpacker
        self._admission = admission
        settings = parts.settings
        ports = PUBLIC_PORTS.union(settings.allowed_ports)
        wirings = Wirings(
            parts.configs,
            settings.allowed_private_origins,
            parts.healths,
            ports,
            Authorizations(upstreams, settings.allowed_private_origins, parts.clock, ports),
        )
        self._attempts = Attempts(parts, upstreams, wirings)
        self._limits = EndpointLimitTable(parts.settings)

    async def handle(self, connection: ClientConnection) -> None:
        """Serve one request, whatever becomes of it."""
        route = connection.head.route
        assert route is not None, "a connection without a route of ours was passed on"  # noqa: S101
        spec = DIALECTS[route.dialect or guess_dialect(connection.head)]
        exchange = open_exchange(
            connection, spec, self._parts.snapshots.current, self._parts.clock.now_ms()
        )
        metrics = self._parts.metrics
        metrics.in_flight += 1
        code = ""
        try:
            await self._serve(exchange, route)
        except ClientGoneError as error:
            exchange.status, code = error.status, error.code
            connection.abort()
        except LockgateError as error:
            code = error.code
            self._tell(exchange, error)
        except Exception:
            code = InternalError.code
            logger.exception("request %s failed", exchange.request_id)
            self._tell(
                exchange,
                InternalError("the gateway failed; its log has more under the request id"),
            )
        finally:
            metrics.in_flight -= 1
            self._note(exchange, code)

    async def _serve(self, exchange: Exchange, route: Route) -> None:
        if route.service is Service.ALIVE:
            exchange.answer(200, b"", b"")
            return
        key = authenticate(exchange.head.digest, exchange.snapshot, exchange.started_at)
        if exchange.head.unknown is not None:
            raise _unknown_header(exchange.head.unknown)
        if route.operation is not None:
            admission = self._admission
            if admission.alert:
                await admission.wait(key.key_id)
            else:
                admission.enter()
            try:
                await self._call(exchange, route, route.operation, key)
            finally:
                admission.leave(key.key_id)
        elif route.service is Service.LIST:
            allowed = exchange.snapshot.iter_allowed(key)
            entries = [ModelEntry(route.name, route.created_at) for route in allowed]
            exchange.answer(200, _JSON_LINE, dump_models(exchange.spec.vendor, entries))
        elif route.service is Service.SHOW:
            found = self._reach(exchange, key, route.name or "")
            entry = ModelEntry(found.name, found.created_at)
            exchange.answer(200, _JSON_LINE, dump_model(exchange.spec.vendor, entry))
        elif route.service is Service.CLOSED:
            raise NotFoundError(
                "this path is not passed through to a provider: only calls of models are"
            )
        else:
            raise MethodNotAllowedError(
                f"{exchange.head.method} is not allowed here; allowed: {route.allow}",
                extra={"allow": route.allow},
            )

    async def _call(
        self, exchange: Exchange, route: Route, operation: Operation, key: ClientKey
    ) -> None:
        known = None if route.name is None else self._reach(exchange, key, route.name)
        if known is not None and route.service is Service.STORE:
            check_lending(known)
        limit_bytes = self._check_head(exchange, known)
        if operation.form:
            await self._call_form(exchange, operation, (key, known), limit_bytes)
            return
        if exchange.connection.has_body:  # small ones come with their heads
            body = exchange.connection.take_body(limit_bytes)
        else:
            body = await self._read_body(exchange, limit_bytes)
        if exchange.head.coding not in _PLAIN:
            body = await self._unpacker.start(body, exchange.head.coding, limit_bytes)
        if known is None:
            job = self._build_job(exchange, operation, key, body)
        else:
            job = self._build_named_job(exchange, route, operation, (key, known), body)
        await self._attempts.serve(exchange, job)

    async def _call_form(
        self,
        exchange: Exchange,
        operation: Operation,
        reached: tuple[ClientKey, EndpointRoute | None],
        limit_bytes: int,
    ) -> None:
        """Serve a form with files: it waits on the disk where it is large."""
        upload = Upload()
        asked_s = now_s()
        whole_by_s = asked_s + self._parts.settings.total_timeout_ms / 1000
        try:
            raw = await exchange.connection.read_upload(limit_bytes, whole_by_s, upload)
            exchange.waited_s += now_s() - asked_s
            if exchange.head.coding not in _PLAIN:
                coding = exchange.head.coding
                raw = await self._unpacker.start(bytes(raw), coding, limit_bytes)
            await self._attempts.serve(
                exchange, self._build_form_job(exchange, operation, reached, raw)
            )
        finally:
            upload.close()

    def _build_form_job(
        self,
        exchange: Exchange,
        operation: Operation,
        reached: tuple[ClientKey, EndpointRoute | None],
        raw: Raw,
    ) -> Job:
        """Build the job of a form: of one that is to be stored nothing is read."""
        key, endpoint = reached
        body = memoryview(raw)
        pieces: list[bytes | memoryview] = [body]
        stream = False
        if operation.is_lasting or endpoint is None:
            form = read_form(exchange.head, raw)
            stream = form.stream
            if endpoint is None:
                endpoint, pieces = self._reach(exchange, key, form.model), form.cut()
                self._limits.check_body(endpoint, len(raw))
            else:
                endpoint = narrow(endpoint, form.model)
        limits = self._limits.build(endpoint, exchange.head.timeout_ms, exchange.started_s)
        return Job(operation, endpoint, key, limits, body, pieces, stream)

    @staticmethod
    def _tell(exchange: Exchange, error: LockgateError) -> None:
        """Answer with an error, or cut the answer that has begun."""
        if exchange.connection.is_answered:
            exchange.connection.abort()
        else:
            exchange.answer_error(error)

    def _note(self, exchange: Exchange, code: str) -> None:
        duration_s = now_s() - exchange.started_s
        status = exchange.status
        self._parts.metrics.count_request(
            exchange.endpoint, exchange.spec.name, status, duration_s, exchange.overhead_s
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

    def _check_head(self, exchange: Exchange, known: EndpointRoute | None) -> int:
        """Refuse what the head alone shows to be wrong; return how long the body may be.

        With the name in the path the endpoint is `known`, and its own limit holds.
        """
        head = exchange.head
        if head.coding not in _PLAIN:
            check_coding(head.coding)
        if head.timeout_ms is not None:
            parse_timeout(head.timeout_ms)
        if known is None:
            return self._limits.largest_body_bytes(exchange.snapshot)
        return self._limits.max_body_bytes(known)

    def _build_job(
        self, exchange: Exchange, operation: Operation, key: ClientKey, body: bytes
    ) -> Job:
        model, stream = parse_head(body)
        if model is None:
            raise MalformedRequestError("the body has no model", field="model")
        endpoint = self._reach(exchange, key, model)
        self._limits.check_body(endpoint, len(body))
        pieces = cut_model(body, model)
        limits = self._limits.build(endpoint, exchange.head.timeout_ms, exchange.started_s)
        return Job(operation, endpoint, key, limits, body, pieces, stream or operation.streams)

    def _build_named_job(
        self,
        exchange: Exchange,
        route: Route,
        operation: Operation,
        reached: tuple[ClientKey, EndpointRoute],
        body: bytes,
    ) -> Job:
        """Build the job of a request whose path names the endpoint."""
        key, endpoint = reached
        pieces: list[bytes | memoryview] = []
        stream = operation.streams
        if route.service is Service.INVOKE:
            operation, pieces, stream = read_invocation(body)
            exchange.spec = DIALECTS[operation.dialect]
        elif route.service is Service.PASS:
            endpoint, stream = read_passed(endpoint, route.model, operation, body)
            pieces = [body]
        elif route.service is Service.STORE:
            pieces = [body]
        else:
            parse_body(body)  # refused here as in every dialect, before a provider is troubled
        limits = self._limits.build(endpoint, exchange.head.timeout_ms, exchange.started_s)
        is_raw = route.service is Service.PASS
        return Job(operation, endpoint, key, limits, body, pieces, stream, is_raw)

    async def _read_body(self, exchange: Exchange, limit_bytes: int) -> bytes:
        asked_s = now_s()
        try:
            return await exchange.connection.read_body(
                limit_bytes, asked_s + self._parts.settings.total_timeout_ms / 1000
            )
        finally:
            exchange.waited_s += now_s() - asked_s

    @staticmethod
    def _reach(exchange: Exchange, key: ClientKey, name: str) -> EndpointRoute:
        endpoint = get_endpoint(exchange.snapshot, key, name)
        exchange.endpoint = endpoint.name
        return endpoint


def _unknown_header(name: str) -> MalformedRequestError:
    known = ", ".join(sorted(KNOWN_REQUEST_HEADERS))
    return MalformedRequestError(
        f"the request header {name} is unknown; known: {known}", field=name
    )
