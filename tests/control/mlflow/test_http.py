"""What MLflow's client does not send, but somebody will: wrong input, wrong paths, odd JSON."""

from __future__ import annotations

import asyncio
import io
import itertools
from typing import Any

import pytest

from gateway.control.mlflow.routes import OPERATIONS
from gateway.providers import PROVIDERS

CANARY = "canary-key-of-the-provider-0001"
INVALID = (400, "INVALID_PARAMETER_VALUE")


async def test_every_method_is_there_under_both_prefixes_and_asks_who_calls(server: Any) -> None:
    for prefix in ("/api/3.0/mlflow", "/ajax-api/3.0/mlflow"):
        for row in OPERATIONS:
            found = await server.call(
                row.method, prefix + row.path, headers={"Authorization": None}
            )
            assert found.error == (401, "UNAUTHENTICATED"), row.path


async def test_no_method_fails_on_an_empty_call(server: Any) -> None:
    for row in OPERATIONS:
        body = None if row.body is None else {}
        found = await server.call(row.method, f"/api/3.0/mlflow{row.path}", body)
        if found.status != 200:
            assert found.status in (400, 501), (row.path, found.json)
            assert set(found.json) == {"error_code", "message"}


async def test_an_answer_has_mlflows_fields_and_no_null(server: Any, made: Any) -> None:
    found = (await server.ask("GET", "endpoints/get", params={"name": "chat"})).json["endpoint"]
    assert set(found) == {
        "endpoint_id",
        "name",
        "created_at",
        "last_updated_at",
        "created_by",
        "last_updated_by",
        "model_mappings",
        "tags",
        "usage_tracking",
    }
    (mapping,) = found["model_mappings"]
    assert set(mapping) == {
        "mapping_id",
        "endpoint_id",
        "model_definition_id",
        "model_definition",
        "weight",
        "linkage_type",
        "created_at",
        "created_by",
    }
    assert mapping["linkage_type"] == "PRIMARY"
    assert isinstance(found["created_at"], int)
    (secret,) = (await server.ask("GET", "secrets/list")).json["secrets"]
    assert set(secret) == {
        "secret_id",
        "secret_name",
        "masked_values",
        "provider",
        "created_at",
        "last_updated_at",
        "created_by",
        "last_updated_by",
    }


async def test_settings_that_are_null_here_are_absent_there(server: Any) -> None:
    body = {
        "secret_name": "prod",
        "provider": "openai",
        "secret_value": {"api_key": CANARY},
        "auth_config": {"organization": "org-1", "project": None},
    }
    made = await server.own("POST", "/secrets", body)
    found = await server.ask("GET", "secrets/get", params={"secret_id": made["secret_id"]})
    assert found.json["secret"]["auth_config"] == {"organization": "org-1"}


async def test_an_empty_setting_is_dropped_and_only_empty_ones_clear(server: Any) -> None:
    body = {
        "secret_name": "prod",
        "provider": "openai",
        "secret_value": {"api_key": CANARY},
        "auth_config": {"api_base": "", "organization": "org-1"},
    }
    made = (await server.ask("POST", "secrets/create", body)).json["secret"]
    assert made["auth_config"] == {"organization": "org-1"}
    change = {"secret_id": made["secret_id"], "secret_value": {}, "auth_config": {}}
    same = (await server.ask("POST", "secrets/update", change)).json["secret"]
    assert same == made  # empty maps are nothing
    change = {"secret_id": made["secret_id"], "auth_config": {"api_base": ""}}
    cleared = (await server.ask("POST", "secrets/update", change)).json["secret"]
    assert "auth_config" not in cleared


async def test_whole_numbers_may_stand_in_strings_and_enums_may_be_unspecified(
    server: Any, made: Any
) -> None:
    body = {
        "name": "split",
        "model_configs": [
            {"model_definition_id": made.mini, "linkage_type": "PRIMARY", "weight": 2},
            {
                "model_definition_id": made.large,
                "linkage_type": "FALLBACK",
                "fallback_order": "3",
            },
        ],
        "routing_strategy": "ROUTING_STRATEGY_UNSPECIFIED",
        "fallback_config": {"strategy": "FALLBACK_STRATEGY_UNSPECIFIED", "max_attempts": "1"},
        "experiment_id": "",
    }
    found = (await server.ask("POST", "endpoints/create", body)).json["endpoint"]
    assert found["model_mappings"][1]["fallback_order"] == 3
    assert found["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 1}
    assert "routing_strategy" not in found


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("secrets/create", {"secret_name": "x", "secret_value": "text"}, "secret_value: must be"),
        ("secrets/create", {"secret_nam": "x"}, "secret_nam: unknown field"),
        ("secrets/update", {}, "secret_id: is required"),
        ("model-definitions/create", {"name": "x"}, "secret_id: is required"),
        ("model-definitions/update", {"model_definition_id": 7}, "model_definition_id: must be"),
        ("endpoints/create", {"name": "x", "model_configs": {}}, "model_configs: must be"),
        (
            "endpoints/create",
            {"name": "x", "model_configs": [{"model_definition_id": "d-1"}]},
            "model_configs[0].linkage_type: is required",
        ),
        (
            "endpoints/models/attach",
            {"endpoint_id": "e-1", "model_config": {"linkage_type": "PRIMARY"}},
            "model_config.model_definition_id: is required",
        ),
        (
            "endpoints/models/attach",
            {
                "endpoint_id": "e-1",
                "model_config": {
                    "model_definition_id": "d-1",
                    "linkage_type": "LINKAGE_TYPE_UNSPECIFIED",
                },
            },
            "model_config.linkage_type:",
        ),
        ("endpoints/set-tag", {"endpoint_id": "e-1", "key": ""}, "key:"),
        (
            "endpoints/bindings/create",
            {"endpoint_id": "e-1", "resource_type": "job", "resource_id": "1"},
            "resource_type: should be 'scorer'",
        ),
    ],
)
async def test_a_wrong_body_is_named_by_its_field(
    server: Any, path: str, body: Any, said: str
) -> None:
    found = await server.ask("POST", path, body)
    assert found.error == INVALID
    assert found.json["message"].startswith(said)


WRONG: list[Any] = [None, 0, -1, 1e300, True, "", " x", "x" * 6000, "a\0b", [], [[]], {}, {"": {}}]


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.body], ids=lambda row: row.path)
async def test_no_wrong_value_of_any_field_is_a_fault_of_ours(
    server: Any, made: Any, row: Any
) -> None:
    right = {
        "secret_id": made.secret_id,
        "model_definition_id": made.mini,
        "endpoint_id": made.endpoint_id,
        "model_config": {"model_definition_id": made.large, "linkage_type": "FALLBACK"},
        "model_configs": [{"model_definition_id": made.large, "linkage_type": "PRIMARY"}],
        "fallback_config": {"strategy": "SEQUENTIAL"},
    }
    names = [field.alias or name for name, field in row.body.model_fields.items()]
    for name, wrong in itertools.product(names, WRONG):
        body = {other: right[other] for other in names if other in right} | {name: wrong}
        found = await server.call(row.method, f"/api/3.0/mlflow{row.path}", body)
        assert found.status in (200, 400, 404, 409), (name, wrong, found.json)
        if found.status != 200:
            assert set(found.json) == {"error_code", "message"}
            assert "SQL" not in found.json["message"].upper()


async def test_a_body_that_is_no_json(server: Any) -> None:
    form = {"Content-Type": "text/plain"}
    found = await server.ask("POST", "secrets/create", data=b"{}", headers=form)
    assert found.error == INVALID
    kind = {"Content-Type": "application/json"}
    for raw in (b"{", b"[]", b'{"a": 1, "a": 2}', b"\xff"):
        found = await server.ask("POST", "secrets/create", data=raw, headers=kind)
        assert found.error == (400, "BAD_REQUEST"), raw
    large = io.BytesIO(b" " * (2 << 20))
    found = await server.ask("POST", "secrets/create", data=large, headers=kind)
    assert found.error == (413, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("secrets/get", "secret_id: exactly one of secret_id and secret_name is required"),
        ("secrets/get?secret_id=a&secret_name=b", "secret_id: exactly one of"),
        ("secrets/list?vendor=openai", "vendor: unknown query parameter"),
        ("secrets/list?provider=a&provider=b", "provider: is given more than once"),
        ("model-definitions/get?model_definition_id=", "model_definition_id: is required"),
        ("provider-config", "provider: is required"),
        ("provider-config?provider=acme", "provider: unknown provider"),
    ],
)
async def test_a_wrong_query_is_named_by_its_parameter(server: Any, path: str, said: str) -> None:
    found = await server.ask("GET", path)
    assert found.error == INVALID
    assert found.json["message"].startswith(said)


@pytest.mark.parametrize(
    "path",
    [
        "/api/3.0/mlflow/gateway/nothing",
        "/api/3.0/mlflow/runs/create",
        "/api/2.0/mlflow/experiments/search",
        "/ajax-api/2.0/mlflow/gateway-proxy",
    ],
)
async def test_a_path_that_is_not_there(server: Any, path: str) -> None:
    found = await server.call("GET", path)
    assert found.error == (404, "ENDPOINT_NOT_FOUND")


async def test_a_wrong_method_and_a_wrong_host(server: Any) -> None:
    found = await server.ask("GET", "secrets/create")
    assert found.error == (405, "BAD_REQUEST")
    assert found.headers["Allow"] == "POST"
    found = await server.ask("GET", "secrets/list", headers={"Host": "evil.example"})
    assert found.error == (403, "PERMISSION_DENIED")


async def test_both_interfaces_show_the_same_and_write_the_same_audit(
    server: Any, made: Any
) -> None:
    body = {"endpoint_id": made.endpoint_id, "key": "team", "value": "search"}
    assert (await server.ask("POST", "endpoints/set-tag", body)).json == {}
    own = await server.own("GET", f"/endpoints/{made.endpoint_id}")
    assert own["tags"] == {"team": "search"}
    rows = (await server.own("GET", "/audit"))["items"]
    row = max(rows, key=lambda found: found["audit_id"])
    assert (row["action"], row["entity_type"], row["actor"]) == ("update", "endpoint", "admin")
    assert row["after"]["tags"] == {"team": "search"}


async def test_a_refused_write_leaves_nothing(server: Any, made: Any) -> None:
    binding = {"endpoint_id": made.endpoint_id, "resource_type": "scorer", "resource_id": "r1"}
    await server.own("PUT", "/bindings", binding | {"display_name": "Judge"})
    found = await server.ask("POST", "endpoints/bindings/create", binding)
    assert found.error == (400, "RESOURCE_ALREADY_EXISTS")
    (kept,) = (await server.own("GET", "/bindings"))["items"]
    assert kept["display_name"] == "Judge"
    (shown,) = (await server.ask("GET", "endpoints/bindings/list")).json["bindings"]
    assert shown["display_name"] == "Judge"


async def test_of_two_that_create_the_same_name_one_is_told(server: Any, made: Any) -> None:
    body = {
        "name": "race",
        "model_configs": [{"model_definition_id": made.mini, "linkage_type": "PRIMARY"}],
    }
    found = await asyncio.gather(*(server.ask("POST", "endpoints/create", body) for _ in range(6)))
    assert sorted(reply.status for reply in found) == [200] + [400] * 5
    refused = {reply.json["error_code"] for reply in found if reply.status != 200}
    assert refused == {"RESOURCE_ALREADY_EXISTS"}


async def test_lists_have_no_pages(server: Any, made: Any) -> None:
    for number in range(60):
        body = {"name": f"m{number}", "provider": "openai", "model_name": "gpt-4o-mini"}
        await server.own("POST", "/model-definitions", body | {"secret_id": made.secret_id})
    found = await server.ask("GET", "model-definitions/list")
    assert len(found.json["model_definitions"]) == 62


async def test_what_the_page_of_mlflow_asks(server: Any, made: Any) -> None:
    async def ask(path: str) -> Any:
        found = await server.call("GET", f"/ajax-api/3.0/mlflow/{path}")
        assert found.status == 200
        return found.json

    providers = (await ask("gateway/supported-providers"))["providers"]
    assert len(providers) == len(PROVIDERS)
    assert {"azure", "bedrock", "vertex_ai", "together_ai", "openai_compatible"} <= {*providers}
    models = (await ask("gateway/supported-models?provider=openai"))["models"]
    assert [row["model"] for row in models] == ["gpt-4o-mini", "gpt-4o"]
    assert (await ask("gateway/supported-models?provider=gemini"))["models"] == []
    config = await ask("gateway/provider-config?provider=openai_compatible")
    assert config["default_mode"] == "api_key"
    (mode,) = config["auth_modes"]
    assert [field["name"] for field in mode["secret_fields"]] == ["api_key"]
    assert mode["config_fields"][0]["name"] == "api_base"
    assert mode["config_fields"][0]["required"]
    config = await ask("gateway/provider-config?provider=vertex_ai")
    assert config["default_mode"] == "service_account_json"
    account, chain = config["auth_modes"]
    assert [field["name"] for field in account["secret_fields"]] == ["vertex_credentials"]
    assert [field["name"] for field in chain["config_fields"]] == [
        "vertex_project",
        "vertex_location",
    ]
    assert await ask("gateway/secrets/config") == {
        "secrets_available": True,
        "using_default_passphrase": False,
    }
    assert (await ask("server-info"))["features_enabled"] == {"gateway": True}
