from __future__ import annotations

import time
from pathlib import Path

from tests.cli.conftest import Cli


def test_the_value_is_alone_on_stdout_and_shown_only_now(live: Cli) -> None:
    result = live("tokens", "create", "token-a", "--role", "viewer")
    assert result.exit_code == 0, result.stderr
    value = result.stdout.strip()
    assert value.startswith("lgadm-")
    assert "\n" not in value
    assert "shown only now" in result.stderr
    assert value not in live.ok("tokens", "get", "token-a") + live.ok("tokens", "list")
    assert live("endpoints", "list", LOCKGATE_ADMIN_TOKEN=value).exit_code == 0
    refused = live("keys", "create", "no", LOCKGATE_ADMIN_TOKEN=value)
    assert refused.exit_code == 1
    assert "editor or admin" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_token_is_changed_and_taken_away(live: Cli) -> None:
    scopes = ("--scope", "team-a-*", "--scope", "chat")
    made = live.json("tokens", "create", "token-b", "--role", "editor", *scopes)
    assert (made["role"], made["scopes"]) == ("editor", ["team-a-*", "chat"])
    before = time.time_ns() // 1_000_000
    live.ok("tokens", "update", "token-b", "--expires", "30d", "--role", "auditor", "--no-scope")
    found = live.json("tokens", "get", "token-b")
    assert (found["role"], found["scopes"]) == ("auditor", ["*"])
    assert 0 <= found["expires_at"] - before - 30 * 86_400_000 < 60_000
    live.ok("tokens", "update", "token-b", "--never-expires", "--disable")
    listed = live.ok("tokens", "list").splitlines()
    assert " disabled " in next(line for line in listed if line.startswith("token-b "))
    live.ok("tokens", "delete", "token-b")
    assert live("tokens", "get", "token-b").exit_code == 1


def test_wrong_usage(ask: Cli) -> None:
    assert ask("tokens", "create", "a").exit_code == 2
    assert ask("tokens", "create", "a", "--role", "root").exit_code == 2
    assert ask("tokens", "update", "a", "--no-scope", "--scope", "b").exit_code == 2
    assert ask("tokens", "update", "a", "--expires", "1d", "--never-expires").exit_code == 2


def test_a_lost_token_is_made_up_for_on_the_data_directory(run: Cli, tmp_path: Path) -> None:
    missing = run("tokens", "recover", "--data", str(tmp_path / "nowhere"))
    assert missing.exit_code == 1
    assert not (tmp_path / "nowhere").exists()
