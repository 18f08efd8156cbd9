from __future__ import annotations

import time

from tests.cli.conftest import Cli


def test_the_value_is_alone_on_stdout_and_shown_only_now(live: Cli) -> None:
    result = live("keys", "create", "key-a")
    assert result.exit_code == 0, result.stderr
    value = result.stdout.strip()
    assert value.startswith("lg-")
    assert "\n" not in value
    assert "shown only now" in result.stderr
    later = live.ok("keys", "get", "key-a") + live.ok("keys", "list")
    assert value not in later


def test_json_holds_the_value_too(live: Cli) -> None:
    made = live.json("keys", "create", "key-b", "--allow", "chat*", "--allow", "embed")
    assert made["value"].startswith("lg-")
    assert made["allowed_endpoints"] == ["chat*", "embed"]


def test_a_key_ends_when_it_is_told_to(live: Cli) -> None:
    before = time.time_ns() // 1_000_000
    made = live.json("keys", "create", "key-c", "--expires", "30d")
    assert 0 <= made["expires_at"] - before - 30 * 86_400_000 < 60_000
    live.ok("keys", "update", "key-c", "--never-expires")
    assert live.json("keys", "get", "key-c")["expires_at"] is None
    live.ok("keys", "update", "key-c", "--expires", "2099-01-01")
    assert "2099-01-01T00:00:00Z" in live.ok("keys", "get", "key-c")


def test_a_key_is_disabled_and_enabled(live: Cli) -> None:
    live.ok("keys", "create", "key-d")
    live.ok("keys", "update", "key-d", "--disable")
    row = next(line for line in live.ok("keys", "list").splitlines() if line.startswith("key-d "))
    assert " disabled " in row
    live.ok("keys", "update", "key-d", "--enable", "--name", "key-d2", "--allow", "x*")
    found = live.json("keys", "get", "key-d2")
    assert (found["disabled"], found["allowed_endpoints"]) == (False, ["x*"])


def test_a_key_is_deleted_and_force_means_nothing(live: Cli) -> None:
    live.ok("keys", "create", "key-e")
    assert live("keys", "delete", "key-e", "--force").exit_code == 2
    live.ok("keys", "delete", "key-e")
    assert live("keys", "get", "key-e").exit_code == 1


def test_wrong_usage(live: Cli, ask: Cli) -> None:
    assert ask("keys", "create", "app", "--expires", "soon").exit_code == 2
    assert ask("keys", "update", "app", "--expires", "1d", "--never-expires").exit_code == 2
