from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import TOKEN, Cli, ScriptedServer, Serving, clean_environ

LOCKGATE = [sys.executable, "-m", "gateway"]
CANARY = "canary-key-of-the-command-line"


def test_a_value_comes_from_stdin_and_is_never_shown(live: Cli) -> None:
    made = live(
        "secrets", "create", "sec-stdin", "--provider", "openai", "--value-stdin", stdin=CANARY
    )
    assert made.exit_code == 0, made.stderr
    assert made.stdout.startswith("secret sec-stdin created: s-")
    shown = [
        made.output,
        live.ok("secrets", "get", "sec-stdin"),
        live.ok("secrets", "list"),
        live.ok("secrets", "get", "sec-stdin", "--output", "json"),
    ]
    assert CANARY not in "".join(shown)
    assert "api_key=can...line" in live.ok("secrets", "list")


def test_a_value_comes_from_a_file(live: Cli, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(CANARY + "\n")
    live.ok("secrets", "create", "sec-file", "--provider", "openai", "--value-file", str(file))
    masked = live.json("secrets", "get", "sec-file")["masked_values"]
    assert masked == {"api_key": "can...line"}


def test_without_a_value_nothing_is_sent(ask: Cli, scripted: ScriptedServer) -> None:
    result = ask("secrets", "create", "prod")
    assert result.exit_code == 1
    assert "--value-stdin" in result.stderr
    assert scripted.calls == []


def test_the_value_of_a_process_is_in_no_argument(serving: Serving, live: Cli) -> None:
    done = subprocess.run(
        [*LOCKGATE, "secrets", "create", "sec-pipe", "--provider", "anthropic", "--value-stdin"],
        input=CANARY.encode(),
        env=clean_environ(LOCKGATE_URL=serving.url, LOCKGATE_ADMIN_TOKEN=TOKEN),
        capture_output=True,
        check=True,
    )
    assert CANARY.encode() not in done.stdout + done.stderr
    assert live.json("secrets", "get", "sec-pipe")["provider"] == "anthropic"


def test_settings_that_are_not_secret_merge(live: Cli) -> None:
    live.ok(
        *("secrets", "create", "sec-merge", "--provider", "openai", "--value-stdin"),
        *("--set", "organization=org-1", "--set", "project=p-1"),
        stdin=CANARY,
    )
    live.ok("secrets", "update", "sec-merge", "--set", "project=p-2", "--unset", "organization")
    assert live.json("secrets", "get", "sec-merge")["auth_config"] == {"project": "p-2"}
    live.ok("secrets", "update", "sec-merge", "--unset", "project")
    assert live.json("secrets", "get", "sec-merge")["auth_config"] is None


def test_another_origin_needs_the_value_again(live: Cli) -> None:
    live.ok(
        "secrets", "create", "sec-origin", "--provider", "openai", "--value-stdin", stdin=CANARY
    )
    moved = ("secrets", "update", "sec-origin", "--api-base", "https://api.example.com/v1")
    refused = live(*moved)
    assert refused.exit_code == 1
    assert "credential_rebind_required" in refused.stderr
    live.ok(*moved, "--value-stdin", stdin=CANARY)
    found = live.json("secrets", "get", "sec-origin")
    assert found["auth_config"] == {"api_base": "https://api.example.com/v1"}


def test_the_listing_filters_by_provider(live: Cli) -> None:
    live.ok("secrets", "create", "sec-gem", "--provider", "gemini", "--value-stdin", stdin=CANARY)
    names = [row["secret_name"] for row in live.json("secrets", "list", "--provider", "gemini")]
    assert names == ["sec-gem"]


def test_a_listing_for_a_pipe_is_plain_text(live: Cli) -> None:
    live.ok("secrets", "create", "sec-grep", "--provider", "openai", "--value-stdin", stdin=CANARY)
    lines = live.ok("secrets", "list").splitlines()
    assert lines[0].split()[:3] == ["NAME", "ID", "PROVIDER"]
    row = next(line for line in lines if line.startswith("sec-grep "))
    assert row.split()[2] == "openai"
    assert "\x1b" not in row


def test_a_secret_can_be_named_by_id(live: Cli) -> None:
    live.ok("secrets", "create", "sec-id", "--provider", "openai", "--value-stdin", stdin=CANARY)
    secret_id = live.json("secrets", "get", "sec-id")["secret_id"]
    assert live.json("secrets", "get", secret_id)["secret_name"] == "sec-id"
    live.ok("secrets", "delete", secret_id)
    assert live("secrets", "get", "sec-id").stderr == "error: there is no secret 'sec-id'\n"


def test_a_stale_version_is_refused(live: Cli) -> None:
    live.ok("secrets", "create", "sec-etag", "--provider", "openai", "--value-stdin", stdin=CANARY)
    etag = live.ok("secrets", "get", "sec-etag", "--etag").strip()
    live.ok("secrets", "update", "sec-etag", "--value-stdin", "--if-match", etag, stdin=CANARY)
    stale = live("secrets", "delete", "sec-etag", "--if-match", etag)
    assert stale.exit_code == 1
    assert "(stale" in stale.stderr


def test_a_taken_name_is_one_line_with_code_and_field(live: Cli) -> None:
    args = ("secrets", "create", "sec-twice", "--provider", "openai", "--value-stdin")
    live.ok(*args, stdin=CANARY)
    again = live(*args, stdin=CANARY)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.count("\n") == 1
    assert "(conflict, secret_name)" in again.stderr


def test_a_secret_in_use_names_its_users_and_goes_with_force(live: Cli) -> None:
    live.ok("secrets", "create", "sec-used", "--provider", "openai", "--value-stdin", stdin=CANARY)
    live.ok("models", "create", "sec-user", "--model", "gpt-4o-mini", "--secret", "sec-used")
    refused = live("secrets", "delete", "sec-used")
    assert refused.exit_code == 1
    assert "in_use" in refused.stderr
    assert "sec-user" in refused.stderr
    live.ok("secrets", "delete", "sec-used", "--force")
    assert live("models", "get", "sec-user").exit_code == 1


def test_several_fields_go_out_as_one_object(ask: Cli, scripted: ScriptedServer) -> None:
    scripted.answers["POST", "/secrets"] = 201, {}, {"secret_id": "s-1", "secret_name": "prod"}
    ask.ok(
        *("secrets", "create", "prod", "--field", "id", "--field", "key", "--value-stdin"),
        stdin=orjson.dumps({"id": "canary-1", "key": "canary-2"}),
    )
    assert scripted.calls[0].body["secret_value"] == {"id": "canary-1", "key": "canary-2"}


@pytest.mark.parametrize(
    "args", [["--set", "x"], ["--set", "a=1", "--set", "a=2"], ["--value-file", "x"]]
)
def test_contradictions_are_wrong_usage(ask: Cli, args: list[str]) -> None:
    assert ask("secrets", "create", "prod", "--value-stdin", *args, stdin="x").exit_code == 2


def test_an_update_of_nothing_is_wrong_usage(live: Cli) -> None:
    live.ok("secrets", "create", "sec-idle", "--provider", "openai", "--value-stdin", stdin=CANARY)
    assert live("secrets", "update", "sec-idle").exit_code == 2
    assert live("secrets", "update", "sec-idle", "--unset", "region").exit_code == 2
