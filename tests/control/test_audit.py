"""The audit log over REST: filters, export, check, what is in it, and what never is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.routes import OPERATIONS
from gateway.control.service.redact import redact
from tests.control.conftest import ADMIN_TOKEN
from tests.store import samples

# Of the forms that such values have, and of nobody.
CANARIES = {
    "value": "sk-canary4value0secret0value0000001",
    "tag": "sk-proj-canary4tag0000000000000002",
    "google": "AIzaCanary4tag00000000000000000000000003",
    "plain": "canary-4-a-field-that-is-called-token",
    "url": "canary4user:canary4password",
}


async def _rows(control: Any, **query: Any) -> list[dict[str, Any]]:
    return (await control.get("/audit", params=query)).json["items"]


def _tamper(control: Any, statement: str) -> None:
    with closing(sqlite3.connect(control.installation.store.path)) as connection, connection:
        connection.execute(statement)


async def test_every_filter_finds_its_rows(control: Any) -> None:
    model = await control.add_model("mini")
    await control.call(
        "DELETE",
        f"/model-definitions/{model['model_definition_id']}",
        headers={"x-lockgate-request-id": "the-one"},
    )
    for query in (
        {"request_id": "the-one"},
        {"entity_name": "mini", "action": "delete"},
        {"source_address": "127.0.0.1", "action": "delete"},
        {"entity_id": model["model_definition_id"], "action": "delete"},
    ):
        assert [row["request_id"] for row in await _rows(control, **query)] == ["the-one"], query
    assert await _rows(control, source_address="10.0.0.1") == []


@pytest.mark.parametrize("action", ["rotate", "apply", "login", "some_other"])
async def test_an_action_that_has_not_happened_is_no_error(control: Any, action: str) -> None:
    assert await _rows(control, action=action) == []


@pytest.mark.parametrize("action", ["Create", "a" * 65, "create,update"])
async def test_an_action_that_cannot_be_is_one(control: Any, action: str) -> None:
    reply = await control.get("/audit", params={"action": action})
    assert (reply.status, reply.json["field"]) == (422, "action")


async def test_login_and_logout_leave_rows(control: Any) -> None:
    body = {"token": ADMIN_TOKEN}
    reply = await control.call("POST", "/session", body, headers={"Authorization": None})
    cookie = reply.headers["Set-Cookie"].split(";")[0]
    headers = {"Authorization": None, "Cookie": cookie, "X-CSRF-Token": reply.json["csrf_token"]}
    assert (await control.call("DELETE", "/session", headers=headers)).status == 204
    out, in_ = await _rows(control)
    assert (in_["action"], in_["actor"], in_["entity_type"]) == ("login", "admin", "session")
    assert (out["action"], out["actor"]) == ("logout", "admin")
    assert [snapshot.endpoints for snapshot in control.published] == [{}]  # the end is told at once


async def test_a_refused_login_leaves_none(control: Any) -> None:
    body = {"token": "of-nobody"}
    await control.call("POST", "/session", body, headers={"Authorization": None})
    assert await _rows(control) == []


async def test_an_export_is_lines_with_an_end(control: Any) -> None:
    for n in range(3):
        await control.add_key(f"app-{n}")
    reply = await control.get("/audit/export")
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    *rows, last = [orjson.loads(line) for line in reply.raw.splitlines()]
    assert [row["entity_name"] for row in rows] == ["app-0", "app-1", "app-2"]
    assert [row["former_hash"] for row in rows[1:]] == [row["row_hash"] for row in rows[:-1]]
    assert last["end"]["rows"] == 3
    rest = await control.get("/audit/export", params={"after": 2})
    assert rest.raw.splitlines()[0] == reply.raw.splitlines()[2]


async def test_a_long_export_comes_whole(control: Any) -> None:
    async with control.installation.store.write() as tx:
        for n in range(1_000):
            await tx.admin.insert_audit(_build_row(n))
    lines = (await control.get("/audit/export")).raw.splitlines()
    assert len(lines) == 1_001
    assert orjson.loads(lines[-1])["end"]["rows"] == 1_000


def _build_row(n: int, **changes: Any) -> Any:
    return samples.audit(n, **changes)


async def test_a_reader_who_leaves_is_no_error(
    control: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with control.installation.store.write() as tx:
        for n in range(200):
            await tx.admin.insert_audit(_build_row(n, after={"much": "x" * 20_000}))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    url = control.server.make_url("/api/v1/audit/export")
    async with control.http.get(url, headers=headers) as response:
        await response.content.readany()
        response.close()
    assert (await control.get("/audit/verify")).json["ok"]
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


async def test_a_text_that_is_none_is_a_finding_and_no_failure(control: Any) -> None:
    async with control.installation.store.write() as tx:
        for n in range(300):
            await tx.admin.insert_audit(_build_row(n))
    _tamper(control, "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE audit_id = 250")
    lines = (await control.get("/audit/export")).raw.splitlines()
    assert len(lines) == 301
    found = (await control.get("/audit/verify")).json["findings"]
    assert [finding["row"] for finding in found] == [250]
    assert (await control.get("/audit")).status == 503  # says that the database is damaged


async def test_an_export_that_fails_in_the_middle_is_cut_off(
    control: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with control.installation.store.write() as tx:
        for n in range(300):
            await tx.admin.insert_audit(_build_row(n, after={"much": "x" * 20_000}))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    url = control.server.make_url("/api/v1/audit/export")
    with pytest.raises(aiohttp.ClientPayloadError):
        async with control.http.get(url, headers=headers) as response:
            await response.content.readany()
            await control.installation.store.close()
            await response.read()
    assert "was cut off: The database is closed." in caplog.text


async def test_a_head_of_an_export_has_no_body(control: Any) -> None:
    await control.add_key()
    reply = await control.call("HEAD", "/audit/export")
    assert (reply.status, reply.raw) == (200, b"")


async def test_the_check_says_that_all_is_right_and_then_what_is_not(control: Any) -> None:
    for n in range(3):
        await control.add_key(f"app-{n}")
    whole = (await control.get("/audit/verify")).json
    assert (whole["ok"], whole["verified_to"], whole["next_after"]) == (True, 3, None)
    assert whole["checkpoint"].startswith("3:")
    _tamper(control, "UPDATE audit SET actor = 'mallory' WHERE audit_id = 2")
    wrong = (await control.get("/audit/verify")).json
    assert not wrong["ok"]
    assert wrong["findings"] == [{"row": 2, "kind": "changed", "detail": "was changed"}]


async def test_the_check_goes_on_in_parts(control: Any) -> None:
    for n in range(5):
        await control.add_key(f"app-{n}")
    seen, after = [], 0
    while after is not None:
        part = (await control.get("/audit/verify", params={"after": after, "limit": 2})).json
        assert part["ok"]
        seen.append(part["rows"])
        after = part["next_after"]
    assert sum(seen) == 5
    assert max(seen) == 2


async def test_a_checkpoint_finds_what_was_cut_off(control: Any) -> None:
    await control.add_key("app-0")
    kept = (await control.get("/audit/verify")).json["checkpoint"]
    found = (await control.get("/audit/verify", params={"checkpoint": kept})).json
    assert found["ok"]
    forged = kept.replace("1:", "2:", 1)
    reply = await control.get("/audit/verify", params={"checkpoint": forged})
    assert (reply.status, reply.json["field"]) == (422, "checkpoint")


@pytest.mark.parametrize(
    "query",
    [{"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "10001"}, {"checkpoint": "1"}],
)
async def test_rubbish_is_refused(control: Any, query: dict[str, str]) -> None:
    reply = await control.get("/audit/verify", params=query)
    assert (reply.status, reply.json["field"]) == (422, next(iter(query)))


async def test_whoever_has_no_token_reads_nothing(control: Any) -> None:
    for path in ("/audit/export", "/audit/verify"):
        assert (await control.get(path, headers={"Authorization": None})).status == 401


# --- no credential ever -------------------------------------------------------------------


async def test_no_write_of_the_table_leaves_a_credential_in_a_row(control: Any) -> None:
    made = await _use_everything(control)
    for operation in OPERATIONS:
        if operation.writes and operation.body is not None:
            await _send_canaries(control, operation, made)
    async with control.installation.store.read() as tx:
        records = await tx.admin.list_audit_records(0, 1_000)
    text = "\n".join(map(str, records))
    assert len(records) > 20
    known = {record.action for record in records}
    assert known >= {"create", "update", "delete", "login"}
    for name, canary in (CANARIES | made["values"] | {"admin": ADMIN_TOKEN}).items():
        assert [line for line in text.split("\n") if canary in line] == [], name


async def _use_everything(control: Any) -> dict[str, Any]:
    secret = await control.add_secret("one", secret_value={"api_key": CANARIES["value"]})
    model = await control.add_model("mini", secret_id=secret["secret_id"])
    mapping = [{"model_definition_id": model["model_definition_id"]}]
    tags = {"team": CANARIES["tag"], "api_token": CANARIES["plain"], CANARIES["google"]: "x"}
    endpoint = await control.add_endpoint("chat", model_mappings=mapping, tags=tags)
    key = await control.add_key("app")
    ids = {
        "secret_id": secret["secret_id"],
        "model_definition_id": model["model_definition_id"],
        "endpoint_id": endpoint["endpoint_id"],
        "mapping_id": endpoint["model_mappings"][0]["mapping_id"],
        "key_id": key["key_id"],
        "key": "google",
    }
    value = {"api_key": CANARIES["value"]}
    base = f"http://{CANARIES['url']}@127.0.0.1:9000/v1"
    path = f"/secrets/{ids['secret_id']}"
    await control.call("PATCH", path, {"secret_value": value})
    await control.call("PATCH", path, {"auth_config": {"api_base": base}, "secret_value": value})
    await control.call("POST", "/session", {"token": ADMIN_TOKEN})
    path = f"/endpoints/{ids['endpoint_id']}"
    await control.call("PUT", f"{path}/tags/more", {"value": CANARIES["google"]})
    await control.call("PATCH", path, {"tags": tags | {"password": CANARIES["plain"]}})
    await control.call("DELETE", f"{path}/tags/more")
    await control.call("PATCH", f"/api-keys/{ids['key_id']}", {"disabled": True})
    for n in range(6):
        other = await control.add_key(f"gone-{n}")
        await control.call("DELETE", f"/api-keys/{other['key_id']}")
    return {"ids": ids, "values": {"api key": key["value"]}}


async def _send_canaries(control: Any, operation: Any, made: dict[str, Any]) -> None:
    """Send a canary in every field that takes a text; most is refused, what is not is looked at."""
    path = operation.path
    for name, value in made["ids"].items():
        path = path.replace(f"{{{name}}}", value)
    for canary in (CANARIES[name] for name in ("value", "tag", "google")):
        body = {
            name: made["ids"].get(name) or ({"note": canary} if name == "tags" else canary)
            for name in operation.body.model_fields
        }
        await control.call(operation.method, path, body)
        for name, value in body.items():  # alone, where the rest may stay as it is
            if operation.method in ("PATCH", "PUT"):
                await control.call(operation.method, path, {name: value})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "secret_id", "tags"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_no_credential_stays(value: Any) -> None:
    assert redact(value) == value


@given(
    st.sampled_from(sorted(CANARIES)),
    st.lists(st.sampled_from(["tags", "after", "auth_config", "note"]), max_size=4),
    st.text(max_size=8).filter(lambda text: "@" not in text),
)
def test_a_credential_is_found_however_deep_it_lies(
    name: str, path: list[str], around: str
) -> None:
    found: Any = {"url": f"https://{CANARIES['url']}@host/"}
    if name not in ("url", "plain"):
        found = f"{around} {CANARIES[name]} {around}"
    elif name == "plain":
        found = {"session-token": CANARIES["plain"]}
    for part in path:
        found = [{part: found}]
    text = orjson.dumps(redact({"x": found})).decode()
    assert CANARIES[name] not in text
    assert "***" in text


def test_names_masks_and_ids_stay() -> None:
    row = {
        "secret_id": "s-" + "0123456789abcdef" * 2,
        "key_id": "k-" + "0123456789abcdef" * 2,
        "masked_values": {"api_key": "sk-...cdef"},
        "masked_value": "lg-...cdef",
        "model_name": "gpt-4o-mini-2024-07-18",
        "auth_config": {"api_base": "https://api.openai.com/v1"},
        "tags": {"max_tokens": "4096", "cost-center": "sk-team"},
    }
    assert redact(row) == row
