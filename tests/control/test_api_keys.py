"""Api keys over REST."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from gateway.secret import Secret


async def test_the_value_is_shown_once_and_only_its_digest_is_kept(
    control: Any, settings: Any
) -> None:
    key = await control.add_key("app-1", allowed_endpoints=["chat*"])
    value = key["value"]
    assert value.startswith("lg-")
    assert len(base64.urlsafe_b64decode(value[3:] + "=")) == 32
    assert key["masked_value"] == f"lg-...{value[-4:]}"
    seen = await control.get(f"/api-keys/{key['key_id']}")
    assert seen.json == {name: found for name, found in key.items() if name != "value"}
    live = control.parts.snapshots.current.keys[Secret(value).digest()]
    assert (live.key_id, live.allows("chat-1"), live.allows("embed")) == (
        key["key_id"],
        True,
        False,
    )
    for raw in (
        (await control.get("/audit")).raw,
        (await control.get("/api-keys")).raw,
        *(found.read_bytes() for found in Path(settings.data).iterdir() if found.is_file()),
    ):
        assert value.encode() not in raw


async def test_values_differ(control: Any) -> None:
    keys = [await control.add_key(f"app-{number}") for number in range(5)]
    assert len({key["value"] for key in keys}) == 5


async def test_defaults(control: Any) -> None:
    key = await control.add_key()
    assert (key["allowed_endpoints"], key["expires_at"], key["disabled"]) == (["*"], None, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "lg-mine"}, "value"),
        ({"key_id": "k-1"}, "key_id"),
        ({"masked_value": "x"}, "masked_value"),
        ({"allowed_endpoints": "chat"}, "allowed_endpoints"),
        ({"allowed_endpoints": ["a", ""]}, "allowed_endpoints[1]"),
        ({"expires_at": -1}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"disabled": "yes"}, "disabled"),
        ({"disabled": None}, "disabled"),
    ],
)
async def test_changes_that_cannot_be(control: Any, change: Any, field: str) -> None:
    key = await control.add_key()
    reply = await control.call("PATCH", f"/api-keys/{key['key_id']}", change)
    assert (reply.status, reply.json["field"]) == (422, field)


async def test_a_change_is_served_at_once(control: Any) -> None:
    key = await control.add_key()
    path = f"/api-keys/{key['key_id']}"
    digest = Secret(key["value"]).digest()
    body = {"disabled": True, "expires_at": 5, "name": "other", "allowed_endpoints": []}
    reply = await control.call("PATCH", path, body)
    assert reply.status == 200
    assert {name: reply.json[name] for name in body} == body
    assert control.parts.snapshots.current.keys[digest].disabled
    reply = await control.call("PATCH", path, {"expires_at": None})
    assert reply.json["expires_at"] is None
    assert (await control.call("DELETE", path)).status == 204
    assert digest not in control.parts.snapshots.current.keys


async def test_a_new_key_does_not_begin_expired(control: Any) -> None:
    body = {"name": "late", "expires_at": control.clock.ms}
    reply = await control.call("POST", "/api-keys", body)
    assert (reply.status, reply.json["field"]) == (422, "expires_at")
