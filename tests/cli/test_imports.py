"""`lockgate import`: where the document goes, and what is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.manifest import parse_manifest
from tests.cli.conftest import Cli

LITELLM = """\
model_list:
  - model_name: imported-chat
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/IMPORTED_KEY}
general_settings: {master_key: made-up-master-key}
"""
MLFLOW = """\
endpoints:
  - name: imported-mlflow
    endpoint_type: llm/v1/chat
    model: {provider: openai, name: gpt-4o, config: {openai_api_key: $IMPORTED_KEY}}
"""


def test_the_document_goes_to_stdout_and_the_rest_to_stderr(run: Cli) -> None:
    done = run("import", "litellm", "-", stdin=LITELLM)
    assert done.exit_code == 0
    assert parse_manifest(done.stdout.encode(), "out").sections
    told = done.stderr.splitlines()
    assert told[0].startswith("stdin:4: general_settings.master_key: is not taken over")
    assert told[1].startswith("stdin: 1 endpoints, 1 model definitions, 1 secrets; 1 not mapped")
    assert "made-up-master-key" not in done.output


def test_everything_mapped_is_said(run: Cli) -> None:
    done = run("import", "mlflow", "-", "--strict", stdin=MLFLOW)
    assert done.exit_code == 0
    assert done.stderr.endswith("; everything was mapped\n")


def test_strict_fails_and_prints_no_document(run: Cli) -> None:
    done = run("import", "litellm", "-", "--strict", stdin=LITELLM)
    assert (done.exit_code, done.stdout) == (1, "")


def test_a_file_is_written_for_its_owner_alone(run: Cli, tmp_path: Path) -> None:
    source, out = tmp_path / "config.yaml", tmp_path / "lockgate.yaml"
    source.write_text(LITELLM)
    assert run.ok("import", "litellm", str(source), "-o", str(out)) == ""
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "- name: imported-chat\n" in out.read_text()


@pytest.mark.parametrize("kind", ["litellm", "mlflow"])
@pytest.mark.parametrize("text", ["", "a: 1", "\x00", "model_list: []\nendpoints: []\n"])
def test_nothing_to_import_is_a_refusal(run: Cli, kind: str, text: str) -> None:
    done = run("import", kind, "-", stdin=text)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: stdin")


def test_it_can_be_applied_at_once(live: Cli) -> None:
    done = live("import", "litellm", "-", "--apply", stdin=LITELLM, IMPORTED_KEY="made-up-key-77")
    assert done.exit_code == 0, done.stderr
    assert "+ endpoint imported-chat\n" in done.stdout
    missing = live("import", "mlflow", "-", "--apply", stdin=MLFLOW.replace("IMPORTED", "OTHER"))
    assert missing.exit_code == 1
    assert "OTHER_KEY is not set, and the gateway has no value yet" in missing.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "give either a FILE or --database URL"),
        (("-", "--database", "sqlite:///m.db"), "give either a FILE or --database URL"),
        (("-", "--skip", "a"), "--skip needs --database"),
        (("-", "--output", "json"), "--output needs --database"),
        (("-", "--dry-run"), "--dry-run needs --database"),
        (("--database", "sqlite:///m.db", "--apply"), "--apply does not go with --database"),
        (("--database", "sqlite:///m.db", "--yes"), "--yes does not go with --database"),
    ],
)
def test_options_of_the_other_source_are_wrong_usage(given: tuple[str, ...], message: str) -> None:
    done = Cli({})("import", "mlflow", *given, stdin=MLFLOW)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
