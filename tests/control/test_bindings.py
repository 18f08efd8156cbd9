"""Bindings over REST."""

from __future__ import annotations

from typing import Any

import pytest


async def bind(control: Any, endpoint: Any, resource_id: Any = "r1", **given: Any) -> Any:
    body = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "scorer"}
    return await control.call("PUT", "/bindings", body | {"resource_id": resource_id} | given)


async def test_put_creates_once_then_changes_the_display_name(control: Any) -> None:
    endpoint = await control.add_endpoint("chat")
    first = await bind(control, endpoint)
    assert first.status == 201
    assert first.json == {
        "endpoint_id": endpoint["endpoint_id"],
        "resource_type": "scorer",
        "resource_id": "r1",
        "endpoint_name": "chat",
        "display_name": None,
        "created_at": control.clock.ms,
        "last_updated_at": control.clock.ms,
        "created_by": "admin",
        "last_updated_by": "admin",
    }
    again = await bind(control, endpoint)
    assert (again.status, again.json) == (200, first.json)
    named = await bind(control, endpoint, display_name="Scorer one")
    assert (named.status, named.json["display_name"]) == (200, "Scorer one")
    items = (await control.get("/bindings")).json["items"]
    assert items == [named.json]


async def test_filters_and_the_resources_own_view(control: Any) -> None:
    one, two = await control.add_endpoint("one"), await control.add_endpoint("two")
    await bind(control, one, "r1")
    await bind(control, two, "r1")
    await bind(control, two, "r/2 ä")
    found = await control.get("/bindings", params={"endpoint_id": two["endpoint_id"]})
    assert {row["resource_id"] for row in found.json["items"]} == {"r1", "r/2 ä"}
    found = await control.get("/bindings", params={"resource_type": "job"})
    assert found.json["items"] == []
    view = await control.get("/resources/scorer/r1/endpoints")
    assert view.json["items"] == [one, two]
    view = await control.get("/resources/scorer/r%2F2%20%C3%A4/endpoints")
    assert view.json["items"] == [two]
    view = await control.get("/resources/job/r1/endpoints")
    assert view.json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("by_query", [True, False])
async def test_delete_by_query_or_body(control: Any, by_query: Any) -> None:
    endpoint = await control.add_endpoint()
    await bind(control, endpoint)
    key = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "scorer", "resource_id": "r1"}
    given = {"params": key} if by_query else {"json": key}
    assert (await control.call("DELETE", "/bindings", **given)).status == 204
    assert (await control.call("DELETE", "/bindings", **given)).status == 404
    assert (await control.get("/bindings")).json["items"] == []


async def test_a_delete_names_what_is_missing(control: Any) -> None:
    params = {"endpoint_id": "e-" + "0" * 32, "resource_type": "scorer"}
    reply = await control.call("DELETE", "/bindings", params=params)
    assert (reply.status, reply.json["field"]) == (422, "resource_id")


async def test_an_endpoint_that_is_not_there(control: Any) -> None:
    reply = await bind(control, {"endpoint_id": "e-" + "0" * 32})
    assert (reply.status, reply.json["field"]) == (422, "endpoint_id")


async def test_a_condition_needs_the_current_binding(control: Any) -> None:
    endpoint = await control.add_endpoint()
    stale = {"If-Match": '"0123"'}
    key = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "a", "resource_id": "b"}
    assert (await control.call("PUT", "/bindings", key, headers=stale)).status == 412
    made = await control.call("PUT", "/bindings", key)
    current = {"If-Match": made.headers["ETag"]}
    body = key | {"display_name": "x"}
    assert (await control.call("PUT", "/bindings", body, headers=stale)).status == 412
    assert (await control.call("PUT", "/bindings", body, headers=current)).status == 200
    reply = await control.call("DELETE", "/bindings", params=key, headers=current)
    assert reply.status == 412
