"""What a token that is confined to some endpoints sees and changes, operation by operation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.control.scopes import is_glob_within, is_within
from tests.control.test_roles import bearer, make_token

NAMES = st.text("ab-", min_size=0, max_size=5)
GLOBS = st.text("ab-*?", min_size=1, max_size=5)


@given(glob=GLOBS, scope=GLOBS, name=NAMES)
@settings(max_examples=1_000)
def test_a_glob_that_is_within_matches_nothing_outside(glob: str, scope: str, name: str) -> None:
    if is_glob_within(glob, (scope,)) and is_within(name, (glob,)):
        assert is_within(name, (scope,))


@pytest.mark.parametrize(
    ("glob", "scope", "within"),
    [
        ("team-a-chat", "team-a-*", True),
        ("team-a-*", "team-a-*", True),
        ("team-a-x*", "team-a-*", True),
        ("team-a-[xy]", "team-a-*", True),
        ("team-*", "team-a-*", False),
        ("*", "team-a-*", False),
        ("[t]eam-a-x", "team-a-*", False),
        ("*-dev", "*-dev", True),
        ("x*-dev", "*-dev", False),
        ("Team-a-chat", "team-a-*", False),
    ],
)
def test_globs_within(glob: str, scope: str, within: bool) -> None:
    assert is_glob_within(glob, (scope,)) is within


class Rig:
    """Two endpoints, one within the scope of the token and one outside."""

    def __init__(self, control: Any) -> None:
        self.control = control

    async def set_up(self) -> Rig:
        control = self.control
        self.inside = await control.add_endpoint("team-a-chat")
        self.outside = await control.add_endpoint("team-b-chat")
        self.editor = bearer(await make_token(control, "editor", "team-a-*"))
        self.auditor = bearer(await make_token(control, "auditor", "team-a-*"))
        return self

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self.control.call(method, path, body, **self.editor)


@pytest.fixture
async def rig(control: Any) -> Rig:
    return await Rig(control).set_up()


async def test_endpoints_outside_do_not_exist(rig: Rig) -> None:
    listed = (await rig.ask("GET", "/endpoints")).json
    assert [row["name"] for row in listed["items"]] == ["team-a-chat"]
    assert listed["next_cursor"] is None
    inside, outside = rig.inside["endpoint_id"], rig.outside["endpoint_id"]
    mapping = rig.outside["model_mappings"][0]
    definition = {"model_definition_id": mapping["model_definition_id"]}
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"usage_tracking": False}),
        ("DELETE", "", None),
        ("GET", "/explain", None),
        ("GET", "/mappings", None),
        ("POST", "/mappings", definition | {"linkage_type": "FALLBACK"}),
        ("PUT", "/mappings", {"model_mappings": [definition]}),
        ("GET", f"/mappings/{mapping['mapping_id']}", None),
        ("PATCH", f"/mappings/{mapping['mapping_id']}", {"weight": 2}),
        ("DELETE", f"/mappings/{mapping['mapping_id']}", None),
        ("PUT", "/tags/a", {"value": "b"}),
        ("DELETE", "/tags/a", None),
    ]:
        reply = await rig.ask(method, f"/endpoints/{outside}{path}", body)
        assert (reply.status, reply.json["field"]) == (404, "endpoint_id"), (method, path)
    # A mapping of another endpoint is not reached through one's own either.
    stolen = f"/endpoints/{inside}/mappings/{mapping['mapping_id']}"
    assert (await rig.ask("DELETE", stolen)).status == 404
    unchanged = (await rig.control.get(f"/endpoints/{outside}")).json
    assert unchanged == rig.outside


async def test_endpoints_within_can_be_changed(rig: Rig) -> None:
    path = f"/endpoints/{rig.inside['endpoint_id']}"
    mapping = rig.inside["model_mappings"][0]
    definition = {"model_definition_id": mapping["model_definition_id"]}
    assert (await rig.ask("GET", path)).status == 200
    assert (await rig.ask("GET", f"{path}/explain")).status == 200
    assert (await rig.ask("PATCH", path, {"usage_tracking": False})).status == 200
    made = await rig.ask("POST", f"{path}/mappings", definition | {"linkage_type": "FALLBACK"})
    assert made.status == 201
    assert (await rig.ask("PATCH", made.headers["Location"][7:], {"weight": 2})).status in (
        200,
        422,
    )
    assert (await rig.ask("GET", made.headers["Location"][7:])).status == 200
    assert (await rig.ask("DELETE", made.headers["Location"][7:])).status == 204
    assert (
        await rig.ask("PUT", f"{path}/mappings", {"model_mappings": [definition]})
    ).status == 200
    assert len((await rig.ask("GET", f"{path}/mappings")).json["items"]) == 1
    assert (await rig.ask("PUT", f"{path}/tags/a", {"value": "b"})).status == 200
    assert (await rig.ask("DELETE", f"{path}/tags/a")).status == 204
    assert (await rig.ask("DELETE", path)).status == 204


async def test_no_endpoint_is_made_or_named_outside(rig: Rig) -> None:
    model = rig.inside["model_mappings"][0]["model_definition_id"]
    body = {"name": "team-b-new", "model_mappings": [{"model_definition_id": model}]}
    refused = await rig.ask("POST", "/endpoints", body)
    assert (refused.status, refused.json["field"]) == (403, "name")
    assert (await rig.ask("POST", "/endpoints", body | {"name": "team-a-new"})).status == 201
    path = f"/endpoints/{rig.inside['endpoint_id']}"
    renamed = await rig.ask("PATCH", path, {"name": "team-b-mine"})
    assert (renamed.status, renamed.json["field"]) == (403, "name")
    assert (await rig.ask("PATCH", path, {"name": "team-a-mine"})).status == 200


async def test_secrets_and_models_are_read_only(rig: Rig) -> None:
    secret = (await rig.ask("GET", "/secrets")).json["items"][0]
    model = (await rig.ask("GET", "/model-definitions")).json["items"][0]
    assert (await rig.ask("GET", f"/secrets/{secret['secret_id']}")).status == 200
    path = f"/model-definitions/{model['model_definition_id']}"
    assert (await rig.ask("GET", path)).status == 200
    assert (await rig.ask("GET", "/providers")).status == 200
    for method, where, body in [
        ("PATCH", f"/secrets/{secret['secret_id']}", {"auth_config": None}),
        ("DELETE", f"/secrets/{secret['secret_id']}", None),
        ("PATCH", path, {"name": "other"}),
        ("DELETE", path, None),
    ]:
        assert (await rig.ask(method, where, body)).status == 403


async def test_bindings(rig: Rig) -> None:
    def bind(endpoint: Any, resource_id: str) -> dict[str, Any]:
        key = {"resource_type": "scorer", "resource_id": resource_id}
        return key | {"endpoint_id": endpoint["endpoint_id"]}

    theirs = bind(rig.outside, "r1")
    assert (await rig.control.call("PUT", "/bindings", theirs)).status == 201
    refused = await rig.ask("PUT", "/bindings", bind(rig.outside, "r2"))
    assert (refused.status, refused.json["field"]) == (422, "endpoint_id")
    assert (await rig.ask("PUT", "/bindings", theirs | {"display_name": "x"})).status == 422
    assert (await rig.ask("DELETE", "/bindings", theirs)).status == 404
    assert (await rig.ask("PUT", "/bindings", bind(rig.inside, "r1"))).status == 201
    listed = (await rig.ask("GET", "/bindings")).json["items"]
    assert [row["endpoint_name"] for row in listed] == ["team-a-chat"]
    found = (await rig.ask("GET", "/resources/scorer/r1/endpoints")).json["items"]
    assert [row["name"] for row in found] == ["team-a-chat"]
    assert (await rig.ask("DELETE", "/bindings", bind(rig.inside, "r1"))).status == 204


async def test_api_keys_reach_no_further_than_their_maker(rig: Rig) -> None:
    everything = await rig.control.add_key("everything")
    theirs = await rig.control.add_key("theirs", allowed_endpoints=["team-a-x", "team-b-*"])
    for globs in (["*"], ["team-*"], ["team-a-x", "team-b-x"], ["[t]eam-a-*"]):
        body = {"name": "mine", "allowed_endpoints": globs}
        refused = await rig.ask("POST", "/api-keys", body)
        assert (refused.status, refused.json["field"]) == (403, "allowed_endpoints"), globs
    made = await rig.ask("POST", "/api-keys", {"name": "mine", "allowed_endpoints": ["team-a-c*"]})
    assert made.status == 201
    listed = (await rig.ask("GET", "/api-keys")).json["items"]
    assert [row["name"] for row in listed] == ["mine"]
    own = f"/api-keys/{made.json['key_id']}"
    assert (await rig.ask("PATCH", own, {"allowed_endpoints": ["*"]})).status == 403
    assert (await rig.ask("PATCH", own, {"disabled": True})).status == 200
    assert (await rig.ask("GET", own)).json["disabled"] is True
    for key in (everything, theirs):
        path = f"/api-keys/{key['key_id']}"
        for method, body in [
            ("GET", None),
            ("PATCH", {"allowed_endpoints": ["team-a-*"]}),
            ("DELETE", None),
        ]:
            assert (await rig.ask(method, path, body)).status == 404
    assert (await rig.ask("DELETE", own)).status == 204


async def test_the_audit_log_tells_of_what_is_within(rig: Rig) -> None:
    await rig.ask("POST", "/api-keys", {"name": "mine", "allowed_endpoints": ["team-a-c*"]})
    await rig.control.add_key("everything")
    path = f"/endpoints/{rig.outside['endpoint_id']}"
    await rig.control.call("PATCH", path, {"name": "team-a-taken"})
    rows = (await rig.control.call("GET", "/audit", **rig.auditor)).json["items"]
    assert {(row["entity_type"], row["entity_name"]) for row in rows} == {
        ("endpoint", "team-a-chat"),
        ("api_key", "mine"),
    }


async def test_the_ledger_tells_of_what_is_within(rig: Rig) -> None:
    from tests.store import samples

    rows = [samples.usage(n, endpoint_name=f"team-{'ab'[n % 2]}-chat") for n in range(6)]
    async with rig.control.installation.store.write() as tx:
        await tx.usage.insert_many(rows)
    listed = (await rig.ask("GET", "/usage?limit=2")).json
    more = (await rig.ask("GET", f"/usage?limit=2&cursor={listed['next_cursor']}")).json
    names = [row["endpoint_name"] for row in [*listed["items"], *more["items"]]]
    assert names == ["team-a-chat"] * 3
    for group in ("endpoint", "provider", "day"):
        sums = (await rig.ask("GET", f"/usage?group_by={group}")).json["items"]
        assert sum(row["attempts"] for row in sums) == 3
    whole = (await rig.control.get("/usage?group_by=provider")).json["items"]
    assert sum(row["attempts"] for row in whole) == 6
    nothing = bearer(await make_token(rig.control, "viewer", "nobody-*"))
    assert (await rig.control.get("/usage?group_by=endpoint", **nothing)).json["items"] == []


async def test_a_page_is_filled_from_what_is_within(rig: Rig) -> None:
    model = rig.inside["model_mappings"][0]["model_definition_id"]
    for n in range(9):
        mapped = [{"model_definition_id": model}]
        await rig.control.add_endpoint(f"team-{'ab'[n % 2]}-{n}", model_mappings=mapped)
    names: list[str] = []
    cursor = ""
    while True:
        page = (await rig.ask("GET", f"/endpoints?limit=2{cursor}")).json
        names += [row["name"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == ["team-a-chat", *(f"team-a-{n}" for n in (0, 2, 4, 6, 8))]
