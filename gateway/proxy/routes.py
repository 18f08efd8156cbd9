"""The data plane's routes: binds each row of the table to a handler.

Rule: a path is served only if it stands here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.entities import Dialect
from gateway.errors import UnauthenticatedError
from gateway.proxy.body import defer_continue
from gateway.proxy.operations import OPERATIONS, Operation
from gateway.proxy.parts import ProxyParts
from gateway.proxy.service import DataPlane
from gateway.proxy.upstream import Upstreams
from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.web import json_response

_NAME: Final = "{name:[^/:]+}"  # a colon begins an action of Gemini
# Where models are listed; the dialect is None where the client's headers tell it.
_LISTS: Final[tuple[tuple[str, Dialect | None], ...]] = (
    ("/v1/models", None),
    ("/v1beta/models", Dialect.GEMINI),
    ("/anthropic/v1/models", Dialect.ANTHROPIC_MESSAGES),
    ("/gemini/v1/models", Dialect.GEMINI),
    ("/gemini/v1beta/models", Dialect.GEMINI),
    ("/gateway/openai/v1/models", Dialect.OPENAI_CHAT),
    ("/gateway/anthropic/v1/models", Dialect.ANTHROPIC_MESSAGES),
    ("/gateway/gemini/v1beta/models", Dialect.GEMINI),
    ("/gateway/mlflow/v1/models", Dialect.OPENAI_CHAT),
)
_ROOTS: Final = ("/", "/anthropic", "/gemini")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_proxy_routes(app: web.Application, parts: ProxyParts) -> None:
    """Register the data plane's routes; connections open and close with the application."""
    holder: list[DataPlane] = []

    async def connect(_: web.Application) -> AsyncIterator[None]:
        upstreams = Upstreams(parts.settings.allowed_private_origins, ssl_context=parts.ssl_context)
        holder.append(DataPlane(parts, upstreams))
        yield
        holder.clear()
        await upstreams.close()

    app.cleanup_ctx.append(connect)
    parts.metrics.watch(
        "snapshot_epoch", "Number of the snapshot served", lambda: parts.snapshots.current.epoch
    )
    parts.metrics.watch(
        "quarantined_credentials",
        "Stored credentials that do not open",
        lambda: len(parts.configs.quarantined()),
    )
    for prefix, operations in OPERATIONS:
        for operation in operations:
            app.router.add_route(
                "POST",
                prefix + operation.path,
                _bind_call(holder, operation),
                expect_handler=defer_continue,
            )
    for path, dialect in _LISTS:
        app.router.add_get(path, _bind_list(holder, dialect), allow_head=False)
        app.router.add_get(f"{path}/{_NAME}", _bind_show(holder, dialect), allow_head=False)
    for path in _ROOTS:
        app.router.add_head(path, _answer_root)


def add_operation_routes(
    app: web.Application,
    *,
    ready: Callable[[], Awaitable[list[str]]],
    render_metrics: Callable[[], Awaitable[bytes]],
    may_read_metrics: Callable[[web.Request], Awaitable[bool]],
) -> None:
    """Register `/livez`, `/readyz` and `/metrics`.

    Args:
        app: where to.
        ready: returns one sentence for each reason not to send traffic here.
        render_metrics: returns what `/metrics` shows.
        may_read_metrics: tells who may; it may raise UnauthenticatedError with a reason.
    """

    async def answer_ready(_: web.Request) -> web.Response:
        faults = await ready()
        if faults:
            return json_response({"status": "unready", "faults": faults}, status=503)
        return json_response({"status": "ready"})

    async def answer_metrics(request: web.Request) -> web.Response:
        if not await may_read_metrics(request):
            raise UnauthenticatedError("an admin token is needed to read the metrics")
        return web.Response(body=await render_metrics(), headers={"Content-Type": CONTENT_TYPE})

    app.router.add_get("/livez", _answer_alive)
    app.router.add_get("/readyz", answer_ready)
    app.router.add_get("/metrics", answer_metrics)


def _bind_call(holder: list[DataPlane], operation: Operation) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await holder[0].call(request, operation)

    return handle


def _bind_list(holder: list[DataPlane], dialect: Dialect | None) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await holder[0].list_models(request, dialect)

    return handle


def _bind_show(holder: list[DataPlane], dialect: Dialect | None) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await holder[0].show_model(request, dialect)

    return handle


async def _answer_alive(_: web.Request) -> web.Response:
    return json_response({"status": "alive"})


async def _answer_root(_: web.Request) -> web.Response:
    """Answer the probe that Claude Code sends before its first call."""
    return web.Response()
