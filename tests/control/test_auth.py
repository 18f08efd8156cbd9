"""Who may call: admin tokens, sessions, nobody else; under which Host."""

from __future__ import annotations

import asyncio
import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.control import may_read_metrics
from gateway.control.hosts import list_hosts
from gateway.entities import AdminToken
from gateway.errors import UnauthenticatedError
from gateway.secret import Secret
from gateway.settings import Address, Settings

ADMIN_TOKEN = "test-admin-token-0123456789"
OTHER_TOKEN = "test-other-token-0123456789"


def bearer(token: str) -> Any:
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def add_token(control: Any, *, disabled: Any = False) -> None:
    row = AdminToken(
        token_id="t-1", name="ops", digest=Secret(OTHER_TOKEN).digest(), disabled=disabled
    )
    async with control.installation.store.write() as tx:
        await tx.admin.insert_token(row)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {ADMIN_TOKEN}x",
        f"Basic {ADMIN_TOKEN}",
        ADMIN_TOKEN,
        "Bearer \u00e4",
    ],
)
async def test_nobody_without_a_known_token(control: Any, authorization: Any) -> None:
    for method, path in [("GET", "/secrets"), ("POST", "/secrets"), ("GET", "/status")]:
        reply = await control.call(method, path, headers={"Authorization": authorization})
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_may_be_the_password_of_any_user(control: Any) -> None:
    for user in ("", "anybody", "a@b.example"):
        given = base64.b64encode(f"{user}:{ADMIN_TOKEN}".encode()).decode()
        reply = await control.get("/secrets", headers={"Authorization": f"basic {given}"})
        assert reply.status == 200
    given = base64.b64encode(f"{ADMIN_TOKEN}:".encode()).decode()
    reply = await control.get("/secrets", headers={"Authorization": f"Basic {given}"})
    assert reply.status == 401


async def test_the_caller_is_checked_before_the_body(control: Any) -> None:
    given = {"headers": {"Authorization": None}, "data": io.BytesIO(b" " * (2 << 20))}
    assert (await control.call("POST", "/secrets", **given)).status == 401


async def test_a_clients_key_is_no_admins(control: Any) -> None:
    key = await control.add_key()
    reply = await control.get("/secrets", **bearer(key["value"]))
    assert (reply.status, reply.json["code"]) == (403, "forbidden")


async def test_the_document_is_open(control: Any) -> None:
    assert (await control.get("/openapi.json", headers={"Authorization": None})).status == 200


async def test_a_token_of_the_database_works_and_its_name_is_recorded(control: Any) -> None:
    assert (await control.get("/session", **bearer(OTHER_TOKEN))).status == 401
    await add_token(control)
    control.clock.ms += 1_000  # an unknown token makes for a new read, at most once a second
    reply = await control.get("/session", **bearer(OTHER_TOKEN))
    assert (reply.status, reply.json["actor"]) == (200, "ops")
    await control.call("POST", "/api-keys", {"name": "a"}, **bearer(OTHER_TOKEN))
    row = (await control.get("/audit")).json["items"][0]
    assert (row["actor"], row["after"]["created_by"]) == ("ops", "ops")
    changed = await control.call("PATCH", f"/api-keys/{row['entity_id']}", {"disabled": True})
    assert (changed.json["created_by"], changed.json["last_updated_by"]) == ("ops", "admin")


async def test_a_disabled_token_does_not_work(control: Any) -> None:
    await add_token(control, disabled=True)
    assert (await control.get("/session", **bearer(OTHER_TOKEN))).status == 401


async def test_metrics_need_an_admin(control: Any, settings: Any) -> None:
    def request(**headers: str) -> Any:
        return make_mocked_request("GET", "/metrics", headers=headers)

    with pytest.raises(UnauthenticatedError):
        await may_read_metrics(control.parts, request())
    admin = request(Authorization=f"Bearer {ADMIN_TOKEN}")
    assert await may_read_metrics(control.parts, admin)
    public = replace(control.parts, settings=replace(settings, metrics_public=True))
    assert await may_read_metrics(public, request())


# --- sessions -----------------------------------------------------------------------------


async def log_in(control: Any, token: str = ADMIN_TOKEN) -> Any:
    reply = await control.call(
        "POST", "/session", {"token": token}, headers={"Authorization": None}
    )
    assert reply.status == 201, reply.json
    cookie = reply.headers["Set-Cookie"]
    return reply.json, cookie.split(";")[0], cookie


def with_cookie(cookie: Any, csrf: Any = None) -> Any:
    headers = {"Authorization": None, "Cookie": cookie}
    return {"headers": headers | ({"X-CSRF-Token": csrf} if csrf else {})}


async def test_a_session_reads_and_with_its_token_writes(control: Any) -> None:
    session, cookie, attributes = await log_in(control)
    assert {"HttpOnly", "Path=/api/v1", "SameSite=Strict", "Max-Age=43200"} <= {
        part.strip() for part in attributes.split(";")
    }
    assert ADMIN_TOKEN not in attributes
    seen = await control.get("/session", **with_cookie(cookie))
    assert seen.json == session
    assert session["expires_at"] == control.clock.ms + 12 * 3_600_000
    refused = await control.call("POST", "/api-keys", {"name": "a"}, **with_cookie(cookie))
    assert (refused.status, refused.json["field"]) == (403, "X-CSRF-Token")
    wrong = with_cookie(cookie, "0" * 64)
    assert (await control.call("POST", "/api-keys", {"name": "a"}, **wrong)).status == 403
    right = with_cookie(cookie, session["csrf_token"])
    assert (await control.call("POST", "/api-keys", {"name": "a"}, **right)).status == 201


async def test_a_csrf_token_that_is_no_text_is_a_wrong_one(control: Any) -> None:
    _, cookie, _ = await log_in(control)
    reader, writer = await asyncio.open_connection("127.0.0.1", control.server.port)
    head = f"DELETE /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{control.server.port}\r\n"
    writer.write(f"{head}Cookie: {cookie}\r\nX-CSRF-Token: ".encode() + b"\xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()
    await writer.wait_closed()


async def test_a_session_of_another_cookie_lends_no_csrf_token(control: Any) -> None:
    one, _, _ = await log_in(control)
    control.clock.ms += 1
    _, cookie, _ = await log_in(control)
    mixed = with_cookie(cookie, one["csrf_token"])
    assert (await control.call("POST", "/api-keys", {"name": "a"}, **mixed)).status == 403


async def test_a_session_ends(control: Any) -> None:
    _, cookie, _ = await log_in(control)
    control.clock.ms += 12 * 3_600_000 - 1
    assert (await control.get("/secrets", **with_cookie(cookie))).status == 200
    control.clock.ms += 1
    assert (await control.get("/secrets", **with_cookie(cookie))).status == 401


async def test_a_session_ends_with_the_token_that_it_was_made_with(control: Any) -> None:
    await add_token(control)
    _, cookie, _ = await log_in(control, OTHER_TOKEN)
    assert (await control.get("/secrets", **with_cookie(cookie))).status == 200
    control.parts.tokens.known = ()  # as after a read that no longer finds it
    assert (await control.get("/secrets", **with_cookie(cookie))).status == 401


@pytest.mark.parametrize("value", ["", "x", "AAAA", "A" * 200, "%00", "ä"])
async def test_a_made_up_cookie_is_no_session(control: Any, value: Any) -> None:
    reply = await control.get("/secrets", **with_cookie(f"lockgate_session={value}"))
    assert reply.status == 401


async def test_a_changed_cookie_is_no_session(control: Any) -> None:
    _, cookie, _ = await log_in(control)
    for place in (20, 60, len(cookie) - 3):
        other = "A" if cookie[place] != "A" else "B"
        changed = cookie[:place] + other + cookie[place + 1 :]
        assert (await control.get("/secrets", **with_cookie(changed))).status == 401


async def test_a_wrong_token_opens_no_session(control: Any) -> None:
    key = await control.add_key()
    for token, status in [("nobody's", 401), (key["value"], 403), ("", 422)]:
        reply = await control.call(
            "POST", "/session", {"token": token}, headers={"Authorization": None}
        )
        assert reply.status == status
        assert "Set-Cookie" not in reply.headers


async def test_logging_out_takes_the_cookie_back(control: Any) -> None:
    session, cookie, _ = await log_in(control)
    given = with_cookie(cookie, session["csrf_token"])
    reply = await control.call("DELETE", "/session", **given)
    assert reply.status == 204
    assert "Max-Age=0" in reply.headers["Set-Cookie"]


# --- hosts --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.acme.com", "localhost", "127.0.0.1:1", "localhost.:{port}"])
async def test_another_host_is_refused_before_anything_else(control: Any, host: str) -> None:
    host = host.format(port=control.server.port)
    for path in ("/secrets", "/openapi.json", "/nowhere"):
        reply = await control.get(path, headers={"Host": host, "Authorization": None})
        assert (reply.status, reply.json["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
async def test_the_own_hosts_are_accepted_with_the_real_port(control: Any, host: str) -> None:
    headers = {"Host": f"{host}:{control.server.port}"}
    assert (await control.get("/secrets", headers=headers)).status == 200


def test_hosts_of_settings_and_listeners() -> None:
    settings = Settings(
        listen=Address("gate.acme.com", 0), admin_listen=Address("::", 80), hosts=("Ops.Acme.com",)
    )
    hosts = list_hosts(settings, ("10.0.0.5", 80))
    assert {"ops.acme.com", "gate.acme.com:80", "gate.acme.com", "10.0.0.5", "[::]:80"} <= hosts
    assert "ops.acme.com:80" not in hosts
    hosts = list_hosts(settings, ("fe80::1", 8700, 0, 0))
    assert "[fe80::1]:8700" in hosts
    assert "gate.acme.com" not in hosts
    assert list_hosts(settings, "/run/socket") == {"ops.acme.com"}
