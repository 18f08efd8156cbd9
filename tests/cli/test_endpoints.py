from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = ("end-mini", "end-big", "end-cheap")


@pytest.fixture
def models(live: Cli) -> tuple[str, ...]:
    if live("secrets", "get", "end-secret").exit_code:
        live.ok(
            *("secrets", "create", "end-secret", "--provider", "openai", "--value-stdin"),
            stdin="canary-key-of-endpoints",
        )
        for name in MODELS:
            live.ok("models", "create", name, "--model", f"gpt-{name}", "--secret", "end-secret")
    return MODELS


def shape(endpoint: dict[str, Any]) -> list[tuple[str, str, float]]:
    return [
        (row["linkage_type"], row["model_definition"]["name"], row["share"])
        for row in endpoint["model_mappings"]
    ]


def test_create_with_weights_fallback_and_tags(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-a", "--model", "end-mini=80", "--model", "end-big=20"),
        *("--fallback", "end-cheap", "--max-fallbacks", "1", "--tag", "team=search"),
        *("--limits", "total_timeout_ms=30000", "--no-usage-tracking"),
    )
    found = live.json("endpoints", "get", "end-a")
    assert shape(found) == [
        ("PRIMARY", "end-mini", 0.8),
        ("PRIMARY", "end-big", 0.2),
        ("FALLBACK", "end-cheap", 0.0),
    ]
    assert found["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 1}
    assert found["tags"] == {"team": "search"}
    assert found["limits"]["total_timeout_ms"] == 30_000
    assert found["usage_tracking"] is False


def test_tables_show_the_shares(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-b", "--model", "end-mini=7", "--model", "end-big=1"),
        *("--fallback", "end-cheap"),
    )
    listed = live.ok("endpoints", "list", "--q", "END-B")
    assert "end-mini 87.5%, end-big 12.5%  end-cheap" in listed
    shown = live.ok("endpoints", "get", "end-b")
    assert "end-mini (openai, gpt-end-mini) weight 7 share 87.5%" in shown
    assert "end-cheap (openai, gpt-end-cheap) order 0" in shown


def test_weights_change_and_fallbacks_stay(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-c", "--model", "end-mini=80", "--model", "end-big=20"),
        *("--fallback", "end-cheap", "--fallback", "end-mini"),
    )
    live.ok("endpoints", "update", "end-c", "--model", "end-mini=1", "--model", "end-big=3")
    assert shape(live.json("endpoints", "get", "end-c")) == [
        ("PRIMARY", "end-mini", 0.25),
        ("PRIMARY", "end-big", 0.75),
        ("FALLBACK", "end-cheap", 0.0),
        ("FALLBACK", "end-mini", 0.0),
    ]


def test_fallbacks_change_and_go_and_weights_stay(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-d", "--model", "end-mini=4", "--model", "end-big=1"),
        *("--fallback", "end-cheap"),
    )
    live.ok("endpoints", "update", "end-d", "--fallback", "end-big")
    assert shape(live.json("endpoints", "get", "end-d"))[2:] == [("FALLBACK", "end-big", 0.0)]
    live.ok("endpoints", "update", "end-d", "--no-fallbacks")
    assert shape(live.json("endpoints", "get", "end-d")) == [
        ("PRIMARY", "end-mini", 0.8),
        ("PRIMARY", "end-big", 0.2),
    ]


def test_single_tags_and_limits_change(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-e", "--model", "end-mini", "--tag", "a=1", "--tag", "b=2"),
        *("--limits", "connect_timeout_ms=100", "--limits", "idle_timeout_ms=200"),
    )
    live.ok(
        *("endpoints", "update", "end-e", "--tag", "c=3", "--untag", "a"),
        *("--limits", "connect_timeout_ms=default", "--name", "end-e2"),
    )
    found = live.json("endpoints", "get", "end-e2")
    assert found["tags"] == {"b": "2", "c": "3"}
    assert found["limits"]["connect_timeout_ms"] is None
    assert found["limits"]["idle_timeout_ms"] == 200


def test_a_change_in_between_is_not_overwritten(live: Cli, models: tuple[str, ...]) -> None:
    live.ok("endpoints", "create", "end-f", "--model", "end-mini")
    etag = live.ok("endpoints", "get", "end-f", "--etag").strip()
    live.ok("endpoints", "update", "end-f", "--tag", "by=another")
    stale = live("endpoints", "update", "end-f", "--tag", "by=me", "--if-match", etag)
    assert stale.exit_code == 1
    assert live.json("endpoints", "get", "end-f")["tags"] == {"by": "another"}


def test_what_cannot_run_is_refused_with_its_field(live: Cli, models: tuple[str, ...]) -> None:
    result = live("endpoints", "create", "end-g", "--model", "end-mini=0")
    assert result.exit_code == 1
    assert "model_mappings" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--model", "end-mini=-1"],
        ["--model", "end-mini", "--max-fallbacks", "some"],
        ["--model", "end-mini", "--limits", "total_timeout_ms=x"],
        ["--model", "end-mini", "--tag", "x"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(ask: Cli, args: list[str]) -> None:
    assert ask("endpoints", "create", "chat", *args).exit_code == 2


def test_a_bound_endpoint_goes_with_force_alone(live: Cli, models: tuple[str, ...]) -> None:
    live.ok("endpoints", "create", "end-h", "--model", "end-mini")
    live.ok("bindings", "create", "end-h", "scorer", "r1")
    assert "in_use" in live("endpoints", "delete", "end-h").stderr
    live.ok("endpoints", "delete", "end-h", "--force")
    assert live("endpoints", "get", "end-h").exit_code == 1


def test_opting_in_to_more_fallbacks_and_hedging(live: Cli, models: tuple[str, ...]) -> None:
    live.ok(
        *("endpoints", "create", "end-r", "--model", "end-mini"),
        *("--hedge", "--fallback-on", "content_policy"),
    )
    found = live.json("endpoints", "get", "end-r")
    assert found["resilience"] == {"fallback_on": ["content_policy"], "hedge": True}
    live.ok("endpoints", "update", "end-r", "--no-hedge")
    live.ok("endpoints", "update", "end-r", "--fallback-on", "context_window_exceeded")
    found = live.json("endpoints", "get", "end-r")
    assert found["resilience"] == {"fallback_on": ["context_window_exceeded"], "hedge": False}
    live.ok("endpoints", "update", "end-r", "--fallback-on", "none")
    assert live.json("endpoints", "get", "end-r")["resilience"]["fallback_on"] == []
