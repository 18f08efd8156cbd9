from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def endpoint(live: Cli) -> str:
    if live("endpoints", "get", "bin-chat").exit_code:
        live.ok(
            *("secrets", "create", "bin-secret", "--provider", "openai", "--value-stdin"),
            stdin="canary-key-of-bindings",
        )
        live.ok("models", "create", "bin-model", "--model", "gpt-4o", "--secret", "bin-secret")
        live.ok("endpoints", "create", "bin-chat", "--model", "bin-model")
    return "bin-chat"


def test_a_binding_is_made_shown_changed_and_removed(live: Cli, endpoint: str) -> None:
    key = (endpoint, "scorer", "r1")
    assert live.ok("bindings", "create", *key) == "scorer r1 bound: bin-chat\n"
    live.ok("bindings", "update", *key, "--display-name", "Toxicity")
    assert live.json("bindings", "get", *key)["display_name"] == "Toxicity"
    assert "Toxicity" in live.ok("bindings", "list", "--endpoint", endpoint)
    live.ok("bindings", "update", *key, "--display-name", "")
    assert live.json("bindings", "get", *key)["display_name"] is None
    assert live.ok("bindings", "delete", *key) == "scorer r1 unbound from bin-chat\n"
    assert live("bindings", "get", *key).exit_code == 1


def test_what_is_bound_is_not_bound_again(live: Cli, endpoint: str) -> None:
    key = (endpoint, "scorer", "twice/with slash")
    live.ok("bindings", "create", *key, "--display-name", "first")
    again = live("bindings", "create", *key, "--display-name", "second")
    assert again.exit_code == 1
    assert "already" in again.stderr
    assert live.json("bindings", "get", *key)["display_name"] == "first"


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_what_is_not_bound_is_one_line(live: Cli, endpoint: str, verb: str) -> None:
    result = live("bindings", verb, endpoint, "scorer", "nothing")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_an_update_makes_no_binding(live: Cli, endpoint: str) -> None:
    result = live("bindings", "update", endpoint, "scorer", "absent", "--display-name", "x")
    assert result.exit_code == 1
    assert live.json("bindings", "list", "--resource-id", "absent") == []


def test_the_listing_filters_by_resource(live: Cli, endpoint: str) -> None:
    live.ok("bindings", "create", endpoint, "job", "r7")
    rows = live.json("bindings", "list", "--resource-type", "job", "--resource-id", "r7")
    assert [(row["resource_type"], row["resource_id"]) for row in rows] == [("job", "r7")]
