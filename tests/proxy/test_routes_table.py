"""What a method and a path mean, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import Dialect
from gateway.proxy.operations import OPERATIONS, Operation
from gateway.proxy.routes import Service, find_route

LISTS = [
    ("/v1/models", None),
    ("/v1beta/models", Dialect.GEMINI),
    ("/anthropic/v1/models", Dialect.ANTHROPIC_MESSAGES),
    ("/gemini/v1/models", Dialect.GEMINI),
    ("/gemini/v1beta/models", Dialect.GEMINI),
    ("/gateway/openai/v1/models", Dialect.OPENAI_CHAT),
    ("/gateway/anthropic/v1/models", Dialect.ANTHROPIC_MESSAGES),
    ("/gateway/gemini/v1beta/models", Dialect.GEMINI),
    ("/gateway/mlflow/v1/models", Dialect.OPENAI_CHAT),
]
PLAIN = [
    (prefix + row.path, row) for prefix, rows in OPERATIONS for row in rows if row.action is None
]
NAMED = [
    (prefix + row.path, row)
    for prefix, rows in OPERATIONS
    for row in rows
    if row.action is not None
]


@pytest.mark.parametrize(("path", "operation"), PLAIN, ids=[path for path, _ in PLAIN])
def test_a_call_by_its_path(path: str, operation: Operation) -> None:
    route = find_route("POST", path)
    assert route is not None
    assert (route.service, route.name) == (Service.CALL, None)
    assert route.operation is operation
    assert route.dialect is operation.dialect


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("gem", "gem"),
        ("gem-2.0_x", "gem-2.0_x"),
        ("a%20b", "a b"),
        ("a%2Fb", "a/b"),
        ("a%3Ab", "a:b"),
        ("%C3%BC", "\u00fc"),
        ("%", "%"),
        ("a+b", "a+b"),
        ("a%2500", "a%00"),
    ],
)
@pytest.mark.parametrize(
    ("path", "operation"), NAMED, ids=[f"{path}:{row.action}" for path, row in NAMED]
)
def test_a_call_by_a_name_in_its_path(
    path: str, operation: Operation, sent: str, name: str
) -> None:
    route = find_route("POST", f"{path}/{sent}:{operation.action}")
    assert route is not None
    assert (route.service, route.name) == (Service.CALL, name)
    assert route.operation is operation


@pytest.mark.parametrize(("path", "dialect"), LISTS)
def test_the_list_of_models_and_one_of_them(path: str, dialect: Dialect | None) -> None:
    route = find_route("GET", path)
    assert route is not None
    assert (route.service, route.dialect) == (Service.LIST, dialect)
    shown = find_route("GET", path + "/a%2Fb")
    assert shown is not None
    assert (shown.service, shown.dialect, shown.name) == (Service.SHOW, dialect, "a/b")


@pytest.mark.parametrize("path", ["/", "/anthropic", "/gemini"])
def test_the_probe_of_the_root(path: str) -> None:
    route = find_route("HEAD", path)
    assert route is not None
    assert route.service is Service.ALIVE


def test_the_page_is_not_the_data_planes() -> None:
    assert find_route("GET", "/") is None
    assert find_route("POST", "/") is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize(
    ("path", "dialect"),
    [(path, row.dialect) for path, row in PLAIN]
    + [(f"{path}/gem:{row.action}", row.dialect) for path, row in NAMED],
)
def test_a_wrong_method_is_told_the_right_one(method: str, path: str, dialect: Dialect) -> None:
    route = find_route(method, path)
    assert route is not None
    assert (route.service, route.allow, route.dialect) == (Service.REFUSE, "POST", dialect)


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
@pytest.mark.parametrize(("path", "dialect"), LISTS)
def test_a_list_is_only_read(method: str, path: str, dialect: Dialect | None) -> None:
    for asked in (path, path + "/gem"):
        route = find_route(method, asked)
        assert route is not None
        assert (route.service, route.allow, route.dialect) == (Service.REFUSE, "GET", dialect)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "/v1",
        "/v1/models/",
        "/v1/models/a/b",
        "/v1/models/a:noSuchAction",
        "/v1/models/a:generateContent/x",
        "/v1/models/a:generateContent:x",
        "/v1/models/:generateContent",
        "/v1beta/models/a:GenerateContent",
        "/V1/models",
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat%2Fcompletions",
        "/../v1/chat/completions",
        "/v1/./chat/completions",
        "http://evil.example/v1/chat/completions",
        "/livez",
        "/api/v1/endpoints",
        "/ui/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_what_is_spelled_otherwise_is_not_the_data_planes(path: str, method: str) -> None:
    assert find_route(method, path) is None


@given(st.sampled_from(["GET", "POST", "HEAD"]), st.text("/v1models:%2Fa\udcff?#. ", max_size=30))
def test_any_path_has_a_route_or_none(method: str, path: str) -> None:
    find_route(method, path)
    find_route(method, "/v1/models/" + path)
