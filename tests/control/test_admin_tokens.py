"""Admin tokens over REST: made, changed, taken away, and never all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import ADMIN_TOKEN_PREFIX
from gateway.secret import Secret
from tests.control.conftest import ADMIN_TOKEN, run_control
from tests.control.test_auth import bearer, log_in, with_cookie


@pytest.fixture
async def bare(settings: Any) -> AsyncIterator[Any]:
    """A control plane whose only admin is the token of the first start."""
    async with run_control(replace(settings, admin_token=None)) as running:
        token: Secret = running.installation.admin_token
        running.http.headers["Authorization"] = f"Bearer {token.reveal().decode()}"
        yield running


async def add(control: Any, **body: Any) -> Any:
    reply = await control.call("POST", "/admin-tokens", {"name": "ci", "role": "viewer"} | body)
    assert reply.status == 201, reply.json
    return reply.json


async def test_a_token_is_shown_once_and_works(control: Any) -> None:
    made = await add(control)
    assert made["value"].startswith(ADMIN_TOKEN_PREFIX)
    assert made["masked_value"] == f"{made['value'][:3]}...{made['value'][-4:]}"
    assert (made["scopes"], made["expires_at"], made["disabled"]) == (["*"], None, False)
    path = f"/admin-tokens/{made['token_id']}"
    for where in (path, "/admin-tokens?name=ci", "/audit"):
        found = await control.get(where)
        assert found.status == 200
        assert made["value"].encode() not in found.raw
    seen = (await control.get("/session", **bearer(made["value"]))).json
    assert (seen["actor"], seen["role"], seen["scopes"]) == ("ci", "viewer", ["*"])


async def test_the_same_request_gives_the_same_value(control: Any) -> None:
    given = {"headers": {"Idempotency-Key": "once"}}
    body = {"name": "ci", "role": "editor"}
    first = await control.call("POST", "/admin-tokens", body, **given)
    again = await control.call("POST", "/admin-tokens", body, **given)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "root"}, "role"),
        ({"role": None}, "role"),
        ({"role": 1}, "role"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "*"}, "scopes"),
        ({"scopes": [" a"]}, "scopes[0]"),
        ({"expires_at": 1}, "expires_at"),
        ({"value": "mine"}, "value"),
    ],
)
async def test_a_token_that_cannot_be(control: Any, body: Any, field: str) -> None:
    reply = await control.call("POST", "/admin-tokens", {"name": "ci", "role": "viewer"} | body)
    assert (reply.status, reply.json["field"]) == (422, field)


async def test_a_change_counts_from_the_next_request_on(control: Any) -> None:
    made = await add(control, role="admin")
    path, own = f"/admin-tokens/{made['token_id']}", bearer(made["value"])
    assert (await control.get("/admin-tokens", **own)).status == 200
    for change, status in [
        ({"role": "viewer"}, 403),
        ({"disabled": True}, 401),
        ({"disabled": False, "role": "admin"}, 200),
        ({"expires_at": control.clock.ms}, 401),
        ({"expires_at": None}, 200),
        ({"scopes": ["a*"]}, 403),
    ]:
        assert (await control.call("PATCH", path, change)).status == 200
        assert (await control.get("/admin-tokens", **own)).status == status, change
    assert (await control.call("DELETE", path)).status == 204
    assert (await control.get("/session", **own)).status == 401
    assert (await control.get(path)).status == 404


async def test_a_token_ends_with_its_time(control: Any) -> None:
    made = await add(control, expires_at=control.clock.ms + 1_000)
    own = bearer(made["value"])
    session, cookie, _ = await log_in(control, made["value"])
    assert session["expires_at"] == control.clock.ms + 1_000
    control.clock.ms += 999
    assert (await control.get("/session", **own)).status == 200
    control.clock.ms += 1
    assert (await control.get("/session", **own)).status == 401
    assert (await control.get("/session", **with_cookie(cookie))).status == 401


@pytest.mark.parametrize("change", [{"disabled": True}, None])
async def test_a_session_ends_with_its_token(control: Any, change: Any) -> None:
    made = await add(control)
    _, cookie, _ = await log_in(control, made["value"])
    assert (await control.get("/session", **with_cookie(cookie))).status == 200
    path = f"/admin-tokens/{made['token_id']}"
    await control.call("PATCH" if change else "DELETE", path, change)
    assert (await control.get("/session", **with_cookie(cookie))).status == 401


async def test_a_stale_change_is_refused_and_use_makes_none_stale(control: Any) -> None:
    made = await add(control)
    path = f"/admin-tokens/{made['token_id']}"
    etag = (await control.get(path)).headers["ETag"]
    await control.get("/session", **bearer(made["value"]))
    async with asyncio.timeout(10):
        while (await control.get(path)).json["last_used_at"] is None:
            await asyncio.sleep(0.01)
    assert (await control.get(path)).json["last_used_at"] == control.clock.ms
    given = {"headers": {"If-Match": etag}}
    changed = await control.call("PATCH", path, {"name": "ci-2"}, **given)
    assert (changed.status, changed.json["last_used_at"]) == (200, control.clock.ms)
    assert (await control.call("PATCH", path, {"name": "ci-3"}, **given)).status == 412


@pytest.mark.parametrize(
    "change",
    [
        {"disabled": True},
        {"role": "editor"},
        {"scopes": ["a*"]},
        {"expires_at": 1_900_000_000_000},
        None,
    ],
)
async def test_the_last_admin_stays(bare: Any, change: Any) -> None:
    own = bare.http.headers["Authorization"]

    async def call(method: str, path: str, body: Any = None) -> Any:
        return await bare.call(method, path, body, headers={"Authorization": own})

    first = (await call("GET", "/admin-tokens")).json["items"][0]
    path = f"/admin-tokens/{first['token_id']}"
    method = "PATCH" if change else "DELETE"
    for other in ({"role": "editor"}, {"role": "admin", "expires_at": 1_900_000_000_000}):
        await call("POST", "/admin-tokens", {"name": str(other["role"])} | other)
    refused = await call(method, path, change)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert (await call("PATCH", path, {"name": "renamed"})).status == 200
    assert (await call("POST", "/admin-tokens", {"name": "b", "role": "admin"})).status == 201
    assert (await call(method, path, change)).status in (200, 204)


async def test_with_a_token_of_the_settings_there_need_be_no_other(control: Any) -> None:
    made = await add(control, role="admin")
    assert (await control.call("DELETE", f"/admin-tokens/{made['token_id']}")).status == 204


# --- sessions -----------------------------------------------------------------------------


async def test_logging_out_ends_every_copy_of_the_cookie(control: Any) -> None:
    session, cookie, _ = await log_in(control)
    _, other, _ = await log_in(control)
    given = with_cookie(cookie, session["csrf_token"])
    assert (await control.call("DELETE", "/session", **given)).status == 204
    assert (await control.get("/session", **with_cookie(cookie))).status == 401
    assert (await control.get("/session", **with_cookie(other))).status == 200


async def test_ended_sessions_are_forgotten_when_they_would_have_ended(control: Any) -> None:
    for _ in range(2):
        session, cookie, _ = await log_in(control)
        given = with_cookie(cookie, session["csrf_token"])
        await control.call("DELETE", "/session", **given)
        async with control.installation.store.read() as tx:
            assert len(await tx.admin.list_ended_sessions(0)) == 1
        control.clock.ms += 12 * 3_600_000


async def test_a_cookie_of_an_earlier_release_is_no_session(control: Any) -> None:
    _, cookie, _ = await log_in(control)
    old = cookie.partition("=")[2][:43] + "WyJhIiwxXQ"
    assert (await control.get("/session", **with_cookie(f"lockgate_session={old}"))).status == 401


# --- guessing -----------------------------------------------------------------------------


async def guess(control: Any, token: str = "not-the-token") -> Any:
    return await control.get("/session", **bearer(token))


async def test_guesses_wait_then_are_refused_and_the_right_one_gets_in(control: Any) -> None:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(round(wait_s, 3))
        control.clock.ms += round(wait_s * 1000)

    control.parts.gate.sleep = sleep
    for _ in range(10):
        assert (await guess(control)).status == 401
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    refused = await guess(control)
    assert (refused.status, refused.json["code"]) == (429, "too_many_attempts")
    assert refused.headers["Retry-After"] == "5"
    assert (await guess(control, ADMIN_TOKEN)).status == 429  # a person chose it: not looked at
    control.clock.ms += 5_000
    assert (await guess(control, ADMIN_TOKEN)).status == 200
    assert (await guess(control)).status == 401  # all is forgotten
    rows = (await control.get("/audit?action=refuse")).json["items"]
    assert [(row["entity_id"], row["after"]) for row in rows] == [
        ("127.0.0.1", {"wrong_credentials": 10})
    ]
    assert "not-the-token" not in str(rows)


async def test_nobody_can_lock_out_a_token_that_was_made_here(control: Any) -> None:
    made = await add(control, role="admin")
    _, cookie, _ = await log_in(control, made["value"])

    async def sleep(wait_s: float) -> None:
        control.clock.ms += round(wait_s * 1000)

    control.parts.gate.sleep = sleep
    while (await guess(control)).status != 429:
        pass
    assert (await guess(control, made["value"])).status == 200
    assert (await control.get("/session", **with_cookie(cookie))).status == 200
    body = {"token": made["value"]}
    entered = await control.call("POST", "/session", body, headers={"Authorization": None})
    assert entered.status == 201
    forged = await control.get("/session", **with_cookie("lockgate_session=AAAA"))
    assert forged.status == 429
