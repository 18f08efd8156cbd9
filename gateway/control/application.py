"""The control plane as one aiohttp application, to be mounted at /api/v1.

Rule: deny by default. A route without a row in the table stops the start.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from gateway.control.call import Operation
from gateway.control.checkpoints import build_checkpoints
from gateway.control.dispatch import build_guard, build_handler
from gateway.control.keys import DOCUMENT, OPERATION_OF
from gateway.control.openapi import build_document
from gateway.control.parts import ControlParts
from gateway.control.problem import render_problem
from gateway.control.routes import OPERATIONS
from gateway.errors import InternalError
from gateway.web import Renderer, build_rescue


def build_control_app(parts: ControlParts) -> web.Application:
    """Build the application.

    Raises:
        InternalError: a route without a policy; also raised when the application starts, for
            routes that were added later.
    """
    app = build_operations_app(parts, OPERATIONS, render_problem)
    app[DOCUMENT] = build_document(OPERATIONS)
    app.cleanup_ctx.append(build_checkpoints(parts))  # here alone: other tables are no other log
    return app


def build_operations_app(
    parts: ControlParts, operations: Iterable[Operation], render: Renderer
) -> web.Application:
    """Build an application that answers a table of operations, errors in one shape.

    Raises:
        InternalError: as `build_control_app`.
    """
    app = web.Application(middlewares=[build_rescue(lambda _: render), build_guard(parts)])
    app[OPERATION_OF] = {}
    for operation in operations:
        _register(app, operation, parts)
    check_policies(app)
    app.on_startup.append(_check_at_start)
    return app


def _register(app: web.Application, operation: Operation, parts: ControlParts) -> None:
    handler = build_handler(operation, parts)
    path = _build_route_path(operation.path)
    if operation.method == "GET":
        routes = [app.router.add_route(method, path, handler) for method in ("GET", "HEAD")]
    else:
        routes = [app.router.add_route(operation.method, path, handler)]
    app[OPERATION_OF].update(dict.fromkeys(routes, operation))


def _build_route_path(path: str) -> str:
    """Keep a parameter at the end from standing for what another path has there by name."""
    before, _, last = path.rpartition("/")
    if not last.startswith("{"):
        return path
    places = [row.path.rpartition("/") for row in OPERATIONS]
    names = {name for place, _, name in places if place == before and not name.startswith("{")}
    if not names:
        return path
    return f"{before}/{last[:-1]}:(?!(?:{'|'.join(sorted(names))})$)[^/]+}}"


def check_policies(app: web.Application) -> None:
    """Check that every route has a policy.

    Raises:
        InternalError: names the first that has none.
    """
    for route in app.router.routes():
        if route not in app[OPERATION_OF]:
            raise InternalError(f"{route.method} {route.resource} has no policy")


async def _check_at_start(app: web.Application) -> None:
    check_policies(app)
