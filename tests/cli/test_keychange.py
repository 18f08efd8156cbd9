"""Rotation, the end of a term and another passphrase from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.installed import CANARY, break_record, install, read_tree

NEW = "six words that nobody has said before"


@pytest.fixture
def data(tmp_path: Path) -> str:
    install(tmp_path / "data", "one", "two")
    return str(tmp_path / "data")


def test_rotates_and_says_so(run: Cli, data: str) -> None:
    text = run.ok("crypto", "rotate-kek", "--data", data)
    assert text == "key term 2 is active: 2 records moved to it\n"
    found = run.json("crypto", "status", "--data", data)
    assert [(term["state"], term["records"]) for term in found["terms"]] == [
        ("retired", 0),
        ("active", 2),
    ]
    assert found["rotation"]["started_by"].startswith("lockgate crypto (")
    assert run.ok("crypto", "verify", "--data", data) == "2 of 2 records open\n"


def test_rotates_as_json_and_with_new_data_keys(run: Cli, data: str) -> None:
    found = run.json("crypto", "rotate-kek", "--reencrypt", "--data", data)
    assert (found["phase"], found["to_term"], found["reencrypt"], found["moved"]) == (
        "done",
        2,
        True,
        2,
    )


def test_a_dry_run_tells_and_changes_nothing(run: Cli, data: str) -> None:
    before = read_tree(Path(data))
    text = run.ok("crypto", "rotate-kek", "--dry-run", "--data", data)
    assert text == "would  make key term 2 and move 2 records to it\n"
    assert read_tree(Path(data)) == before


def test_records_that_do_not_open_are_an_error_after_the_others_moved(run: Cli, data: str) -> None:
    break_record(Path(data), "two")
    plan = run.ok("crypto", "rotate-kek", "--dry-run", "--data", data)
    assert "stays" in plan
    result = run("crypto", "rotate-kek", "--data", data)
    assert result.exit_code == 1
    assert "1 records moved" in result.stdout
    assert result.stderr.startswith("error: 1 records do not open and stay where they are")
    assert result.stderr.count("\n") == 1


def test_a_term_is_destroyed_once_it_is_empty(run: Cli, data: str) -> None:
    refused = run("crypto", "retire-term", "1", "--destroy", "--data", data)
    assert refused.exit_code == 1
    assert refused.stderr == "error: key term 1 is active: rotate first\n"
    run.ok("crypto", "rotate-kek", "--data", data)
    text = run.ok("crypto", "retire-term", "1", "--destroy", "--data", data)
    assert text == "key term 1 is destroyed\n"
    assert "key term 1 was destroyed" in run.ok("crypto", "status", "--data", data)
    assert run("crypto", "retire-term", "none", "--data", data).exit_code == 2
    assert run("crypto", "retire-term", "0", "--data", data).exit_code == 2


def test_from_key_file_to_passphrase_and_back(run: Cli, data: str) -> None:
    text = run.ok(
        "crypto", "change-passphrase", "--new-passphrase-stdin", "--data", data, stdin=NEW + "\n"
    )
    assert text == "the root key is protected by the new passphrase\n"
    assert run("crypto", "verify", "--data", data).exit_code == 1
    with_it = Cli({"LOCKGATE_PASSPHRASE": NEW})
    assert with_it.ok("crypto", "verify", "--data", data) == "2 of 2 records open\n"
    back = with_it("crypto", "change-passphrase", "--to-key-file", "--data", data)
    assert back.exit_code == 0
    assert "former key file" in back.stderr
    assert run.ok("crypto", "verify", "--data", data) == "2 of 2 records open\n"


def test_a_new_passphrase_from_a_file(run: Cli, data: str, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_text(NEW + "\nsecond line\n")
    result = run("crypto", "change-passphrase", "--new-passphrase-file", str(file), "--data", data)
    assert result.exit_code == 0
    assert NEW not in result.output
    with_it = Cli({"LOCKGATE_PASSPHRASE_FILE": str(file)})
    assert with_it.ok("crypto", "verify", "--data", data) == "2 of 2 records open\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "why"),
    [
        ((), "", 1, "no new passphrase"),
        (("--new-passphrase-stdin",), "short\n", 1, "too short"),
        (("--new-passphrase-stdin",), "", 1, "is empty"),
        (("--new-passphrase-stdin", "--to-key-file"), "", 2, "give one of"),
        (("--new-passphrase-file", "/nowhere/at/all"), "", 1, "cannot be read"),
    ],
)
def test_a_passphrase_that_cannot_be_changes_nothing(
    run: Cli, data: str, arguments: tuple[str, ...], stdin: str, code: int, why: str
) -> None:
    result = run("crypto", "change-passphrase", *arguments, "--data", data, stdin=stdin)
    assert result.exit_code == code
    assert why in result.stderr
    assert run.ok("crypto", "verify", "--data", data) == "2 of 2 records open\n"


def test_without_an_installation_nothing_is_made(run: Cli, tmp_path: Path) -> None:
    for command in (
        ("rotate-kek",),
        ("rotate-kek", "--dry-run"),
        ("retire-term", "1"),
        ("change-passphrase", "--to-key-file"),
    ):
        result = run("crypto", *command, "--data", str(tmp_path / "data"))
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert "lockgate serve" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_a_value_is_ever_printed(run: Cli, data: str) -> None:
    told = [
        run("crypto", *words, "--data", data).output
        for words in (("rotate-kek",), ("rotate-kek", "--dry-run"), ("status",), ("verify",))
    ]
    assert CANARY not in "".join(told)


def test_a_backup_is_told_with_what_it_opens(run: Cli, data: str, tmp_path: Path) -> None:
    """By the row of the database: settings may be for another one, or not given."""
    first, second = str(tmp_path / "first.db"), str(tmp_path / "second.db")
    assert f"keep the key file {data}/root.key" in run("backup", first, "--data", data).stderr
    change = ("crypto", "change-passphrase", "--new-passphrase-stdin", "--data", data)
    run.ok(*change, stdin=NEW + "\n")
    assert "keep the passphrase" in run("backup", second, "--data", data).stderr
    restored = run("restore", first, "--replace", "--data", data, LOCKGATE_PASSPHRASE=NEW)
    assert f"opens with the key file {data}/root.key" in restored.stderr
