from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.installation import Installation
from gateway.installation.rotation import Actor, RotationParts, rotate
from tests.cli.conftest import Cli, Serving
from tests.cli.installed import CANARY, change, install, read_tree, seal


def test_a_backup_restores_what_was_stored(run: Cli, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    install(data, "one")
    assert str(copy) in run.ok("backup", str(copy), "--data", str(data))

    async def add(installation: Installation) -> None:
        async with installation.store.write() as transaction:
            await transaction.secrets.insert(*seal(installation, "later"))

    change(data, add)
    assert run.json("crypto", "status", "--data", str(data))["records"] == 2
    run.ok("restore", str(copy), "--replace", "--data", str(data))
    assert run.json("crypto", "status", "--data", str(data))["records"] == 1
    assert run.ok("crypto", "verify", "--data", str(data)) == "1 of 1 records open\n"


def test_a_backup_is_closed_to_others_and_holds_no_key(run: Cli, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    install(data, "one")
    result = run("backup", str(copy), "--data", str(data))
    assert "root key is not in it" in result.stderr
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    content = copy.read_bytes()
    assert CANARY.encode() not in content
    assert (data / "root.key").read_bytes() not in content


def test_a_backup_needs_no_root_key(run: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    (data / "root.key").unlink()
    run.ok("backup", str(tmp_path / "copy.db"), "--data", str(data))


def test_a_backup_of_a_running_server(run: Cli, serving: Serving, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    run.ok("backup", str(copy), "--data", str(serving.data))
    run.ok("restore", str(copy), "--data", str(tmp_path / "other"))


def test_a_backup_replaces_no_file(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    result = run("backup", str(copy), "--data", str(tmp_path / "data"))
    assert (result.exit_code, copy.read_text()) == (1, "precious")
    assert result.stderr.count("\n") == 1


def test_a_restore_over_a_database_needs_to_be_said(run: Cli, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    install(data, "one")
    run.ok("backup", str(copy), "--data", str(data))
    before = read_tree(data)
    result = run("restore", str(copy), "--data", str(data))
    assert result.exit_code == 1
    assert "--replace" in result.stderr
    assert read_tree(data) == before


def test_what_is_no_backup_is_refused_and_nothing_changes(run: Cli, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "no.db"
    install(data, "one")
    file.write_bytes(b"this is no database" * 100)
    before = read_tree(data)
    result = run("restore", str(file), "--replace", "--data", str(data))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert read_tree(data) == before


def test_a_restore_under_a_running_server_is_refused(
    run: Cli, serving: Serving, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    run.ok("backup", str(copy), "--data", str(serving.data))
    result = run("restore", str(copy), "--replace", "--data", str(serving.data))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_a_restore_into_a_new_directory_closes_it_to_others(run: Cli, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    install(data, "one")
    run.ok("backup", str(copy), "--data", str(data))
    run.ok("restore", str(copy), "--data", str(tmp_path / "new"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_backup_of_a_rotation_half_done_opens_and_is_gone_on_with(
    run: Cli, tmp_path: Path
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    install(data, "one", "two")
    checkpoint = _read_checkpoint(run, data)
    change(data, _rotate_until("batch-begun"))
    run.ok("backup", str(copy), "--data", str(data))
    run.ok("crypto", "rotate-kek", "--data", str(data))
    run.ok("crypto", "retire-term", "1", "--destroy", "--yes", "--data", str(data))
    later = _read_checkpoint(run, data)

    run.ok("restore", str(copy), "--replace", "--data", str(data))
    assert run.ok("crypto", "verify", "--data", str(data)) == "2 of 2 records open\n"
    status = run.json("crypto", "status", "--data", str(data))
    assert [term["state"] for term in status["terms"]] == ["decrypt_only", "active"]
    assert "unfinished" in status["advice"][-1]
    run.ok("audit", "verify", "--data", str(data), "--checkpoint", checkpoint)
    rolled_back = run("audit", "verify", "--data", str(data), "--checkpoint", later)
    assert rolled_back.exit_code == 1
    assert "the database is an older one" in rolled_back.stdout

    assert "key term 2 is active" in run.ok("crypto", "rotate-kek", "--data", str(data))
    assert run.ok("crypto", "verify", "--data", str(data)) == "2 of 2 records open\n"
    run.ok("audit", "verify", "--data", str(data), "--checkpoint", checkpoint)


def _read_checkpoint(run: Cli, data: Path) -> str:
    found = run.json("audit", "verify", "--data", str(data))
    return str(found["checkpoint"])


class KilledError(Exception):
    """Stands for the end of the process."""


def _rotate_until(step: str) -> Callable[[Installation], Awaitable[None]]:
    def kill(reached: str) -> None:
        if reached == step:
            raise KilledError

    async def begin(made: Installation) -> None:
        parts = RotationParts(
            store=made.store,
            keys=made.keys,
            clock=made.clock,
            actor=Actor(name="tester"),
            step=kill,
        )
        with pytest.raises(KilledError):
            await rotate(parts)

    return begin
