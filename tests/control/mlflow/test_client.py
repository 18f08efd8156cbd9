"""MLflow's own REST store, unmodified, against a running gateway."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mlflow.entities import (
    FallbackConfig,
    FallbackStrategy,
    GatewayEndpointModelConfig,
    GatewayEndpointTag,
    GatewayModelLinkageType,
    GatewayResourceType,
    RoutingStrategy,
)
from mlflow.entities.gateway_budget_policy import (
    BudgetAction,
    BudgetDuration,
    BudgetDurationUnit,
    BudgetTargetScope,
    BudgetUnit,
)
from mlflow.entities.gateway_guardrail import GuardrailAction, GuardrailStage
from mlflow.exceptions import MlflowException

ADMIN_TOKEN = "test-admin-token-0123456789"
CANARY = "canary-key-of-the-provider-0001"
PRIMARY = GatewayModelLinkageType.PRIMARY
FALLBACK = GatewayModelLinkageType.FALLBACK
NOTHING = "s-0123456789abcdef0123456789abcdef"


def config(model_id: str, link: Any = PRIMARY, **given: Any) -> GatewayEndpointModelConfig:
    return GatewayEndpointModelConfig(model_definition_id=model_id, linkage_type=link, **given)


async def refuse(call: Awaitable[Any]) -> tuple[str, str]:
    with pytest.raises(MlflowException) as caught:
        await call
    return caught.value.error_code, caught.value.message


# --- secrets ------------------------------------------------------------------------------


async def test_a_secret_from_creation_to_deletion(client: Any) -> None:
    made = await client.create_gateway_secret(
        "prod",
        {"api_key": CANARY},
        provider="openai",
        auth_config={"auth_mode": "api_key", "api_base": "https://llm.acme.com/v1"},
        created_by="somebody",
    )
    assert made.secret_id.startswith("s-")
    assert made.secret_name == "prod"
    assert made.masked_values == {"api_key": "can...0001"}
    assert made.provider == "openai"
    assert made.auth_config == {"auth_mode": "api_key", "api_base": "https://llm.acme.com/v1"}
    assert made.created_by == "admin"  # who calls, not who the body says
    assert made.created_at == made.last_updated_at > 1_700_000_000_000

    assert await client.get_secret_info(secret_id=made.secret_id) == made
    assert await client.get_secret_info(secret_name="prod") == made

    changed = await client.update_gateway_secret(
        made.secret_id,
        secret_value={"api_key": "canary-key-of-the-provider-0002"},
        updated_by="somebody",
    )
    assert changed.masked_values == {"api_key": "can...0002"}
    assert changed.auth_config == made.auth_config  # absent stays
    changed = await client.update_gateway_secret(
        made.secret_id, auth_config={"api_base": "https://llm.acme.com/v2"}
    )
    assert changed.auth_config == {"api_base": "https://llm.acme.com/v2"}

    await client.delete_gateway_secret(made.secret_id)
    code, _ = await refuse(client.get_secret_info(secret_id=made.secret_id))
    assert code == "RESOURCE_DOES_NOT_EXIST"


async def test_secrets_are_listed_whole_and_by_provider(client: Any) -> None:
    for name, provider in (("a", "openai"), ("b", "anthropic"), ("c", None)):
        await client.create_gateway_secret(name, {"api_key": CANARY}, provider=provider)
    assert [row.secret_name for row in await client.list_secret_infos()] == ["a", "b", "c"]
    (found,) = await client.list_secret_infos(provider="anthropic")
    assert found.secret_name == "b"
    (*_, bare) = await client.list_secret_infos()
    assert (bare.provider, bare.auth_config) == (None, None)


BEDROCK = {"aws_access_key_id": "AKIDCANARY0000000001", "aws_secret_access_key": CANARY}


async def test_a_provider_by_the_names_of_mlflow(client: Any, server: Any) -> None:
    config = {"auth_mode": "access_keys", "aws_region_name": "eu-west-1"}
    made = await client.create_gateway_secret("aws", BEDROCK, "bedrock", config)
    assert (made.provider, made.auth_config) == ("bedrock", config)
    assert made.masked_values.keys() == BEDROCK.keys()
    own = await server.own("GET", f"/secrets/{made.secret_id}")
    assert own["auth_config"] == {"auth_mode": "access_keys", "region": "eu-west-1"}
    assert own["masked_values"].keys() == {"access_key_id", "secret_access_key"}
    changed = await client.update_gateway_secret(
        made.secret_id, BEDROCK, auth_config=config | {"aws_region_name": "us-east-1"}
    )
    assert changed.auth_config == config | {"aws_region_name": "us-east-1"}


async def test_a_provider_that_has_another_name_here(client: Any, server: Any) -> None:
    config = {"auth_mode": "default_chain", "vertex_project": "proj-1", "vertex_location": "eu"}
    made = await client.create_gateway_secret("gcp", {}, "vertex_ai", config)
    assert (made.provider, made.auth_config) == ("vertex_ai", config)
    model = await client.create_gateway_model_definition(
        "gem", made.secret_id, "vertex_ai", "gemini-2.5-pro"
    )
    assert model.provider == "vertex_ai"
    own = await server.own("GET", f"/model-definitions/{model.model_definition_id}")
    assert own["provider"] == "vertex"
    assert await client.list_secret_infos(provider="vertex_ai") == [made]
    assert await client.list_secret_infos(provider="vertex") == [made]  # ours is taken too
    assert await client.list_gateway_model_definitions(provider="vertex_ai") == [model]
    made = await client.create_gateway_secret("to", {"api_key": CANARY}, "togetherai")
    assert made.provider == "together_ai"  # the name in MLflow's catalogue


async def test_a_refusal_names_the_field_of_mlflow(client: Any) -> None:
    code, message = await refuse(
        client.create_gateway_secret("x", BEDROCK, "bedrock", {"auth_mode": "access_keys"})
    )
    assert code == "INVALID_PARAMETER_VALUE"
    assert "auth_config.aws_region_name: is required" in message
    config = {"auth_mode": "iam_role", "aws_role_name": "arn:aws:iam::1:role/x"}
    code, message = await refuse(client.create_gateway_secret("x", {}, "bedrock", config))
    assert code == "INVALID_PARAMETER_VALUE"
    assert "auth_config.auth_mode" in message


async def test_what_is_wrong_with_a_secret(client: Any, made: Any) -> None:
    code, message = await refuse(client.create_gateway_secret("prod", {"api_key": CANARY}))
    assert code == "RESOURCE_ALREADY_EXISTS"
    assert "secret_name" in message
    assert "UNIQUE" not in message
    code, message = await refuse(client.create_gateway_secret("x", {"api_kye": CANARY}, "openai"))
    assert code == "INVALID_PARAMETER_VALUE"
    assert "secret_value.api_kye: unknown field; did you mean 'api_key'?" in message
    assert CANARY not in message
    code, _ = await refuse(client.create_gateway_secret("x", {}, "openai"))
    assert code == "INVALID_PARAMETER_VALUE"
    code, message = await refuse(client.create_gateway_secret("x", {"api_key": CANARY}, "acme"))
    assert code == "INVALID_PARAMETER_VALUE"
    assert "provider: unknown provider" in message
    code, _ = await refuse(client.update_gateway_secret(NOTHING, {"api_key": CANARY}))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, message = await refuse(
        client.update_gateway_secret(
            made.secret_id, auth_config={"api_base": "https://elsewhere.acme.com"}
        )
    )
    assert code == "INVALID_STATE"  # the stored key would go elsewhere
    assert "send secret_value too" in message
    code, _ = await refuse(client.get_secret_info())
    assert code == "INVALID_PARAMETER_VALUE"


async def test_a_secret_in_use_is_kept_and_its_users_are_named(client: Any, made: Any) -> None:
    code, message = await refuse(client.delete_gateway_secret(made.secret_id))
    assert code == "INVALID_STATE"
    assert "model definition 'mini'" in message
    assert "force" not in message
    (mini, _) = await client.list_gateway_model_definitions()
    assert mini.secret_id == made.secret_id


# --- model definitions --------------------------------------------------------------------


async def test_a_model_definition_from_creation_to_deletion(client: Any, made: Any) -> None:
    row = await client.create_gateway_model_definition(
        "nano", made.secret_id, "openai", "gpt-5-nano", created_by="somebody"
    )
    assert row.model_definition_id.startswith("d-")
    assert (row.name, row.provider, row.model_name) == ("nano", "openai", "gpt-5-nano")
    assert (row.secret_id, row.secret_name) == (made.secret_id, "prod")
    assert await client.get_gateway_model_definition(row.model_definition_id) == row
    changed = await client.update_gateway_model_definition(
        row.model_definition_id, model_name="gpt-5", updated_by="somebody"
    )
    assert (changed.name, changed.model_name) == ("nano", "gpt-5")
    listed = await client.list_gateway_model_definitions(secret_id=made.secret_id)
    assert [found.name for found in listed] == ["mini", "large", "nano"]
    assert await client.list_gateway_model_definitions(provider="gemini") == []
    await client.delete_gateway_model_definition(row.model_definition_id)
    code, _ = await refuse(client.get_gateway_model_definition(row.model_definition_id))
    assert code == "RESOURCE_DOES_NOT_EXIST"


async def test_what_is_wrong_with_a_model_definition(client: Any, made: Any) -> None:
    create, update = client.create_gateway_model_definition, client.update_gateway_model_definition
    code, _ = await refuse(create("mini", made.secret_id, "openai", "gpt-4o"))
    assert code == "RESOURCE_ALREADY_EXISTS"
    code, message = await refuse(create("x", NOTHING, "openai", "gpt-4o"))
    assert (code, "secret_id" in message) == ("RESOURCE_DOES_NOT_EXIST", True)
    code, _ = await refuse(create("x", made.secret_id, "anthropic", "claude"))
    assert code == "INVALID_PARAMETER_VALUE"
    code, _ = await refuse(update(made.mini, name="large"))
    assert code == "RESOURCE_ALREADY_EXISTS"
    code, _ = await refuse(update("d-nothing", name="large"))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, message = await refuse(client.delete_gateway_model_definition(made.mini))
    assert (code, "endpoint 'chat'" in message) == ("INVALID_STATE", True)


# --- endpoints ----------------------------------------------------------------------------


async def test_an_endpoint_from_creation_to_deletion(client: Any, made: Any) -> None:
    row = await client.create_gateway_endpoint(
        "split",
        [
            config(made.mini, weight=0.8),
            config(made.large, weight=0.2),
            config(made.large, FALLBACK, fallback_order=0),
        ],
        created_by="somebody",
        routing_strategy=RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT,
        fallback_config=FallbackConfig(FallbackStrategy.SEQUENTIAL, 1),
        experiment_id="7",
        usage_tracking=False,
    )
    assert row.endpoint_id.startswith("e-")
    assert (row.name, row.created_by, row.usage_tracking) == ("split", "admin", False)
    assert row.routing_strategy is RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT
    assert row.fallback_config == FallbackConfig(FallbackStrategy.SEQUENTIAL, 1)
    assert (row.experiment_id, row.tags) == ("7", [])
    seen = [
        (found.model_definition.name, found.linkage_type, found.fallback_order)
        for found in row.model_mappings
    ]
    assert seen == [("mini", PRIMARY, None), ("large", PRIMARY, None), ("large", FALLBACK, 0)]
    assert [found.weight for found in row.model_mappings[:2]] == pytest.approx([0.8, 0.2])

    assert await client.get_gateway_endpoint(endpoint_id=row.endpoint_id) == row
    assert await client.get_gateway_endpoint(name="split") == row
    changed = await client.update_gateway_endpoint(
        row.endpoint_id, name="parts", usage_tracking=True, experiment_id="8", updated_by="me"
    )
    assert (changed.name, changed.usage_tracking, changed.experiment_id) == ("parts", True, "8")
    assert changed.model_mappings == row.model_mappings
    assert [found.name for found in await client.list_gateway_endpoints()] == ["chat", "parts"]
    assert await client.list_gateway_endpoints(provider="gemini") == []

    await client.delete_gateway_endpoint(row.endpoint_id)
    code, _ = await refuse(client.get_gateway_endpoint(name="parts"))
    assert code == "RESOURCE_DOES_NOT_EXIST"


async def test_what_is_wrong_with_an_endpoint(client: Any, made: Any) -> None:
    create = client.create_gateway_endpoint
    code, _ = await refuse(create("chat", [config(made.mini)]))
    assert code == "RESOURCE_ALREADY_EXISTS"
    code, _ = await refuse(create("a b", [config(made.mini)]))
    assert code == "INVALID_PARAMETER_VALUE"
    code, _ = await refuse(create("x", []))
    assert code == "INVALID_PARAMETER_VALUE"
    code, message = await refuse(create("x", [config(made.mini), config("d-nothing")]))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    assert "model_configs[1].model_definition_id" in message
    code, message = await refuse(create("x", [config(made.mini, weight=-1)]))
    assert (code, "model_configs[0].weight" in message) == ("INVALID_PARAMETER_VALUE", True)
    code, message = await refuse(create("x", [config(made.mini, FALLBACK)]))
    assert (code, "at least one PRIMARY" in message) == ("INVALID_PARAMETER_VALUE", True)
    code, _ = await refuse(client.update_gateway_endpoint("e-nothing", name="x"))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, _ = await refuse(client.get_gateway_endpoint())
    assert code == "INVALID_PARAMETER_VALUE"


async def test_replacing_the_models_alone_keeps_the_fallback(client: Any, made: Any) -> None:
    row = await client.create_gateway_endpoint(
        "split",
        [config(made.mini), config(made.large, FALLBACK)],
        fallback_config=FallbackConfig(FallbackStrategy.SEQUENTIAL, 1),
    )
    changed = await client.update_gateway_endpoint(
        row.endpoint_id, model_configs=[config(made.large), config(made.mini, FALLBACK)]
    )
    assert changed.fallback_config == FallbackConfig(FallbackStrategy.SEQUENTIAL, 1)
    changed = await client.update_gateway_endpoint(
        row.endpoint_id, fallback_config=FallbackConfig(FallbackStrategy.SEQUENTIAL)
    )
    assert changed.fallback_config == FallbackConfig(FallbackStrategy.SEQUENTIAL, None)
    assert [found.linkage_type for found in changed.model_mappings] == [PRIMARY, FALLBACK]


# --- models of an endpoint ----------------------------------------------------------------


async def test_an_attached_fallback_takes_effect(client: Any, server: Any, made: Any) -> None:
    before = await client.get_gateway_endpoint(endpoint_id=made.endpoint_id)
    assert before.fallback_config is None
    first = await client.attach_model_to_endpoint(made.endpoint_id, config(made.large, FALLBACK))
    second = await client.attach_model_to_endpoint(made.endpoint_id, config(made.mini, FALLBACK))
    assert (first.fallback_order, second.fallback_order) == (0, 1)
    assert first.mapping_id.startswith("m-")
    assert first.model_definition.name == "large"
    after = await client.get_gateway_endpoint(endpoint_id=made.endpoint_id)
    assert after.fallback_config == FallbackConfig(FallbackStrategy.SEQUENTIAL, None)
    assert len(after.model_mappings) == 3
    routed = await server.own("GET", f"/endpoints/{made.endpoint_id}/explain")
    order = [(row["model_definition_name"], row["linkage_type"]) for row in routed["order"]]
    assert order == [("mini", "PRIMARY"), ("large", "FALLBACK"), ("mini", "FALLBACK")]


async def test_a_model_is_attached_once_in_each_way(client: Any, made: Any) -> None:
    code, _ = await refuse(client.attach_model_to_endpoint(made.endpoint_id, config(made.mini)))
    assert code == "RESOURCE_ALREADY_EXISTS"
    code, _ = await refuse(client.attach_model_to_endpoint(made.endpoint_id, config("d-nothing")))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, _ = await refuse(client.attach_model_to_endpoint("e-nothing", config(made.mini)))
    assert code == "RESOURCE_DOES_NOT_EXIST"


async def test_a_model_is_detached_but_not_the_last(client: Any, made: Any) -> None:
    await client.attach_model_to_endpoint(made.endpoint_id, config(made.large))
    await client.detach_model_from_endpoint(made.endpoint_id, made.mini)
    code, message = await refuse(client.detach_model_from_endpoint(made.endpoint_id, made.large))
    assert (code, "last PRIMARY" in message) == ("INVALID_STATE", True)
    code, _ = await refuse(client.detach_model_from_endpoint(made.endpoint_id, made.mini))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, _ = await refuse(client.detach_model_from_endpoint("e-nothing", made.mini))
    assert code == "RESOURCE_DOES_NOT_EXIST"


async def test_what_is_attached_in_both_ways_is_not_detached_by_chance(
    client: Any, server: Any, made: Any
) -> None:
    for link in (PRIMARY, FALLBACK):
        await client.attach_model_to_endpoint(made.endpoint_id, config(made.large, link))
    code, message = await refuse(client.detach_model_from_endpoint(made.endpoint_id, made.large))
    assert (code, "linkage_type" in message) == ("INVALID_PARAMETER_VALUE", True)
    body = {"endpoint_id": made.endpoint_id, "model_definition_id": made.large}
    found = await server.ask("POST", "endpoints/models/detach", body | {"linkage_type": "PRIMARY"})
    assert (found.status, found.json) == (200, {})
    left = await client.get_gateway_endpoint(endpoint_id=made.endpoint_id)
    assert [row.linkage_type for row in left.model_mappings] == [PRIMARY, FALLBACK]


# --- bindings and tags --------------------------------------------------------------------


async def test_bindings(client: Any, made: Any) -> None:
    scorer = GatewayResourceType.SCORER
    row = await client.create_endpoint_binding(made.endpoint_id, scorer, "r1", created_by="me")
    assert (row.endpoint_id, row.resource_type, row.resource_id) == (
        made.endpoint_id,
        scorer,
        "r1",
    )
    assert (row.created_by, row.display_name) == ("admin", None)
    code, _ = await refuse(client.create_endpoint_binding(made.endpoint_id, scorer, "r1"))
    assert code == "RESOURCE_ALREADY_EXISTS"
    code, _ = await refuse(client.create_endpoint_binding("e-nothing", scorer, "r1"))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    await client.create_endpoint_binding(made.endpoint_id, scorer, "r2")
    assert len(await client.list_endpoint_bindings(endpoint_id=made.endpoint_id)) == 2
    assert await client.list_endpoint_bindings(resource_type=scorer, resource_id="r1") == [row]
    await client.delete_endpoint_binding(made.endpoint_id, "scorer", "r1")
    code, _ = await refuse(client.delete_endpoint_binding(made.endpoint_id, "scorer", "r1"))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    await client.delete_gateway_endpoint(made.endpoint_id)  # with the binding that is left
    assert await client.list_endpoint_bindings() == []


async def test_a_binding_that_mlflow_cannot_read_does_not_break_its_list(
    client: Any, server: Any, made: Any
) -> None:
    body = {"endpoint_id": made.endpoint_id, "resource_type": "job", "resource_id": "j1"}
    await server.own("PUT", "/bindings", body)
    assert await client.list_endpoint_bindings() == []
    found = await server.ask("GET", "endpoints/bindings/list?resource_type=job")
    assert [row["resource_id"] for row in found.json["bindings"]] == ["j1"]


async def test_tags(client: Any, made: Any) -> None:
    await client.set_gateway_endpoint_tag(made.endpoint_id, GatewayEndpointTag("team", "search"))
    await client.set_gateway_endpoint_tag(made.endpoint_id, GatewayEndpointTag("bare", None))
    row = await client.get_gateway_endpoint(endpoint_id=made.endpoint_id)
    assert {tag.key: tag.value for tag in row.tags} == {"team": "search", "bare": None}
    await client.delete_gateway_endpoint_tag(made.endpoint_id, "team")
    row = await client.get_gateway_endpoint(endpoint_id=made.endpoint_id)
    assert [tag.key for tag in row.tags] == ["bare"]
    code, _ = await refuse(client.delete_gateway_endpoint_tag(made.endpoint_id, "team"))
    assert code == "RESOURCE_DOES_NOT_EXIST"
    code, _ = await refuse(
        client.set_gateway_endpoint_tag("e-nothing", GatewayEndpointTag("a", "b"))
    )
    assert code == "RESOURCE_DOES_NOT_EXIST"


# --- what Lockgate does not have ----------------------------------------------------------


async def test_budgets_and_guardrails_are_refused_by_name(client: Any, made: Any) -> None:
    budget = {
        "budget_unit": BudgetUnit.USD,
        "budget_amount": 5.0,
        "duration": BudgetDuration(BudgetDurationUnit.DAYS, 1),
        "target_scope": BudgetTargetScope.GLOBAL,
        "budget_action": BudgetAction.REJECT,
    }
    stage, action = GuardrailStage.BEFORE, GuardrailAction.VALIDATION
    calls = [
        client.create_budget_policy(**budget),
        client.get_budget_policy("b"),
        client.update_budget_policy("b", budget_amount=6.0),
        client.delete_budget_policy("b"),
        client.list_budget_policies(),
        client.create_gateway_guardrail("g", "s", 1, stage, action),
        client.get_gateway_guardrail("g"),
        client.delete_gateway_guardrail("g"),
        client.list_gateway_guardrails(),
        client.add_guardrail_to_endpoint(made.endpoint_id, "g"),
        client.remove_guardrail_from_endpoint(made.endpoint_id, "g"),
        client.list_endpoint_guardrail_configs(made.endpoint_id),
        client.update_endpoint_guardrail_config(made.endpoint_id, "g", 1),
    ]
    for call in calls:
        code, message = await refuse(call)
        assert code == "NOT_IMPLEMENTED"
        assert "Lockgate has no" in message


async def test_what_is_not_of_the_gateway_is_refused_in_mlflows_shape(client: Any) -> None:
    code, message = await refuse(client.search_experiments())
    assert (code, "no such path" in message) == ("ENDPOINT_NOT_FOUND", True)


async def test_a_workspace_is_refused_with_mlflows_own_sentence(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-a")
    code, message = await refuse(client.list_secret_infos())
    assert code == "FEATURE_DISABLED"
    assert "does not support workspaces" in message


# --- authentication -----------------------------------------------------------------------


async def test_the_token_is_sent_as_a_password_or_as_a_bearer(
    make_client: Callable[..., Any],
) -> None:
    for creds in ({"token": ADMIN_TOKEN}, {"username": "anybody", "password": ADMIN_TOKEN}):
        assert await make_client(**creds).list_secret_infos() == []
    for creds in (
        {},
        {"token": "wrong"},
        {"username": "anybody", "password": "wrong"},
        {"username": ADMIN_TOKEN, "password": "x"},
    ):
        code, _ = await refuse(make_client(**creds).list_secret_infos())
        assert code == "UNAUTHENTICATED"


async def test_an_api_key_is_none_of_an_admin(make_client: Callable[..., Any], server: Any) -> None:
    key = (await server.own("POST", "/api-keys", {"name": "app"}))["value"]
    for creds in ({"token": key}, {"username": "app", "password": key}):
        code, _ = await refuse(make_client(**creds).list_secret_infos())
        assert code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "given",
    [
        "Basic",
        "Basic ???",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Digest x",
    ],
)
async def test_a_credential_that_is_none(server: Any, given: str) -> None:
    found = await server.ask("GET", "secrets/list", headers={"Authorization": given})
    assert found.error == (401, "UNAUTHENTICATED")
    # A browser that is asked for Basic keeps what is typed and sends it by itself.
    assert found.headers.getall("WWW-Authenticate") == ['Bearer realm="lockgate"']
