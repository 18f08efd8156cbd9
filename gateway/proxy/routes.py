"""The data plane's routes: what a method and a path mean, looked up in tables.

Rule: a path is served only if it stands here, spelled as it stands here; everything else is
not the data plane's.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, NamedTuple
from urllib.parse import unquote

from gateway.entities import Dialect
from gateway.proxy.operations import CHAT, OPERATIONS, PASSED, PASSED_ACTIONS, Operation
from gateway.proxy.stored import find_stored

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
# Claude Code asks them before its first call. A GET of "/" is the page's.
_ROOTS: Final = ("/", "/anthropic", "/gemini")
# A model's name in a path, and Gemini's action behind a colon.
_NAMED: Final = re.compile(r"(?P<list>/.+)/(?P<name>[^/:?]+)(?::(?P<action>[A-Za-z]+))?")
# MLflow AI Gateway's: an endpoint's name inside of the path.
_MLFLOW: Final = "/gateway/"
_INVOKED: Final = re.compile(r"/gateway/(?P<name>[^/:?]+)/mlflow/invocations")
_PASSED: Final = re.compile(r"/gateway/proxy/(?P<name>[^/:?]+)/(?P<path>.+)")
_ACTION: Final = re.compile(
    r"(?P<version>v1|v1beta)/models/(?P<model>[^/:?]+):(?P<action>[A-Za-z]+)"
)


class Service(Enum):
    """What the data plane does for a route."""

    CALL = auto()  # of a model
    INVOKE = auto()  # the same, as MLflow has it: only the path names the endpoint
    STORE = auto()  # what the provider keeps: files and batches
    PASS = auto()  # the same, with the provider's own name of the model
    LIST = auto()  # the endpoints
    SHOW = auto()  # one endpoint
    ALIVE = auto()  # an empty 200
    REFUSE = auto()  # the path is known, the method is not
    CLOSED = auto()  # a provider may have the path, it is not passed through


class Route(NamedTuple):
    """What a request asks for. `name` is the endpoint's where it stands in the path.

    `model` is the provider's own name of the model where that stands there, for PASS.
    """

    service: Service
    operation: Operation | None = None
    dialect: Dialect | None = None
    name: str | None = None
    allow: str = ""  # the methods that there are, for REFUSE
    model: str | None = None


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a request; None where the path is not the data plane's.

    Args:
        method: in capitals.
        path: as it was sent: percent-encoding is undone in an endpoint's name only.
    """
    methods = _EXACT.get(path)
    if methods is not None:
        return methods.get(method) or _refuse(path, methods)
    match = _NAMED.fullmatch(path)
    methods = None if match is None else _BY_NAME.get((match["list"], match["action"]))
    if match is None or methods is None:
        return _find_mlflow(method, path) if path.startswith(_MLFLOW) else None
    route = methods.get(method)
    if route is None:
        return _refuse(path, methods)
    return route._replace(name=unquote(match["name"]))


def _find_mlflow(method: str, path: str) -> Route | None:
    """Return the route of a path of MLflow's that has an endpoint's name inside."""
    match = _INVOKED.fullmatch(path)
    if match is not None:
        route = Route(Service.INVOKE, CHAT, CHAT.dialect)
    else:
        match = _PASSED.fullmatch(path)
        if match is None:
            return None
        route = _find_stored(method, match["path"]) or _find_passed(match["path"])
        if route.service in (Service.STORE, Service.REFUSE):
            return route._replace(name=unquote(match["name"]))
    if method != "POST" and route.operation is not None:
        return Route(Service.REFUSE, dialect=route.dialect, allow="POST")
    return route._replace(name=unquote(match["name"]))


def _find_stored(method: str, path: str) -> Route | None:
    """Return what becomes of a provider's path to files and batches."""
    found = find_stored(method, path)
    if found is None:
        return None
    if isinstance(found, str):
        return Route(Service.REFUSE, dialect=Dialect.OPENAI_RAW, allow=found)
    return Route(Service.STORE, found, found.dialect)


def _find_passed(path: str) -> Route:
    """Return what becomes of a provider's path: only those of the tables are passed through."""
    operation, model = PASSED.get(path), None
    if operation is None:
        match = _ACTION.fullmatch(path)
        if match is not None:
            operation = PASSED_ACTIONS.get((match["version"], match["action"]))
            model = unquote(match["model"])
    if operation is None:
        return Route(Service.CLOSED)
    return Route(Service.PASS, operation, operation.dialect, model=model)


def _refuse(path: str, methods: dict[str, Route]) -> Route | None:
    if path == "/":
        return None  # the page answers there
    dialects = {route.dialect for route in methods.values()}
    return Route(Service.REFUSE, dialect=dialects.pop(), allow=", ".join(sorted(methods)))


def _build_tables() -> tuple[
    dict[str, dict[str, Route]], dict[tuple[str, str | None], dict[str, Route]]
]:
    exact: dict[str, dict[str, Route]] = {}
    by_name: dict[tuple[str, str | None], dict[str, Route]] = {}
    for prefix, operations in OPERATIONS:
        for operation in operations:
            route = Route(Service.CALL, operation, operation.dialect)
            if operation.action is None:
                exact.setdefault(prefix + operation.path, {})["POST"] = route
            else:
                place = (prefix + operation.path, operation.action)
                by_name.setdefault(place, {})["POST"] = route
    for path, dialect in _LISTS:
        exact.setdefault(path, {})["GET"] = Route(Service.LIST, dialect=dialect)
        by_name.setdefault((path, None), {})["GET"] = Route(Service.SHOW, dialect=dialect)
    for path in _ROOTS:
        exact.setdefault(path, {})["HEAD"] = Route(Service.ALIVE)
    return exact, by_name


_EXACT, _BY_NAME = _build_tables()
