"""What of an MLflow gateway becomes what, and that the rest is told with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.mlflow_document import Draft, LeftOut, build_draft
from gateway.secret import Secret
from gateway.store.mlflow_tables import (
    MlflowBinding,
    MlflowEndpoint,
    MlflowGateway,
    MlflowMapping,
    MlflowModel,
    MlflowSecret,
    read_gateway,
)
from tests.mlflow_database import MlflowDatabase, fill

VALUE = {"api_key": Secret("not-a-real-key-0123456789")}
GIVEN = {"api_key": {"value": VALUE["api_key"]}}


def secret(
    name: str = "s", provider: str | None = "openai", config: Mapping[str, Any] | None = None
) -> MlflowSecret:
    return MlflowSecret(f"s-{name}", name, b"", b"", 1, provider, config or {})


def model(
    name: str = "m", provider: str = "openai", secret_id: str | None = "s-s", of: str = "gpt"
) -> MlflowModel:
    return MlflowModel(f"d-{name}", name, secret_id, provider, of)


def primary(name: str = "m", weight: float = 1.0) -> MlflowMapping:
    return MlflowMapping(f"d-{name}", weight, is_fallback=False, fallback_order=None)


def fallback(name: str, order: int | None) -> MlflowMapping:
    return MlflowMapping(f"d-{name}", 1.0, is_fallback=True, fallback_order=order)


def endpoint(
    *mappings: MlflowMapping,
    name: str = "e",
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> MlflowEndpoint:
    return MlflowEndpoint(
        f"e-{name}", name, mappings or (primary(),), tags or {}, config, usage_tracking=True
    )


def build(
    *rows: MlflowSecret | MlflowModel | MlflowEndpoint | MlflowBinding,
    values: Mapping[str, Mapping[str, Secret] | None] | None = None,
    skipped: frozenset[str] = frozenset(),
    guardrails: tuple[str, ...] = (),
    budgets: tuple[str, ...] = (),
) -> Draft:
    secrets = tuple(row for row in rows if isinstance(row, MlflowSecret))
    gateway = MlflowGateway(
        secrets=secrets,
        models=tuple(row for row in rows if isinstance(row, MlflowModel)),
        endpoints=tuple(row for row in rows if isinstance(row, MlflowEndpoint)),
        bindings=tuple(row for row in rows if isinstance(row, MlflowBinding)),
        guardrails=guardrails,
        budgets=budgets,
        workspaces=("default",),
    )
    opened = {row.secret_id: VALUE for row in secrets} if values is None else values
    return build_draft(gateway, opened, skipped)


def reasons(draft: Draft) -> dict[str, str]:
    return {f"{item.kind} {item.name}": item.reason for item in draft.left_out}


def test_a_whole_gateway(tmp_path: Path) -> None:
    database = MlflowDatabase(tmp_path / "mlflow.db")
    fill(database)
    gateway = read_gateway(database.path, None)
    draft = build_draft(gateway, {row.secret_id: VALUE for row in gateway.secrets})
    assert draft.left_out == []
    assert draft.build() == {
        "lockgate": 1,
        "secrets": [
            {
                "secret_name": "openai-prod",
                "provider": "openai",
                "auth_config": {"organization": "org-1"},
                "secret_value": GIVEN,
            },
            {"secret_name": "claude", "provider": "anthropic", "secret_value": GIVEN},
            {
                "secret_name": "groq",
                "provider": "groq",
                "secret_value": GIVEN,
            },
        ],
        "model_definitions": [
            {
                "name": "mini",
                "provider": "openai",
                "model_name": "gpt-4o-mini",
                "secret_name": "openai-prod",
            },
            {
                "name": "sonnet",
                "provider": "anthropic",
                "model_name": "claude-sonnet-4-6",
                "secret_name": "claude",
            },
            {
                "name": "llama",
                "provider": "groq",
                "model_name": "llama-3.3-70b",
                "secret_name": "groq",
            },
        ],
        "endpoints": [
            {
                "name": "chat",
                "model_mappings": [
                    {"model_definition": "mini", "weight": 0.8},
                    {"model_definition": "llama", "weight": 0.2},
                    {
                        "model_definition": "sonnet",
                        "linkage_type": "FALLBACK",
                        "fallback_order": 0,
                    },
                ],
                "fallback_config": {"strategy": "SEQUENTIAL", "max_attempts": 1},
                "tags": {"team": "search"},
            },
            {
                "name": "quiet",
                "model_mappings": [{"model_definition": "mini"}],
                "usage_tracking": False,
            },
        ],
        "bindings": [
            {
                "endpoint": "chat",
                "resource_type": "scorer",
                "resource_id": "r1",
                "display_name": "Relevance",
            }
        ],
    }


# --- secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "config", "name", "settings"),
    [
        ("openai", {}, "openai", None),
        ("OpenAI", {"auth_mode": "api_key"}, "openai", None),
        (
            "openai",
            {"api_base": "https://llm.corp.example.com/v1"},
            "openai",
            {"api_base": "https://llm.corp.example.com/v1"},
        ),
        ("anthropic", {"api_base": None}, "anthropic", None),
        (
            "anthropic",
            {"api_base": "https://llm.corp.example.com/a/v1"},
            "anthropic",
            {"api_base": "https://llm.corp.example.com/a/v1"},
        ),
        ("gemini", {}, "gemini", None),
        ("mistral", {}, "mistral", None),
        ("xai", {}, "xai", None),
        ("together_ai", {}, "together", None),
        (
            "azure",
            {"api_base": "https://x.openai.azure.com", "api_version": "2024-10-21"},
            "azure",
            {"api_base": "https://x.openai.azure.com", "api_version": "2024-10-21"},
        ),
        ("bedrock", {"aws_region_name": "us-east-1"}, "bedrock", {"region": "us-east-1"}),
        (
            "databricks",
            {"api_base": "https://dbc.cloud.databricks.com/"},
            "databricks",
            {"api_base": "https://dbc.cloud.databricks.com/serving-endpoints"},
        ),
        (
            "groq",
            {"api_base": "https://groq.corp.example.com/v1"},
            "groq",
            {"api_base": "https://groq.corp.example.com/v1"},
        ),
    ],
)
def test_providers_and_settings_are_mapped(
    provider: str, config: Mapping[str, Any], name: str, settings: object
) -> None:
    draft = build(secret(provider=provider, config=config))
    (entry,) = draft.secrets
    assert (entry["provider"], entry.get("auth_config")) == (name, settings)
    assert draft.left_out == []


@pytest.mark.parametrize(
    ("provider", "config", "told"),
    [
        ("bedrock", {"auth_mode": "access_keys"}, "auth_config.region is required"),
        ("bedrock", {"auth_mode": "iam_role"}, "no auth_mode 'iam_role'"),
        ("bedrock", {"aws_role_name": "arn:aws:iam::1:role/x"}, "no other role of AWS"),
        ("azure", {}, "auth_config.api_base is required"),
        ("vertex_ai", {}, "auth_config.project is required"),
        ("databricks", {}, "auth_config.api_base is required"),
        ("sagemaker", {}, "no provider 'sagemaker'"),
        ("openai", {"auth_mode": "oauth"}, "no auth_mode 'oauth'"),
        ("openai", {"api_type": "azure"}, "the provider azure"),
        ("openai", {"api_base": "nonsense"}, "auth_config.api_base must"),
        ("anthropic", {"api_base": "https://llm.corp.example.com/a"}, "does not end with /v1"),
        (None, {}, "of no provider"),
    ],
)
def test_a_secret_that_cannot_be_used_here_is_told(
    provider: str | None, config: Mapping[str, Any], told: str
) -> None:
    draft = build(secret(provider=provider, config=config))
    assert draft.secrets == []
    assert told in reasons(draft)["secret s"]


@pytest.mark.parametrize(
    ("provider", "config", "value", "settings", "fields"),
    [
        (
            "bedrock",
            {"auth_mode": "access_keys", "aws_region_name": "eu-west-1"},
            {"aws_access_key_id": Secret("a"), "aws_secret_access_key": Secret("b")},
            {"auth_mode": "access_keys", "region": "eu-west-1"},
            {"access_key_id", "secret_access_key"},
        ),
        (
            "vertex_ai",
            {"vertex_project": "proj-1", "vertex_location": "europe-west4"},
            {"vertex_credentials": Secret("{}")},
            {"project": "proj-1", "location": "europe-west4"},
            {"service_account"},
        ),
        (
            "vertex_ai",
            {"auth_mode": "default_chain", "vertex_project": "proj-1"},
            None,
            {"auth_mode": "default_chain", "project": "proj-1"},
            set(),
        ),
    ],
)
def test_ways_of_authentication_move_with_their_fields(
    provider: str,
    config: Mapping[str, Any],
    value: Mapping[str, Secret] | None,
    settings: Mapping[str, str],
    fields: set[str],
) -> None:
    draft = build(secret(provider=provider, config=config), values={"s-s": value})
    (entry,) = draft.secrets
    assert entry["auth_config"] == settings
    assert set(entry["secret_value"]) == fields


def test_a_credential_goes_only_where_mlflow_sent_it() -> None:
    draft = build(secret(provider="gemini", config={"api_base": "https://elsewhere.example.com"}))
    assert "auth_config" not in draft.secrets[0]
    assert reasons(draft) == {"setting s: api_base": "Lockgate has no such setting"}


def test_settings_without_a_counterpart_are_told() -> None:
    draft = build(
        secret(provider="anthropic", config={"version": "2023-06-01", "organization": "o"})
    )
    assert set(reasons(draft)) == {"setting s: version", "setting s: organization"}


@pytest.mark.parametrize(
    "value",
    [None, {}, {"aws_access_key_id": Secret("x")}, {"api_key": Secret("x"), "more": Secret("y")}],
)
def test_a_value_of_other_fields_is_told(value: Mapping[str, Secret] | None) -> None:
    draft = build(secret(), values={"s-s": value})
    assert draft.secrets == []
    assert "its value has" in reasons(draft)["secret s"]


def test_a_secret_without_a_provider_takes_the_one_it_is_used_for() -> None:
    assert build(secret(provider=None), model(provider="groq")).secrets[0]["provider"] == "groq"
    draft = build(secret(provider=None), model("a", "groq"), model("b", "openai"))
    assert "used for several" in reasons(draft)["secret s"]


# --- what hangs on what ------------------------------------------------------------------------


def test_what_hangs_on_a_lost_secret_is_told_to_the_last_binding() -> None:
    draft = build(
        secret(provider="sagemaker"),
        model(provider="sagemaker"),
        endpoint(tags={"team": "x"}),
        MlflowBinding("e-e", "scorer", "r1", None),
    )
    assert reasons(draft) == {
        "secret s": "Lockgate has no provider 'sagemaker'",
        "model_definition m": "its secret 's' does not move",
        "mapping e: m": "its model definition does not move",
        "endpoint e": "no PRIMARY with a weight above 0 is left",
        "tag e: team": "its endpoint does not move",
        "binding e: scorer r1": "its endpoint does not move",
    }
    assert draft.build() == {
        "lockgate": 1,
        "secrets": [],
        "model_definitions": [],
        "endpoints": [],
        "bindings": [],
    }


def test_a_skipped_secret_takes_what_needs_it_along() -> None:
    draft = build(secret(), model(), endpoint(), skipped=frozenset({"s"}))
    assert draft.endpoints == []
    assert reasons(draft)["secret s"] == "left out with --skip"


def test_an_endpoint_moves_without_a_lost_fallback() -> None:
    draft = build(
        secret(), model(), model("x", "openai", None), endpoint(primary(), fallback("x", 0))
    )
    assert draft.endpoints == [{"name": "e", "model_mappings": [{"model_definition": "m"}]}]
    assert reasons(draft) == {
        "model_definition x": "its secret was deleted in MLflow",
        "mapping e: x": "its model definition does not move",
    }


def test_a_model_of_another_provider_than_its_secret_is_told() -> None:
    draft = build(secret(), model(provider="anthropic"))
    assert reasons(draft) == {"model_definition m": "it is of anthropic, its secret 's' of openai"}


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan"), 0.0])
def test_a_weight_that_carries_no_traffic_makes_no_primary(weight: float) -> None:
    draft = build(secret(), model(), endpoint(primary(weight=weight)))
    assert "endpoint e" in reasons(draft)


def test_guardrails_and_budgets_are_told() -> None:
    draft = build(guardrails=("no-pii",), budgets=("100 USD GLOBAL",))
    assert [item.kind for item in draft.left_out] == ["guardrail", "budget"]
    assert isinstance(draft.left_out[0], LeftOut)


# --- fallbacks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, {"strategy": "SEQUENTIAL", "max_attempts": 0}),  # MLflow never goes on then
        ({"strategy": None, "max_attempts": None}, {"strategy": "SEQUENTIAL"}),
        ({"strategy": "SEQUENTIAL", "max_attempts": 0}, {"strategy": "SEQUENTIAL"}),
        ({"max_attempts": 2}, {"strategy": "SEQUENTIAL", "max_attempts": 2}),
        ({"max_attempts": 10**9}, {"strategy": "SEQUENTIAL"}),
        ({"max_attempts": "x"}, {"strategy": "SEQUENTIAL"}),
    ],
)
def test_as_many_fallbacks_are_tried_as_in_mlflow(
    config: Mapping[str, Any] | None, expected: Mapping[str, Any]
) -> None:
    rows = (secret(), model(), model("f"))
    draft = build(*rows, endpoint(primary(), fallback("f", 0), config=config))
    assert draft.endpoints[0]["fallback_config"] == expected


def test_orders_keep_their_sequence_without_gaps() -> None:
    names = ["a", "b", "c", "d"]
    orders = [7, None, 7, 2]
    rows = [model(name) for name in names]
    mappings = [fallback(name, order) for name, order in zip(names, orders, strict=True)]
    draft = build(secret(), model(), *rows, endpoint(primary(), *mappings))
    found = [
        (entry["model_definition"], entry["fallback_order"])
        for entry in draft.endpoints[0]["model_mappings"][1:]
    ]
    assert found == [("d", 0), ("a", 1), ("c", 2), ("b", 3)]


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a" * 256, "a\x00"])
def test_a_name_that_cannot_be_one_here_is_told(name: str) -> None:
    draft = build(
        secret(name),
        model(name),
        model(of=name),
        endpoint(name=name),
        secret(),
        MlflowBinding(f"e-{name}", "scorer", name, None),
    )
    kinds = [item.kind for item in draft.left_out]
    assert kinds == ["secret", "model_definition", "model_definition", "endpoint", "binding"]
    assert "cannot be one here" in draft.left_out[0].reason


@pytest.mark.parametrize("name", ["my chat", "a/b", "\u00fc", "a:b"])
def test_an_endpoints_name_has_fewer_characters(name: str) -> None:
    draft = build(secret(), model(), endpoint(name=name))
    assert "rename it in MLflow" in reasons(draft)[f"endpoint {name}"]


def test_tags_that_cannot_be_here_are_told_one_by_one() -> None:
    tags = {"team": "x", " blank": "x", "long": "x" * 5_001, "nul": "\x00"}
    draft = build(secret(), model(), endpoint(tags=tags))
    assert draft.endpoints[0]["tags"] == {"team": "x"}
    assert set(reasons(draft)) == {"tag e:  blank", "tag e: long", "tag e: nul"}


def test_more_tags_than_may_be_are_told() -> None:
    draft = build(secret(), model(), endpoint(tags={f"t{n}": "" for n in range(102)}))
    assert len(draft.endpoints[0]["tags"]) == 100
    assert len(draft.left_out) == 2
