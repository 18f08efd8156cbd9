"""Entity tags and conditions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.control.etag import build_etag, check_if_match, is_not_modified
from gateway.errors import InvalidValueError, StaleVersionError


async def test_every_entity_carries_a_strong_tag_that_changes_with_it(control: Any) -> None:
    endpoint = await control.add_endpoint()
    key = await control.add_key()
    mapping = endpoint["model_mappings"][0]
    definition = mapping["model_definition"]
    for path, change in [
        (f"/endpoints/{endpoint['endpoint_id']}", {"usage_tracking": False}),
        (f"/api-keys/{key['key_id']}", {"disabled": True}),
        (f"/model-definitions/{definition['model_definition_id']}", {"model_name": "x"}),
        (f"/secrets/{definition['secret_id']}", {"auth_config": {"project": "p"}}),
        (f"/endpoints/{endpoint['endpoint_id']}/mappings/{mapping['mapping_id']}", {"weight": 2}),
    ]:
        first = (await control.get(path)).headers["ETag"]
        assert first.startswith('"')
        assert (await control.get(path)).headers["ETag"] == first
        fresh = await control.get(path, headers={"If-None-Match": first})
        assert (fresh.status, fresh.raw, fresh.headers["ETag"]) == (304, b"", first)
        changed = await control.call("PATCH", path, change, headers={"If-Match": first})
        assert changed.status == 200
        assert changed.headers["ETag"] != first
        assert (await control.get(path)).headers["ETag"] == changed.headers["ETag"]
        assert (await control.get(path, headers={"If-None-Match": first})).status == 200
        stale = await control.call("PATCH", path, change, headers={"If-Match": first})
        assert (stale.status, stale.json["code"], stale.json["field"]) == (412, "stale", "If-Match")
        gone = await control.call("DELETE", path, headers={"If-Match": first})
        assert gone.status == 412
        any_version = await control.call("PATCH", path, change, headers={"If-Match": "*"})
        assert any_version.status == 200


async def test_there_and_back_is_still_another_version(control: Any) -> None:
    key = await control.add_key("a")
    path = f"/api-keys/{key['key_id']}"
    first = (await control.get(path)).headers["ETag"]
    await control.call("PATCH", path, {"name": "b"})
    await control.call("PATCH", path, {"name": "a"})
    assert (await control.get(path)).headers["ETag"] != first


async def test_a_mappings_change_is_conditional_on_its_endpoint_too(control: Any) -> None:
    endpoint = await control.add_endpoint()
    path = f"/endpoints/{endpoint['endpoint_id']}"
    own = f"{path}/mappings/{endpoint['model_mappings'][0]['mapping_id']}"
    tag = (await control.get(path)).headers["ETag"]
    reply = await control.call("PATCH", own, {"weight": 2}, headers={"If-Match": tag})
    assert reply.status == 200
    reply = await control.call("PATCH", own, {"weight": 3}, headers={"If-Match": tag})
    assert reply.status == 412
    for method, below, body in [
        ("PUT", "/tags/a", {"value": "1"}),
        ("DELETE", "/tags/a", None),
        ("PUT", "/mappings", {"model_mappings": [{"model_definition_id": "d-1"}]}),
        ("POST", "/mappings", {"model_definition_id": "d-1"}),
    ]:
        reply = await control.call(method, path + below, body, headers={"If-Match": tag})
        assert reply.status == 412, below


async def test_a_change_of_a_mapping_to_what_it_is_makes_its_tag_stale_too(control: Any) -> None:
    endpoint = await control.add_endpoint()
    mapping_id = endpoint["model_mappings"][0]["mapping_id"]
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings/{mapping_id}"
    condition = {"If-Match": (await control.get(path)).headers["ETag"]}
    same = await control.call("PATCH", path, {"weight": 1}, headers=condition)
    assert same.status == 200
    assert (await control.get(path)).headers["ETag"] == same.headers["ETag"]
    assert (await control.call("PATCH", path, {"weight": 2}, headers=condition)).status == 412


@pytest.mark.parametrize("of_mapping", [False, True])
async def test_of_changes_at_the_same_time_under_one_tag_one_wins(
    control: Any, of_mapping: Any
) -> None:
    endpoint = await control.add_endpoint()
    path = f"/endpoints/{endpoint['endpoint_id']}"
    mapping = endpoint["model_mappings"][0]
    if of_mapping:
        path += f"/mappings/{mapping['mapping_id']}"
    condition = {"If-Match": (await control.get(path)).headers["ETag"]}

    def build_body(weight: int) -> Any:
        if of_mapping:
            return {"weight": weight}
        rows = [{"model_definition_id": mapping["model_definition_id"], "weight": weight}]
        return {"model_mappings": rows}

    replies = await asyncio.gather(
        *(control.call("PATCH", path, build_body(n), headers=condition) for n in range(1, 21))
    )
    assert sorted(reply.status for reply in replies) == [200] + [412] * 19


def test_a_list_of_tags_matches_if_one_does() -> None:
    check_if_match('"a", "b"', '"b"')
    check_if_match(None, '"b"')
    check_if_match(" * ", '"b"')
    with pytest.raises(StaleVersionError):
        check_if_match('W/"b"', '"b"')  # a weak tag never matches strongly
    with pytest.raises(InvalidValueError):
        check_if_match("b", '"b"')


async def test_if_none_match_withholds_no_answer_of_a_write(control: Any) -> None:
    key = await control.add_key()
    path, condition = f"/api-keys/{key['key_id']}", {"If-None-Match": "*"}
    reply = await control.call("PATCH", path, {"disabled": True}, headers=condition)
    assert (reply.status, reply.json["disabled"]) == (200, True)


def test_if_none_match_compares_weakly() -> None:
    assert is_not_modified('W/"a"', '"a"')
    assert is_not_modified("*", '"a"')
    assert not is_not_modified('"b"', '"a"')
    assert not is_not_modified("nonsense", '"a"')
    assert not is_not_modified(None, '"a"')


def test_a_tag_depends_on_content_and_version_alone() -> None:
    assert build_etag({"a": 1, "b": 2}, 1) == build_etag({"b": 2, "a": 1}, 1)
    assert build_etag({"a": 1}, 1) != build_etag({"a": 1}, 2)
    assert build_etag({"a": 1}, 1) != build_etag({"a": 2}, 1)
