from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Cli
from tests.cli.installed import CANARY, break_record, build_older, install, read_tree


def test_status_tells_terms_and_records(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one", "two")
    text = run.ok("crypto", "status", "--data", str(tmp_path / "data"))
    assert "root key      key file" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["1", "active", "2", "2"] in [row[:4] for row in rows]
    assert CANARY not in text


def test_status_as_json(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    found = run.json("crypto", "status", "--data", str(tmp_path / "data"))
    assert (found["active_term"], found["records"]) == (1, 1)
    assert [term["state"] for term in found["terms"]] == ["active"]


def test_verify_opens_every_record_and_changes_nothing(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one", "two", "three")
    before = read_tree(tmp_path / "data")
    assert run.ok("crypto", "verify", "--data", str(tmp_path / "data")) == "3 of 3 records open\n"
    assert read_tree(tmp_path / "data") == before


def test_verify_names_what_does_not_open_and_exits_with_1(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one", "two")
    break_record(tmp_path / "data", "two")
    result = run("crypto", "verify", "--data", str(tmp_path / "data"))
    assert result.exit_code == 1
    assert "FAIL  two (s-" in result.stdout
    assert "1 of 2 records open" in result.stdout
    assert result.stderr.startswith("error: 1 of 2 records do not open")
    assert result.stderr.count("\n") == 1


def test_verify_as_json_is_json_also_when_it_fails(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    break_record(tmp_path / "data", "one")
    result = run("crypto", "verify", "--data", str(tmp_path / "data"), "--output", "json")
    report = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["ok"], report["opened"]) == (False, 0)
    assert [record["secret_name"] for record in report["failed"]] == ["one"]


def test_without_an_installation_nothing_is_made(run: Cli, tmp_path: Path) -> None:
    result = run("crypto", "status", "--data", str(tmp_path / "data"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "lockgate serve" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_file_is_one_line_and_changes_nothing(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    (tmp_path / "data" / "root.key").unlink()
    before = read_tree(tmp_path / "data")
    result = run("crypto", "verify", "--data", str(tmp_path / "data"))
    assert result.exit_code == 1
    assert "missing key file" in result.stderr
    assert result.stderr.count("\n") == 1
    assert read_tree(tmp_path / "data") == before


def test_the_data_directory_comes_from_the_environment_or_a_file_too(
    run: Cli, tmp_path: Path
) -> None:
    install(tmp_path / "data", "one")
    config = tmp_path / "lockgate.yaml"
    config.write_text(f"settings:\n  data: {tmp_path / 'data'}\n")
    by_file = run("crypto", "verify", "--config", str(config))
    by_variable = run("crypto", "verify", LOCKGATE_DATA=str(tmp_path / "data"))
    assert (by_file.exit_code, by_variable.exit_code) == (0, 0)


@pytest.mark.parametrize("words", [("crypto", "status"), ("crypto", "verify"), ("audit", "verify")])
def test_a_database_of_an_older_version_is_said_to_be_one(
    run: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    build_older(tmp_path / "data", 7)
    result = run(*words, "--data", str(tmp_path / "data"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: an older Lockgate wrote this database")
    assert result.stderr.count("\n") == 1


def test_a_rotation_brings_a_database_of_an_older_version_up_first(
    run: Cli, tmp_path: Path
) -> None:
    build_older(tmp_path / "data", 7)
    assert "key term 2 is active" in run.ok(
        "crypto", "rotate-kek", "--data", str(tmp_path / "data")
    )
    assert "right" in run.ok("audit", "verify", "--data", str(tmp_path / "data"))
