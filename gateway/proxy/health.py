"""What operators ask of a process: is it alive, is it ready, what has it counted.

Rule: being alive depends on nothing but this process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.errors import UnauthenticatedError
from gateway.telemetry.metrics import CONTENT_TYPE
from gateway.web import json_response


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


async def _answer_alive(_: web.Request) -> web.Response:
    return json_response({"status": "alive"})
