"""What an admin write is: one transaction, one epoch, one audit row, published."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.control import BASE_PATH, build_control_app
from gateway.control.call import Caller
from gateway.control.service.change import run_change
from gateway.errors import ConflictError, StorageFullError, StoreUnavailableError

CALLER = Caller(actor="tester", source_address="192.0.2.1", request_id="r-1")


async def test_every_write_is_one_epoch_published_once(control: Any) -> None:
    await control.add_endpoint()  # a secret, a model definition, an endpoint
    epochs = [snapshot.epoch for snapshot in control.published]
    assert epochs == [1, 2, 3]
    async with control.installation.store.read() as tx:
        assert await tx.get_epoch() == 3


async def test_a_write_reads_back_what_it_touched_and_nothing_else(control: Any) -> None:
    for name in ("first", "second"):
        await control.add_endpoint(name)
    before = control.parts.snapshots.current
    statements: list[str] = []
    await control.installation.store._writer.set_trace_callback(statements.append)
    await control.add_endpoint("third")
    tables = ("endpoints e", "secrets s", "model_definitions d", "endpoint_model_mappings m")
    whole = [text for text in statements for table in tables if text.endswith(f"FROM {table}")]
    assert not whole
    assert not [text for text in statements if "FROM endpoints e ORDER BY" in text]
    after = control.parts.snapshots.current
    assert list(after.endpoints) == ["first", "second", "third"]
    assert all(after.endpoints[name] is before.endpoints[name] for name in before.endpoints)
    assert after.keys is before.keys


async def test_the_audit_log_says_who_what_and_masked(control: Any) -> None:
    headers = {"x-lockgate-request-id": "request-1"}
    body = {"secret_name": "s", "secret_value": {"api_key": "canary-key-of-the-provider"}}
    made = (await control.call("POST", "/secrets", body, headers=headers)).json
    change = {"auth_config": {"project": "p"}}
    path = f"/secrets/{made['secret_id']}"
    await control.call("PATCH", path, change)
    await control.call("DELETE", path)
    deleted, updated, created = (await control.get("/audit")).json["items"]
    assert created == {
        "audit_id": created["audit_id"],
        "at": control.clock.ms,
        "actor": "admin",
        "action": "create",
        "entity_type": "secret",
        "entity_id": made["secret_id"],
        "entity_name": "s",
        "before": None,
        "after": {name: made[name] for name in made if name != "last_used_at"}
        | {"secret_value": "***"},
        "request_id": "request-1",
        "source_address": "127.0.0.1",
    }
    assert (updated["before"]["auth_config"], updated["after"]["auth_config"]) == (
        None,
        {"project": "p"},
    )
    assert (deleted["action"], deleted["after"]) == ("delete", None)
    found = await control.get("/audit", params={"action": "update", "entity_type": "secret"})
    assert found.json["items"] == [updated]
    found = await control.get("/audit", params={"since": control.clock.ms + 1})
    assert found.json["items"] == []


async def test_a_detach_is_recorded_for_everything_that_it_touches(control: Any) -> None:
    first, second = await control.add_model("first"), await control.add_model("second")
    mappings = [{"model_definition_id": row["model_definition_id"]} for row in (first, second)]
    await control.add_endpoint("chat", model_mappings=mappings)
    epoch = control.parts.snapshots.current.epoch
    await control.call("DELETE", f"/secrets/{first['secret_id']}?force=true")
    rows = (await control.get("/audit", params={"limit": 3})).json["items"]
    assert [(row["action"], row["entity_type"]) for row in rows] == [
        ("delete", "secret"),
        ("delete", "model_definition"),
        ("update", "endpoint"),
    ]
    assert control.parts.snapshots.current.epoch == epoch + 1


async def test_bindings_that_go_with_their_endpoint_are_recorded(control: Any) -> None:
    endpoint = await control.add_endpoint()
    key = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "job"}
    for resource_id in ("1", "2"):
        await control.call("PUT", "/bindings", key | {"resource_id": resource_id})
    await control.call("DELETE", f"/endpoints/{endpoint['endpoint_id']}?force=true")
    rows = (await control.get("/audit", params={"action": "delete"})).json["items"]
    assert [(row["entity_type"], row["after"]) for row in rows] == [
        ("endpoint", None),
        ("binding", None),
        ("binding", None),
    ]
    assert sorted(row["before"]["resource_id"] for row in rows[1:]) == ["1", "2"]


async def test_a_refused_write_leaves_nothing(control: Any) -> None:
    async def work(change: Any) -> None:
        await change.record("create", "secret", "s-1", "s")
        raise ConflictError("refused")

    with pytest.raises(ConflictError):
        await run_change(control.parts, CALLER, work)
    assert (await control.get("/audit")).json["items"] == []
    assert control.published == []


async def test_stragglers_are_named(control: Any) -> None:
    control.stragglers.append("worker-2")
    body = {"name": "a"}
    made = await control.call("POST", "/api-keys", body)
    assert (made.status, made.json["stragglers"]) == (202, ["worker-2"])
    assert made.json["value"].startswith("lg-")
    path = f"/api-keys/{made.json['key_id']}"
    changed = await control.call("PATCH", path, {"disabled": True})
    assert (changed.status, changed.json["disabled"]) == (202, True)
    gone = await control.call("DELETE", path)
    assert (gone.status, gone.json) == (202, {"stragglers": ["worker-2"]})


async def test_a_caller_that_hangs_up_does_not_stop_a_write_half_way(control: Any) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def work(change: Any) -> None:
        entered.set()
        await release.wait()
        await change.record("create", "thing", "x-1", "x")

    task = asyncio.create_task(run_change(control.parts, CALLER, work))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    async with asyncio.timeout(10):
        while not control.published:
            await asyncio.sleep(0)
    rows = (await control.get("/audit")).json["items"]
    assert [row["entity_id"] for row in rows] == ["x-1"]


class BrokenStore:
    """A store whose transactions fail on entering."""

    def __init__(self, error: Any) -> None:
        self._error = error

    @asynccontextmanager
    async def read(self) -> Any:
        raise self._error
        yield

    write = read


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailableError("the database does not answer"), 503),
        (StorageFullError("the disk is full"), 507),
    ],
)
async def test_a_database_that_fails_is_an_honest_answer(
    control: Any, error: Any, status: Any
) -> None:
    app = web.Application()
    parts = replace(control.parts, store=BrokenStore(error))
    app.add_subapp(BASE_PATH, build_control_app(parts))
    headers = {"Authorization": "Bearer test-admin-token-0123456789"}
    async with TestServer(app) as server, aiohttp.ClientSession(headers=headers) as http:
        url = server.make_url(BASE_PATH + "/api-keys")
        parts.tokens.known, parts.tokens.read_at_s = (), control.clock.monotonic_s()
        async with http.post(url, json={"name": "a"}) as reply:
            body = await reply.json(content_type=None)
    assert (reply.status, body["code"]) == (status, error.code)
    assert (reply.headers.get("Retry-After") == "1") is (status == 503)
