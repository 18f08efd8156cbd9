"""Earlier states of the configuration: listed, read, compared, and brought back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.control.conftest import CANARY, Control, Reply

VALUE = {"api_key": CANARY}


async def read_document(control: Control) -> dict[str, Any]:
    document: dict[str, Any] = (await control.get("/configuration")).json["document"]
    return document


async def roll_back(control: Control, epoch: int, **body: Any) -> Reply:
    return await control.call("POST", f"/history/{epoch}/rollback", body or None)


async def current_epoch(control: Control) -> int:
    epoch: int = (await control.get("/configuration")).json["epoch"]
    return epoch


async def change(control: Control, path: str, body: dict[str, Any]) -> None:
    reply = await control.call("PATCH", path, body)
    assert reply.status == 200, reply.json


async def test_every_write_is_a_state_that_can_be_read_again(control: Control) -> None:
    endpoint = await control.add_endpoint("chat")
    before = await read_document(control)
    epoch = await current_epoch(control)
    await change(control, f"/endpoints/{endpoint['endpoint_id']}", {"tags": {"team": "search"}})
    found = await control.get(f"/history/{epoch}")
    assert (found.status, found.json["document"]) == (200, before)
    page = (await control.get("/history")).json["items"]
    assert [row["epoch"] for row in page] == [4, 3, 2, 1, 0]
    assert page[0] | {"request_id": ""} == {
        "epoch": 4,
        "at": control.clock.ms,
        "actor": "admin",
        "request_id": "",
        "changes": [{"action": "update", "kind": "endpoint", "name": "chat"}],
        "change_count": 1,
    }
    first = (await control.get("/history?limit=2")).json
    rest = (await control.get(f"/history?limit=3&cursor={first['next_cursor']}")).json
    assert [row["epoch"] for row in rest["items"]] == [2, 1, 0]
    assert rest["next_cursor"] is None


async def test_a_rename_is_one_change_and_the_past_keeps_the_old_name(control: Control) -> None:
    endpoint = await control.add_endpoint("chat")
    model_id = endpoint["model_mappings"][0]["model_definition_id"]
    epoch = await current_epoch(control)
    await change(control, f"/model-definitions/{model_id}", {"name": "renamed"})
    past = (await control.get(f"/history/{epoch}")).json["document"]
    now = await read_document(control)
    assert past["endpoints"][0]["model_mappings"] == [{"model_definition": "model of chat"}]
    assert now["endpoints"][0]["model_mappings"] == [{"model_definition": "renamed"}]
    diff = (await control.get(f"/history/{epoch}/diff")).json
    assert diff["changes"] == [
        {
            "action": "update",
            "kind": "model_definition",
            "name": "renamed",
            "fields": [{"field": "name", "before": "model of chat", "after": "renamed"}],
        }
    ]
    rolled = await roll_back(control, epoch)
    assert (rolled.status, rolled.json["applied"]) == (200, True), rolled.json
    (model,) = (await control.get("/model-definitions")).json["items"]
    assert (model["model_definition_id"], model["name"]) == (model_id, "model of chat")


async def test_two_that_swapped_their_names_swap_back(control: Control) -> None:
    one, two = await control.add_endpoint("one"), await control.add_endpoint("two")
    three, four = await control.add_key("three"), await control.add_key("four")
    before, epoch = await read_document(control), await current_epoch(control)
    for row, name in ((one, "x"), (two, "one"), (one, "two")):
        await change(control, f"/endpoints/{row['endpoint_id']}", {"name": name})
    for row, name in ((three, "x"), (four, "three"), (three, "four")):
        await change(control, f"/api-keys/{row['key_id']}", {"name": name})
    assert (await roll_back(control, epoch)).status == 200
    assert await read_document(control) == before
    found = (await control.get("/endpoints?name=one")).json["items"][0]
    assert found["endpoint_id"] == one["endpoint_id"]


async def test_what_was_deleted_comes_back_under_its_id_and_what_is_new_goes(
    control: Control,
) -> None:
    endpoint = await control.add_endpoint("chat")
    binding = {
        "endpoint_id": endpoint["endpoint_id"],
        "resource_type": "scorer",
        "resource_id": "r/1",
    }
    assert (await control.call("PUT", "/bindings", binding)).status == 201
    before, epoch = await read_document(control), await current_epoch(control)
    await control.call("DELETE", f"/endpoints/{endpoint['endpoint_id']}?force=true")
    other = await control.add_endpoint("other")
    await change(control, f"/endpoints/{other['endpoint_id']}", {"name": "chat"})
    looked = await roll_back(control, epoch, dry_run=True)
    assert (looked.json["applied"], looked.json["epoch"]) == (False, await current_epoch(control))
    rolled = await roll_back(control, epoch)
    assert rolled.status == 200, rolled.json
    assert rolled.json["changes"] == looked.json["changes"]
    after = await read_document(control)
    assert (after["endpoints"], after["bindings"]) == (before["endpoints"], before["bindings"])
    (found,) = (await control.get("/endpoints")).json["items"]
    assert found["endpoint_id"] == endpoint["endpoint_id"]
    again = await roll_back(control, epoch)
    assert (again.json["applied"], again.json["changes"]) == (False, [])


async def test_a_deleted_secret_comes_back_with_its_value_only(control: Control) -> None:
    endpoint = await control.add_endpoint("chat")
    before, epoch = await read_document(control), await current_epoch(control)
    secret_id = endpoint["model_mappings"][0]["model_definition"]["secret_id"]
    await control.call("DELETE", f"/endpoints/{endpoint['endpoint_id']}")
    await control.call("DELETE", f"/secrets/{secret_id}?force=true")
    refused = await roll_back(control, epoch)
    assert (refused.status, refused.json["code"]) == (409, "secret_value_required")
    assert refused.json["secrets"] == [
        {"secret_name": "secret of model of chat", "fields": ["api_key"]}
    ]
    assert (await read_document(control))["endpoints"] == []
    values = {"secret of model of chat": VALUE}
    given = await roll_back(control, epoch, secret_values=values)
    assert given.status == 200, given.json
    assert CANARY not in given.raw.decode()
    assert await read_document(control) == before
    unneeded = await roll_back(control, epoch, secret_values=values)
    assert (unneeded.status, unneeded.json["field"]) == (422, "secret_values")


async def test_a_value_is_not_rolled_back_and_goes_nowhere_else(control: Control) -> None:
    secret = await control.add_secret("prod")
    path = f"/secrets/{secret['secret_id']}"
    epoch = await current_epoch(control)
    await change(control, path, {"secret_value": {"api_key": "another-key-of-the-provider"}})
    unchanged = await roll_back(control, epoch)
    assert (unchanged.json["applied"], unchanged.json["changes"]) == (False, [])
    other = {"auth_config": {"api_base": "http://127.0.0.1:9000/v1"}, "secret_value": VALUE}
    await change(control, path, other)
    refused = await roll_back(control, epoch)
    assert refused.json["secrets"] == [{"secret_name": "prod", "fields": ["api_key"]}]
    given = await roll_back(control, epoch, secret_values={"prod": VALUE})
    assert (given.status, given.json["applied"]) == (200, True)


async def test_secrets_and_api_keys_made_since_stay_and_revoked_keys_stay_revoked(
    control: Control,
) -> None:
    kept, gone = await control.add_key("kept"), await control.add_key("gone")
    epoch = await current_epoch(control)
    await control.add_secret("new")
    await control.add_key("new")
    await change(control, f"/api-keys/{kept['key_id']}", {"disabled": True, "expires_at": 5})
    await control.call("DELETE", f"/api-keys/{gone['key_id']}")
    rolled = await roll_back(control, epoch)
    assert rolled.json["left"] == [
        {"kind": "secret", "name": "new"},
        {"kind": "api_key", "name": "new"},
    ]
    assert rolled.json["missing"] == [{"kind": "api_key", "name": "gone"}]
    found = {row["name"]: row for row in (await control.get("/api-keys")).json["items"]}
    assert sorted(found) == ["kept", "new"]
    assert (found["kept"]["disabled"], found["kept"]["expires_at"]) == (True, 5)


async def test_a_value_that_is_given_ends_at_no_known_time(control: Control) -> None:
    """When a value ends is told with it: neither the one that is there nor the former one says."""
    secret = await control.add_secret("prod", expires_at=5)
    path = f"/secrets/{secret['secret_id']}"
    epoch = await current_epoch(control)
    other = {"auth_config": {"api_base": "http://127.0.0.1:9000/v1"}, "secret_value": VALUE}
    await change(control, path, other | {"expires_at": 6})
    assert (await roll_back(control, epoch, secret_values={"prod": VALUE})).json["applied"]
    assert (await control.get(path)).json["expires_at"] is None
    await change(control, path, {"expires_at": 7})
    assert (await roll_back(control, epoch)).json["applied"] is False
    assert (await control.get(path)).json["expires_at"] == 7


async def test_an_epoch_that_changed_no_entity_is_no_state(control: Control) -> None:
    """Admin tokens raise the epoch; what is routed stays what it was."""
    await control.add_endpoint("chat")
    state = (await control.get("/configuration")).json
    made = await control.call("POST", "/admin-tokens", {"name": "ci", "role": "viewer"})
    assert made.status == 201, made.json
    found = (await control.get("/configuration")).json
    gap = found["epoch"]
    assert (gap, found["digest"]) == (state["epoch"] + 1, state["digest"])
    newest = (await control.get("/history")).json["items"][0]
    assert newest["epoch"] == gap - 1
    assert (await control.get(f"/history/{gap}")).json["epoch"] == gap - 1
    assert (await control.get(f"/history/{gap}/diff")).json["changes"] == []
    document = found["document"]
    await control.add_key("later")
    planned = await control.call("POST", "/configuration/plan", {"document": document})
    assert planned.json["base_epoch"] == gap - 1
    rolled = await roll_back(control, gap)
    assert (rolled.json["applied"], rolled.json["left"]) == (
        False,
        [{"kind": "api_key", "name": "later"}],
    )


@pytest.mark.parametrize("epoch", ["99", "-1", "x", "1" * 40, "٣"])
async def test_an_epoch_that_is_none(control: Control, epoch: str) -> None:
    for method, path in (
        ("GET", f"/history/{epoch}"),
        ("GET", f"/history/{epoch}/diff"),
        ("POST", f"/history/{epoch}/rollback"),
    ):
        reply = await control.call(method, path)
        assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert (await control.get("/history/0/diff?against=99")).status == 404


class Walk:
    """A random sequence of writes, with the document after each of them."""

    def __init__(self, control: Control, seed: int) -> None:
        self._control = control
        self._random = random.Random(seed)
        self._count = 0
        self.documents: dict[int, dict[str, Any]] = {}

    async def run(self, writes: int) -> None:
        await self._control.add_endpoint("first")
        for _ in range(writes):
            await self._random.choice(self._WRITES)(self)
            found = (await self._control.get("/configuration")).json
            self.documents[found["epoch"]] = found["document"]

    async def _pick(self, path: str) -> dict[str, Any] | None:
        items = (await self._control.get(path)).json["items"]
        return self._random.choice(items) if items else None

    def _name(self) -> str:
        self._count += 1
        return f"n{self._count}-{self._random.randrange(3)}"

    async def _add_secret(self) -> None:
        await self._control.add_secret(self._name())

    async def _add_model(self) -> None:
        secret = await self._pick("/secrets")
        if secret is not None:
            await self._control.add_model(self._name(), secret_id=secret["secret_id"])

    async def _add_endpoint(self) -> None:
        model = await self._pick("/model-definitions")
        if model is not None:
            mapping = {
                "model_definition_id": model["model_definition_id"],
                "weight": self._random.choice([1, 0.5, 80]),
            }
            await self._control.add_endpoint(self._name(), model_mappings=[mapping])

    async def _add_key(self) -> None:
        await self._control.add_key(self._name(), allowed_endpoints=["a*"])

    async def _bind(self) -> None:
        endpoint = await self._pick("/endpoints")
        if endpoint is not None:
            key = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "t"}
            body = key | {"resource_id": self._name(), "display_name": self._name()}
            await self._control.call("PUT", "/bindings", body)

    async def _rename(self) -> None:
        kind, key = self._random.choice(
            [("endpoints", "endpoint_id"), ("model-definitions", "model_definition_id")]
        )
        row = await self._pick(f"/{kind}")
        if row is not None:
            await change(self._control, f"/{kind}/{row[key]}", {"name": self._name()})

    async def _tag(self) -> None:
        row = await self._pick("/endpoints")
        if row is not None:
            path = f"/endpoints/{row['endpoint_id']}/tags/team"
            await self._control.call("PUT", path, {"value": self._name()})

    async def _limit(self) -> None:
        row = await self._pick("/endpoints")
        if row is not None:
            body = {"limits": {"idle_timeout_ms": self._random.randrange(1, 9)}}
            await change(self._control, f"/endpoints/{row['endpoint_id']}", body)

    async def _attach(self) -> None:
        row, model = await self._pick("/endpoints"), await self._pick("/model-definitions")
        if row is not None and model is not None:
            body = {"model_definition_id": model["model_definition_id"], "linkage_type": "FALLBACK"}
            await self._control.call("POST", f"/endpoints/{row['endpoint_id']}/mappings", body)

    async def _new_value(self) -> None:
        row = await self._pick("/secrets")
        if row is not None:
            body = {"secret_value": {"api_key": self._name()}}
            await change(self._control, f"/secrets/{row['secret_id']}", body)

    async def _delete_endpoint(self) -> None:
        row = await self._pick("/endpoints")
        if row is not None:
            await self._control.call("DELETE", f"/endpoints/{row['endpoint_id']}?force=true")

    async def _delete_model(self) -> None:
        row = await self._pick("/model-definitions")
        if row is not None:
            path = f"/model-definitions/{row['model_definition_id']}?force=true"
            await self._control.call("DELETE", path)

    _WRITES = (
        _add_secret,
        _add_model,
        _add_endpoint,
        _add_endpoint,
        _add_key,
        _bind,
        _rename,
        _rename,
        _tag,
        _limit,
        _attach,
        _new_value,
        _delete_endpoint,
        _delete_model,
    )


@pytest.mark.parametrize("seed", range(4))
async def test_any_state_can_be_read_again_and_made_again(control: Control, seed: int) -> None:
    walk = Walk(control, seed)
    await walk.run(40)
    async with control.parts.store.read() as tx:
        assert await tx.history.read_at(await tx.get_epoch()) == await tx.history.read_current()
    for epoch, document in walk.documents.items():
        assert (await control.get(f"/history/{epoch}")).json["document"] == document
    for epoch in random.Random(seed).sample(sorted(walk.documents), 6):
        reply = await roll_back(control, epoch)
        assert reply.status == 200, reply.json
        now, then = await read_document(control), walk.documents[epoch]
        for section in ("model_definitions", "endpoints", "bindings"):
            assert now[section] == then[section]
        for section in ("secrets", "api_keys"):  # what was made since stays
            assert [row for row in then[section] if row not in now[section]] == []
        async with control.parts.store.read() as tx:
            assert await tx.history.read_at(await tx.get_epoch()) == await tx.history.read_current()
