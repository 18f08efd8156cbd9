"""Who may call MLflow's methods: the same roles, scopes and gate as under /api/v1."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from gateway.control.mlflow import MLFLOW_PATHS, build_mlflow_app
from gateway.control.mlflow.routes import OPERATIONS
from gateway.control.throttle import HELD
from tests.control.test_roles import bearer, make_token

READERS = {"viewer", "auditor", "editor", "admin"}
WRITERS = {"editor", "admin"}
DENIED = (403, "PERMISSION_DENIED")


@dataclass
class Facade:
    """MLflow's interface over the parts of a control plane."""

    control: Any
    server: TestServer
    http: ClientSession

    async def call(self, method: str, path: str, **given: Any) -> tuple[int, str, Any]:
        url = self.server.make_url(path)
        async with self.http.request(method, url, **given) as found:
            answer = await found.json(content_type=None)
            return found.status, answer.get("error_code", ""), found.headers


@pytest.fixture
async def facade(control: Any) -> AsyncIterator[Facade]:
    app = web.Application()
    for path in MLFLOW_PATHS:
        app.add_subapp(path, build_mlflow_app(control.parts))
    async with TestServer(app) as server, ClientSession() as http:
        yield Facade(control, server, http)


def basic(password: str) -> dict[str, Any]:
    given = base64.b64encode(f"anybody:{password}".encode()).decode()
    return {"headers": {"Authorization": f"Basic {given}"}}


async def test_methods_are_open_to_who_may_read_or_edit(facade: Facade) -> None:
    tokens = {role: await make_token(facade.control, role) for role in READERS}
    for row in OPERATIONS:
        for role, token in tokens.items():
            status, code, _ = await facade.call(
                row.method, MLFLOW_PATHS[0] + row.path, **basic(token)
            )
            may = role in (READERS if row.method == "GET" else WRITERS)
            assert ((status, code) != DENIED) == may, (row.path, role)


async def test_a_token_with_scopes_is_refused_everywhere(facade: Facade) -> None:
    token = await make_token(facade.control, "admin", "team-a-*")
    for prefix in MLFLOW_PATHS:
        for row in OPERATIONS:
            found = await facade.call(row.method, prefix + row.path, **bearer(token))
            assert found[:2] == DENIED, row.path


async def test_a_session_of_the_page_is_no_credential_here(facade: Facade) -> None:
    reply = await facade.control.call(
        "POST",
        "/session",
        {"token": "test-admin-token-0123456789"},
        headers={"Authorization": None},
    )
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    path = f"{MLFLOW_PATHS[0]}/gateway/secrets/create"
    found = await facade.call("POST", path, headers={"Cookie": cookie})
    assert found[:2] == DENIED  # no browser sends it here, and it has no CSRF token


async def test_guesses_are_counted_together_with_those_under_api_v1(facade: Facade) -> None:
    async def sleep(seconds: float) -> None:
        facade.control.clock.ms += int(seconds * 1000)

    facade.control.parts.gate.sleep = sleep
    path = f"{MLFLOW_PATHS[1]}/gateway/secrets/list"
    for n in range(HELD):
        if n % 2:
            assert (await facade.control.get("/secrets", **bearer("wrong"))).status == 401
        else:
            assert (await facade.call("GET", path, **basic("wrong")))[0] == 401
    status, code, headers = await facade.call("GET", path, **basic("wrong"))
    assert (status, code) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert int(headers["Retry-After"]) >= 1
