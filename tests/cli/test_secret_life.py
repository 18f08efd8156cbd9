"""Rotation, tests and users of secrets as somebody types them."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.cli.conftest import DEAD_ORIGIN, Cli, ScriptedServer

OLD = "canary-key-of-the-command-line-1"
NEW = "canary-key-of-the-command-line-2"
ID = "s-" + "1" * 32
DAY_MS = 86_400_000


def create(live: Cli, name: str, *args: str) -> None:
    provider = ("--provider", "openai", "--value-stdin")
    live.ok("secrets", "create", name, *provider, *args, stdin=OLD)


def test_a_rotation_keeps_the_former_value_for_its_grace(live: Cli, tmp_path: Path) -> None:
    create(live, "life-rotate")
    file = tmp_path / "key"
    file.write_text(NEW + "\n")
    done = live("secrets", "rotate", "life-rotate", "--grace", "30m", "--value-file", str(file))
    assert done.exit_code == 0, done.stderr
    assert "former value is kept until 20" in done.stdout
    assert NEW not in done.output
    shown = live.json("secrets", "get", "life-rotate")
    left_ms = shown["previous_value"]["grace_until"] - shown["last_updated_at"]
    assert left_ms == 30 * 60_000
    assert shown["masked_values"] == {"api_key": "can...ne-2"}
    assert "former value until" in live.ok("secrets", "list")
    assert re.search(
        r"previous_value +api_key=.* until 20", live.ok("secrets", "get", "life-rotate")
    )
    assert "deleted" in live.ok("secrets", "end-grace", "life-rotate", "--yes")
    again = live("secrets", "end-grace", "life-rotate", "--yes")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "no previous value" in again.stderr


def test_a_rotation_without_grace_says_so(live: Cli) -> None:
    create(live, "life-at-once")
    done = live.ok("secrets", "rotate", "life-at-once", "--grace", "0s", "--value-stdin", stdin=NEW)
    assert "the former value is gone" in done


def test_a_grace_that_is_none_is_wrong_usage(live: Cli) -> None:
    for text in ("1", "h", "-1h", "2027-01-01"):
        done = live("secrets", "rotate", "life-any", f"--grace={text}", "--value-stdin", stdin=NEW)
        assert done.exit_code == 2
        assert "is no span" in done.stderr
    create(live, "life-long")
    done = live("secrets", "rotate", "life-long", "--grace", "31d", "--value-stdin", stdin=NEW)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "grace_ms" in done.stderr


def test_an_expiry_is_set_shown_and_forgotten(live: Cli) -> None:
    create(live, "life-expiry", "--expires", "10d")
    assert re.search(r"life-expiry .* expires 20", live.ok("secrets", "list"))
    assert re.search(r"expiring_secrets .*life-expiry expires 20", live.ok("status"))
    live.ok("secrets", "update", "life-expiry", "--never-expires")
    assert live.json("secrets", "get", "life-expiry")["expires_at"] is None
    live.ok("secrets", "update", "life-expiry", "--expires", "2030-01-01")
    assert live.json("secrets", "get", "life-expiry")["expires_at"] == 1_893_456_000_000
    both = live("secrets", "update", "life-expiry", "--expires", "1d", "--never-expires")
    assert both.exit_code == 2


def test_a_test_of_who_does_not_answer_is_a_refusal(live: Cli) -> None:
    create(live, "life-dead", "--api-base", f"{DEAD_ORIGIN}/v1")
    done = live("secrets", "test", "life-dead")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "unreachable" in done.stderr
    done = live(
        "secrets", "test", "--provider", "openai", "--api-base", "http://10.0.0.1/v1",
        "--value-stdin", stdin=NEW,
    )  # fmt: skip
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "auth_config.api_base" in done.stderr
    assert NEW not in done.stderr


def test_a_value_that_works_is_said_with_its_facts(ask: Cli, scripted: ScriptedServer) -> None:
    trial = {"outcome": "works", "status": 200, "latency_ms": 12.3, "detail": "it is accepted"}
    scripted.answers["POST", f"/secrets/{ID}/test"] = (200, {}, trial)
    assert ask.ok("secrets", "test", ID) == "works: it is accepted (status 200, 12 ms)\n"
    assert ask.json("secrets", "test", ID) == trial
    refused = trial | {"outcome": "refused", "status": 401}
    scripted.answers["POST", f"/secrets/{ID}/test"] = (200, {}, refused)
    done = ask("secrets", "test", ID)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "refused: it is accepted (status 401" in done.stderr


def test_what_a_test_wants_is_said(ask: Cli, scripted: ScriptedServer) -> None:
    for args in ((), (ID, "--value-stdin"), (ID, "--api-base", "https://a.example")):
        assert ask("secrets", "test", *args).exit_code == 2
    assert scripted.calls == []


def test_users_are_listed_with_what_they_lose(live: Cli) -> None:
    create(live, "life-users")
    live.ok(
        "models", "create", "life-model", "--secret", "life-users", "--provider", "openai",
        "--model", "m",
    )  # fmt: skip
    live.ok("endpoints", "create", "life-endpoint", "--model", "life-model")
    live.ok("bindings", "create", "life-endpoint", "scorer", "r1", "--display-name", "Toxicity")
    for group, name in (("secrets", "life-users"), ("models", "life-model")):
        listed = live.ok(group, "users", name)
        assert re.search(r"endpoint +life-endpoint +loses its last PRIMARY", listed)
        assert re.search(r"binding +Toxicity +uses life-endpoint", listed)
        assert live.json(group, "users", name)["counts"]["endpoints_without_primary"] == 1
    bound = live.ok("bindings", "endpoints", "scorer", "r1")
    assert re.search(r"life-endpoint .*life-model", bound)


def test_an_expired_secret_is_a_warning_of_the_doctor(live: Cli, serving: object) -> None:
    create(live, "life-expired")
    past = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * DAY_MS / 1000))
    live.ok("secrets", "update", "life-expired", "--expires", past)
    done = live("doctor", "--data", str(serving.data), "--listen", "127.0.0.1:0")  # type: ignore[attr-defined]
    assert re.search(r"warn expiry: life-expired expired .*secrets rotate", done.stdout)
