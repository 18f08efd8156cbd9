"""Which role may call which operation: every row of the table against every role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.control.routes import OPERATIONS
from gateway.roles import Role

# Written by hand, beside the code: who may do what.
MAY = {
    "viewer": {"public", "self", "read"},
    "auditor": {"public", "self", "read", "audit"},
    "editor": {"public", "self", "read", "edit"},
    "admin": {"public", "self", "read", "audit", "edit", "admin"},
}
# What a token that is confined to some endpoints may call; all else is refused to it.
CONFINED = {
    "listSecrets", "getSecret", "listModelDefinitions", "getModelDefinition",
    "listEndpoints", "createEndpoint", "getEndpoint", "updateEndpoint", "deleteEndpoint",
    "explainEndpoint", "listMappings", "createMapping", "replaceMappings", "getMapping",
    "updateMapping", "deleteMapping", "putTag", "deleteTag",
    "listApiKeys", "createApiKey", "getApiKey", "updateApiKey", "deleteApiKey",
    "listBindings", "putBinding", "deleteBinding", "listResourceEndpoints",
    "listUsage", "listAudit", "listProviders",
}  # fmt: skip
DOCUMENT = Path(__file__).parents[2] / "docs" / "roles.md"
_MISSING = "0" * 32
_IDS = {
    "secret_id": f"s-{_MISSING}",
    "model_definition_id": f"d-{_MISSING}",
    "endpoint_id": f"e-{_MISSING}",
    "mapping_id": f"m-{_MISSING}",
    "key_id": f"k-{_MISSING}",
    "token_id": f"t-{_MISSING}",
}


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def make_token(control: Any, role: str, *scopes: str) -> str:
    body = {"name": f"{role}:{' '.join(scopes)}", "role": role, "scopes": list(scopes) or ["*"]}
    reply = await control.call("POST", "/admin-tokens", body)
    assert reply.status == 201, reply.json
    value: str = reply.json["value"]
    return value


def fill(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: _IDS.get(match[1], "x"), path)


def name_operation(row: Any) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", OPERATIONS, ids=name_operation)
async def test_an_operation_is_open_to_the_roles_of_its_policy(control: Any, row: Any) -> None:
    """An empty or absurd request is refused later than a role is: 403 comes first or not at all."""
    for role, policies in MAY.items():
        given = bearer(await make_token(control, role))
        reply = await control.call(row.method, fill(row.path), allow_redirects=False, **given)
        if row.policy.value in policies:
            assert reply.status != 403, (role, reply.json)
            assert reply.status < 500
        else:
            assert (reply.status, reply.json["code"]) == (403, "forbidden"), role
            able = [name for name in MAY if row.policy.value in MAY[name]]
            assert all(name in reply.json["detail"] for name in able)


@pytest.mark.parametrize("row", OPERATIONS, ids=name_operation)
async def test_a_confined_token_is_refused_what_is_not_marked(control: Any, row: Any) -> None:
    given = bearer(await make_token(control, "admin", "team-a-*"))
    reply = await control.call(row.method, fill(row.path), allow_redirects=False, **given)
    is_open = row.name in CONFINED or row.policy.value in ("public", "self")
    assert row.scoped == (row.name in CONFINED)
    assert (reply.status != 403) == is_open, reply.json


@pytest.mark.parametrize("row", OPERATIONS, ids=name_operation)
async def test_every_operation_has_a_policy_that_a_role_has(row: Any) -> None:
    assert any(row.policy.value in policies for policies in MAY.values())


def test_the_document_tells_what_is_enforced() -> None:
    """`python scripts/roles_table.py` prints the table anew."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    told = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[0].startswith("`"):
            told[cells[0].strip("`")] = tuple(cells[2:])
    expected = {}
    for row in OPERATIONS:
        marks = ["yes" if row.policy.value in MAY[role] else "no" for role in MAY]
        confined = "yes" if row.scoped or row.policy.value in ("public", "self") else "no"
        expected[name_operation(row)] = (*marks, confined)
    assert told == expected


def test_all_roles_are_in_the_matrix() -> None:
    assert set(MAY) == {role.value for role in Role}
