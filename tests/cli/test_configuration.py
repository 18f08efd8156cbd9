"""`export`, `diff`, `apply`, `schema` against a real gateway, and against scripted answers."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.manifest import build_schema
from tests.cli.conftest import TOKEN, Call, Cli, ScriptedServer, Serving, start_gateway

KEY = "made-up-key-of-the-tests-01"
FILE = """\
lockgate: 1
secrets:
- secret_name: prod
  provider: openai
  secret_value: {api_key: {env: PROD_API_KEY}}
model_definitions:
- {name: mini, provider: openai, model_name: gpt-4o-mini, secret_name: prod}
- {name: big, provider: openai, model_name: gpt-4o, secret_name: prod}
endpoints:
- name: chat
  model_mappings:
  - {model_definition: mini, weight: 80}
  - {model_definition: big, weight: 20}
- name: other
  model_mappings:
  - model_definition: mini
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Serving]:
    with start_gateway(tmp_path / "data", LOCKGATE_ADMIN_TOKEN=TOKEN) as server:
        yield server


def build_cli(server: Serving) -> Cli:
    environ = {"LOCKGATE_URL": server.url, "LOCKGATE_ADMIN_TOKEN": TOKEN, "PROD_API_KEY": KEY}
    return Cli(environ)


def test_a_file_is_applied_exported_changed_and_applied_again(
    fresh: Serving, tmp_path: Path
) -> None:
    run = build_cli(fresh)
    file, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text(FILE)
    assert run.ok("diff", "-f", str(file)).endswith(
        "5 to create, 0 to change, 0 to delete; 0 as they are.\n"
    )
    assert run("diff", "-f", str(file), "--exit-code").exit_code == 1
    assert run.ok("apply", "-f", str(file), "--dry-run").startswith("+ secret prod\n")
    assert run.json("endpoints", "list") == []
    assert run.ok("apply", "-f", str(file)).startswith("+ secret prod\n")
    assert run.ok("apply", "-f", str(file)) == "Nothing to change; 5 as they are.\n"
    assert run("diff", "-f", str(file), "--exit-code").exit_code == 0

    # An export holds no credential, and applying it changes nothing, set variable or not.
    run.ok("export", "-f", str(other))
    text = other.read_text()
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert KEY not in text
    assert "api_key: {env: PROD_API_KEY}" in text
    assert run.ok("export") == text
    assert "api_key: stored\n" in run.ok("export", "--secrets", "stored")
    done = run("apply", "-f", str(other), PROD_API_KEY="")
    assert done.stdout == "Nothing to change; 5 as they are.\n"
    assert "PROD_API_KEY is not set" in done.stderr

    # A change shows only what differs; what is not in the file goes with --prune alone.
    start = text.index("- name: other")
    end = text.index("bindings:")
    other.write_text(text[:start].replace("weight: 80", "weight: 70") + text[end:])
    assert run.ok("diff", "-f", str(other)) == (
        "~ endpoint chat\n"
        "    model_mappings:\n"
        "      - model_definition mini, weight 80\n"
        "      + model_definition mini, weight 70\n"
        "0 to create, 1 to change, 0 to delete; 3 as they are.\n"
    )
    assert "- endpoint other\n" in run.ok("apply", "-f", str(other), "--prune")
    assert [row["name"] for row in run.json("endpoints", "list")] == ["chat"]


def test_a_change_in_between_is_told_and_overwritten_only_on_demand(
    fresh: Serving, tmp_path: Path
) -> None:
    run = build_cli(fresh)
    file = tmp_path / "a.yaml"
    run.ok("apply", "-f", "-", stdin=FILE)
    run.ok("export", "-f", str(file))
    run.ok("models", "update", "mini", "--model", "gpt-5-mini")
    file.write_text(file.read_text().replace("gpt-4o-mini", "gpt-4.1-mini"))
    refused = run("apply", "-f", str(file))
    assert refused.exit_code == 1
    assert "! model definition mini: changed in the gateway meanwhile" in refused.stderr
    assert "was gpt-4o-mini, gateway gpt-5-mini, file gpt-4.1-mini" in refused.stderr
    assert run.json("models", "get", "mini")["model_name"] == "gpt-5-mini"
    assert "! model definition mini" in run.ok("diff", "-f", str(file))
    run.ok("apply", "-f", str(file), "--overwrite")
    assert run.json("models", "get", "mini")["model_name"] == "gpt-4.1-mini"


def test_an_export_applied_to_an_empty_gateway_is_exported_the_same(
    fresh: Serving, tmp_path: Path
) -> None:
    first = build_cli(fresh)
    first.ok("apply", "-f", "-", stdin=FILE)
    first.ok("keys", "create", "app", "--allow", "chat*")
    first.ok("endpoints", "update", "chat", "--tag", "odd=no", "--tag", "n=1e3")
    text = first.ok("export")
    with start_gateway(tmp_path / "second", LOCKGATE_ADMIN_TOKEN=TOKEN) as server:
        second = build_cli(server)
        second.ok("apply", "-f", "-", stdin=text)
        assert second.ok("export") == text


_ENV = "{env: PROD_API_KEY}"
_PRIVATE = "provider: openai\n  auth_config: {api_base: 'http://10.0.0.1'}\n"
_VALUE = "5: secrets[0].secret_value.api_key"
_MAPPING = "12: endpoints[0].model_mappings[0]"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("definition: mini, weight", "definition: nope, weight", f"{_MAPPING}.model_definition: "),
        ("weight: 80", "weight: x", f"{_MAPPING}.weight: must be a finite number"),
        ("secret_name: prod}", "secret_name: gone}", "7: model_definitions[0].secret_name: "),
        ("provider: openai\n", _PRIVATE, "5: secrets[0].auth_config.api_base: must be https"),
        (_ENV, "{env: NOT_SET_ANYWHERE}", f"{_VALUE}: NOT_SET_ANYWHERE is not set"),
        (_ENV, "{file: not-there}", f"{_VALUE}: the file "),
        (_ENV, "stored", f"{_VALUE}: is required"),
        ("lockgate: 1", "lockgate: 9", "1: lockgate: must be 1"),
    ],
)
def test_whoever_finds_a_fault_its_line_is_told_and_nothing_changed(
    live: Cli, old: str, new: str, fault: str
) -> None:
    before = live.ok("export")
    text = FILE.replace(old, new, 1)
    refused = live("apply", "-f", "-", stdin=text, PROD_API_KEY=KEY)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"error: stdin:{fault}")
    assert live.ok("export") == before


def test_several_faults_are_several_lines(run: Cli) -> None:
    text = FILE.replace("weight", "wieght")
    refused = run("apply", "-f", "-", stdin=text, LOCKGATE_ADMIN_TOKEN=TOKEN)
    assert refused.exit_code == 1
    assert [line.split(": ")[1] for line in refused.stderr.splitlines()] == ["stdin:12", "stdin:13"]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\xff\xfe", b"[" * 50_000, b"- a\n"])
def test_a_broken_file_is_refused_before_anything_is_asked(
    ask: Cli, scripted: ScriptedServer, content: bytes
) -> None:
    for command in ("diff", "apply"):
        refused = ask(command, "-f", "-", stdin=content)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("error: stdin")
    assert scripted.calls == []


def test_a_value_goes_to_the_gateway_and_nowhere_else(ask: Cli, scripted: ScriptedServer) -> None:
    plan = {"changes": [], "conflicts": [], "unchanged": 5, "applied": False, "epoch": 1}
    scripted.answers["POST", "/configuration/apply"] = (200, {}, plan)
    done = ask("apply", "-f", "-", "--prune", stdin=FILE, PROD_API_KEY=KEY)
    assert done.exit_code == 0
    (call,) = scripted.calls
    assert (call.body["prune"], call.body["overwrite"]) == (True, False)
    assert call.body["document"]["secrets"][0]["secret_value"] == {"api_key": {"value": KEY}}
    assert KEY not in done.stdout + done.stderr


def test_what_is_in_use_cannot_be_pruned(ask: Cli, scripted: ScriptedServer) -> None:
    def refuse(_: Call) -> tuple[int, dict[str, str], Any]:
        problem = {"code": "in_use", "detail": "model 'a' is to go, but 'b' uses it", "field": None}
        return 409, {}, problem

    scripted.answers["POST", "/configuration/plan"] = refuse
    refused = ask("diff", "-f", "-", "--prune", stdin="lockgate: 1\nmodel_definitions: []\n")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "error: model 'a' is to go, but 'b' uses it: change or leave out both\n",
    )


def test_the_schema_needs_no_gateway(run: Cli) -> None:
    assert json.loads(run.ok("schema")) == build_schema()


def test_an_export_that_cannot_be_written_leaves_what_was_there(live: Cli, tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "a.yaml", tmp_path):
        refused = live("export", "-f", str(path))
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    kept = tmp_path / "kept.yaml"
    kept.write_text("old")
    kept.chmod(0o640)
    live.ok("export", "-f", str(kept))
    assert kept.read_text().startswith("lockgate: 1\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [kept]
