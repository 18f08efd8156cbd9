from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def secret(live: Cli) -> str:
    if live("secrets", "get", "mod-secret").exit_code:
        live.ok(
            *("secrets", "create", "mod-secret", "--provider", "openai", "--value-stdin"),
            stdin="canary-key-of-models",
        )
    return "mod-secret"


def test_the_provider_is_the_secrets_unless_said(live: Cli, secret: str) -> None:
    live.ok("models", "create", "mod-a", "--model", "gpt-4o-mini", "--secret", secret)
    found = live.json("models", "get", "mod-a")
    assert (found["provider"], found["model_name"]) == ("openai", "gpt-4o-mini")
    assert found["secret_name"] == secret


def test_another_provider_than_the_secrets_is_refused_with_its_field(
    live: Cli, secret: str
) -> None:
    result = live(
        *("models", "create", "mod-b", "--provider", "gemini", "--model", "x", "--secret", secret)
    )
    assert result.exit_code == 1
    assert "provider)" in result.stderr


def test_update_renames_and_changes_the_model(live: Cli, secret: str) -> None:
    live.ok("models", "create", "mod-c", "--model", "gpt-4o", "--secret", secret)
    live.ok("models", "update", "mod-c", "--name", "mod-d", "--model", "gpt-4.1")
    assert live.json("models", "get", "mod-d")["model_name"] == "gpt-4.1"
    assert live("models", "get", "mod-c").exit_code == 1


def test_the_listing_filters_by_the_secrets_name(live: Cli, secret: str) -> None:
    live.ok("models", "create", "mod-e", "--model", "gpt-4o", "--secret", secret)
    rows = live.json("models", "list", "--secret", secret)
    assert "mod-e" in [row["name"] for row in rows]
    assert {row["secret_name"] for row in rows} == {secret}


def test_an_unknown_secret_is_named(live: Cli) -> None:
    result = live("models", "create", "mod-f", "--model", "x", "--secret", "nowhere")
    assert (result.exit_code, result.stderr) == (1, "error: there is no secret 'nowhere'\n")


def test_delete_by_name(live: Cli, secret: str) -> None:
    live.ok("models", "create", "mod-g", "--model", "gpt-4o", "--secret", secret)
    assert live.ok("models", "delete", "mod-g") == "model definition mod-g deleted\n"
    assert live("models", "get", "mod-g").exit_code == 1
