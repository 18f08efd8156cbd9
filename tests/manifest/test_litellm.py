"""LiteLLM's configurations: what each becomes, and that nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ManifestError
from gateway.manifest import parse_manifest, parse_yaml
from gateway.manifest.draft import Draft
from gateway.manifest.dump import dump_yaml
from gateway.manifest.litellm import import_litellm

EXAMPLES = Path(__file__).parent / "litellm"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


def load(name: str, **environ: str) -> Draft:
    raw = (EXAMPLES / name).read_bytes()
    return import_litellm(parse_yaml(raw, name), name, environ)


def parse(text: str) -> Draft:
    return import_litellm(parse_yaml(text.encode(), "c.yaml"), "c.yaml", {})


def show(draft: Draft) -> dict[str, list[tuple[Any, ...]]]:
    """Return the mappings of each endpoint as (definition, weight) or (definition, "FALLBACK")."""
    return {
        endpoint["name"]: [
            (
                mapping["model_definition"],
                mapping.get("linkage_type") or mapping.get("weight", 1),
            )
            for mapping in endpoint["model_mappings"]
        ]
        for endpoint in draft.build()["endpoints"]
    }


def notes(draft: Draft) -> dict[str, tuple[int, str]]:
    return {note.path: (note.line, note.message) for note in draft.notes}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mapped_is_a_file_that_can_be_read(name: str) -> None:
    text = dump_yaml(load(name).build())
    parse_manifest(text.encode(), name)
    assert "must-not-be-repeated" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_note_repeats_a_value_and_each_has_its_line(name: str) -> None:
    for note in load(name).notes:
        assert note.line > 0
        assert "must-not-be-repeated" not in note.dump(name)


def test_models_become_endpoints_with_their_vendors_and_variables() -> None:
    draft = load("quickstart.yaml")
    document = draft.build()
    assert draft.notes == []
    assert [
        (row["secret_name"], row["provider"], row["secret_value"]["api_key"]["env"])
        for row in document["secrets"]
    ] == [
        ("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
        ("gemini", "gemini", "GEMINI_API_KEY"),
        ("openai", "openai", "OPENAI_API_KEY"),
    ]
    assert show(draft) == {
        "claude": [("claude-sonnet-4-5", 1)],
        "flash": [("gemini-2.5-flash", 1)],
        "gpt-4o": [("gpt-4o", 1)],
    }


def test_entries_of_one_name_share_the_traffic_by_weight() -> None:
    draft = load("balance_weight.yaml")
    assert show(draft) == {"chat": [("gpt-4o", 9), ("claude-sonnet-4-5", 1)]}
    assert draft.notes == []


def test_limits_become_weights_and_azure_keeps_its_api_version() -> None:
    draft = load("balance_rpm.yaml")
    assert show(draft) == {"chat": [("chat-eu", 600), ("chat-us", 1800)]}
    assert [(row["provider"], row["auth_config"]) for row in draft.build()["secrets"]] == [
        (
            "azure",
            {"api_base": "https://eu.example.openai.azure.com", "api_version": "2024-10-21"},
        ),
        ("azure", {"api_base": "https://us.example.openai.azure.com"}),
    ]
    assert set(notes(draft)) == {
        "model_list[0].litellm_params.rpm",
        "model_list[1].litellm_params.rpm",
        "router_settings.routing_strategy",
    }


def test_fallbacks_of_three_kinds() -> None:
    draft = load("fallbacks.yaml")
    assert show(draft) == {
        "large": [("gpt-4o", 1), ("claude-sonnet-4-5", "FALLBACK")],
        "other": [("claude-sonnet-4-5", 1), ("gpt-4o", "FALLBACK")],
        "small": [
            ("gpt-4o-mini", 1),
            ("gpt-4o", "FALLBACK"),
            ("claude-sonnet-4-5", "FALLBACK"),
        ],
    }
    document = draft.build()
    assert [row.get("resilience") for row in document["endpoints"]] == [
        None,
        {"fallback_on": ["content_policy"]},
        {"fallback_on": ["context_window_exceeded"]},
    ]
    assert {row["limits"]["total_timeout_ms"] for row in document["endpoints"]} == {30_000}
    assert document["settings"] == {"max_attempts": 3}


def test_default_fallbacks_are_for_those_without_their_own() -> None:
    assert show(load("default_fallbacks.yaml")) == {
        "a": [("gpt-4o-mini", 1), ("gpt-4o", "FALLBACK")],
        "b": [("gpt-4o", 1), ("llama-3.3-70b-versatile", "FALLBACK")],
        "last": [("llama-3.3-70b-versatile", 1)],
    }


def test_what_is_said_twice_is_the_routers() -> None:
    draft = parse(
        "model_list:\n- {model_name: a, litellm_params: {model: openai/gpt-4o}}\n"
        "litellm_settings: {request_timeout: 600, num_retries: 4, default_fallbacks: [none]}\n"
        "router_settings: {timeout: 30, num_retries: 1}\n"
    )
    document = draft.build()
    assert document["endpoints"][0]["limits"] == {"total_timeout_ms": 30_000}
    assert document["settings"] == {"max_attempts": 2}
    found = notes(draft)
    assert found["litellm_settings.request_timeout"][1].endswith("router_settings.timeout counts")
    assert found["litellm_settings.num_retries"][0] == 3
    assert "a group that is not mapped" in found["litellm_settings.default_fallbacks[0]"][1]


def test_aliases_are_endpoints_of_the_same_models() -> None:
    draft = load("aliases.yaml")
    assert show(draft) == {key: [("gpt-4o", 1)] for key in ("best", "gpt-4o", "hidden-one")}
    assert notes(draft)["router_settings.model_group_alias.lost"][0] == 8


def test_a_shared_credential_is_one_secret() -> None:
    draft = load("credentials.yaml")
    (secret,) = draft.build()["secrets"]
    assert secret == {
        "secret_name": "openai_eu",
        "provider": "openai_compatible",
        "auth_config": {"api_base": "https://eu.api.openai.example/v1"},
        "secret_value": {"api_key": {"env": "OPENAI_EU_KEY"}},
    }
    assert set(notes(draft)) == {
        "model_list[2] (nobody)",
        "credential_list[0].credential_info.description",
    }


def test_a_wildcard_is_not_mapped_and_a_name_that_cannot_be_is_changed() -> None:
    draft = load("wildcard.yaml")
    assert show(draft) == {"openai-gpt-4o": [("gpt-4o", 1)]}
    assert set(notes(draft)) == {
        "model_list[0] (openai/*)",
        "model_list[1] (*)",
        "model_list[2].model_name",
    }


def test_a_key_in_clear_becomes_a_variable() -> None:
    draft = load("literal_key.yaml")
    (secret,) = draft.build()["secrets"]
    assert secret["secret_value"] == {"api_key": {"env": "OPENAI_API_KEY"}}
    found = notes(draft)
    assert found["model_list[0].litellm_params.api_key"][0] == 5
    assert "LOCKGATE_ADMIN_TOKEN" in found["general_settings.master_key"][1]


def test_servers_of_ones_own_and_a_base_url_in_a_variable() -> None:
    without = load("self_hosted.yaml")
    assert set(show(without)) == {"llama", "vllm"}
    assert "VLLM_BASE" in notes(without)["model_list[2] (hosted)"][1]
    document = load("self_hosted.yaml", VLLM_BASE="https://vllm.example/v1").build()
    bases = {row["auth_config"]["api_base"] for row in document["secrets"]}
    assert bases == {
        "http://0.0.0.0:4000/v1",
        "http://localhost:11434",
        "https://vllm.example/v1",
    }


def test_vendors_with_a_known_base_url_and_those_without() -> None:
    draft = load("vendors.yaml")
    assert set(show(draft)) == {"deepseek", "mistral", "bedrock", "vertex"}
    assert notes(draft) == {}
    assert {
        row["provider"]: (row.get("auth_config"), row.get("secret_value"))
        for row in draft.build()["secrets"]
    } == {
        "deepseek": (None, {"api_key": {"env": "DEEPSEEK_API_KEY"}}),
        "mistral": (None, {"api_key": {"env": "MISTRAL_API_KEY"}}),
        "bedrock": ({"auth_mode": "default_chain", "region": "us-east-1"}, None),
        "vertex": (
            {"auth_mode": "default_chain", "project": "proj-1", "location": "europe-west4"},
            None,
        ),
    }


def test_credentials_of_clouds_move_with_their_fields() -> None:
    draft = load("clouds.yaml")
    assert {row["secret_name"]: row for row in draft.build()["secrets"]} == {
        "bedrock": {
            "secret_name": "bedrock",
            "provider": "bedrock",
            "auth_config": {"auth_mode": "access_keys", "region": "eu-west-1"},
            "secret_value": {
                "access_key_id": {"env": "AWS_KEY_ID"},
                "secret_access_key": {"env": "AWS_SECRET"},
            },
        },
        "vertex_ai": {
            "secret_name": "vertex_ai",
            "provider": "vertex",
            "auth_config": {"project": "proj-1", "location": "us-central1"},
            "secret_value": {"service_account": {"file": "/etc/keys/vertex.json"}},
        },
        "one.openai.azure.com": {
            "secret_name": "one.openai.azure.com",
            "provider": "azure",
            "auth_config": {
                "api_base": "https://one.openai.azure.com",
                "auth_mode": "entra",
                "tenant_id": "tenant-1",
                "client_id": "client-1",
            },
            "secret_value": {"client_secret": {"env": "AZURE_SECRET"}},
        },
    }
    assert {row["model_name"] for row in draft.build()["model_definitions"]} == {
        "anthropic.claude-sonnet-4",
        "gemini-2.5-pro",
        "chat",
    }
    assert set(notes(draft)) == {"model_list[3] (nowhere)"}


def test_an_order_is_a_chain_of_fallbacks_and_every_other_key_is_told() -> None:
    draft = load("order_and_limits.yaml")
    assert show(draft) == {"chat": [("gpt-4o", 1), ("gpt-4o-mini", "FALLBACK")]}
    assert draft.build()["endpoints"][0]["limits"] == {"total_timeout_ms": 20_000}
    assert set(notes(draft)) == {
        "model_list[0].litellm_params.max_tokens",
        "model_list[0].litellm_params.temperature",
        "model_list[0].model_info",
        "litellm_settings.drop_params",
        "litellm_settings.cache",
        "litellm_settings.success_callback",
        "router_settings.redis_host",
        "router_settings.cooldown_time",
        "general_settings.database_url",
        "guardrails",
    }


@pytest.mark.parametrize("text", ["a: 1", "[]", "", "text"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "model_list: 3",
        "model_list: [3, {}, {model_name: 1}, {model_name: a, litellm_params: 1}]",
        "model_list: [{model_name: a, litellm_params: {model: [x]}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/, api_key: 1}}]",
        "model_list: [{model_name: a, litellm_params: {model: openai/x, api_base: 'ftp:/x'}}]",
        "model_list: [{model_name: a, litellm_params: {model: azure/x, api_base: no-url}}]",
        "model_list: []\nrouter_settings: {fallbacks: 3, timeout: x, num_retries: -1}",
        "model_list: []\nlitellm_settings: {fallbacks: [3, {a: 1}], default_fallbacks: [3]}",
        "model_list: []\nrouter_settings: {model_group_alias: {a: 3, b: {model: 1}}}",
        "model_list: []\ncredential_list: [3, {credential_name: 1}]",
    ],
)
def test_rubbish_maps_to_nothing_and_is_told(text: str) -> None:
    draft = parse(text)
    assert draft.build()["endpoints"] == []
    assert draft.notes


def test_a_base_url_may_stand_among_the_variables_of_the_file() -> None:
    draft = parse(
        "environment_variables: {BASE: 'https://one.example/v1'}\n"
        "model_list:\n"
        "- model_name: a\n"
        "  litellm_params: {model: openai/x, api_base: os.environ/BASE}\n"
    )
    (secret,) = draft.build()["secrets"]
    assert secret["auth_config"] == {"api_base": "https://one.example/v1"}


def test_two_keys_of_one_model_are_two_secrets() -> None:
    entry = "- {{model_name: a, litellm_params: {{model: openai/x, api_key: os.environ/{}}}}}\n"
    draft = parse("model_list:\n" + entry.format("ONE_KEY") + entry.format("TWO_KEY") * 2)
    assert show(draft) == {"a": [("x", 1), ("x-2", 2)]}
