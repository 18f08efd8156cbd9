"""`lockgate audit` as a user: a running gateway, and a database that somebody changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import Cli
from tests.cli.installed import install
from tests.store.samples import audit


async def _write_rows(data: Path, count: int) -> None:
    from gateway.clock import SystemClock
    from gateway.installation import open_installation
    from gateway.settings import parse_settings

    settings = parse_settings({"data": str(data)}, {})
    installation = await open_installation(settings, SystemClock())
    async with installation.store.write() as tx:
        for n in range(count):
            await tx.admin.insert_audit(audit(n))
    await installation.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    import asyncio

    install(tmp_path / "data", "one")
    asyncio.run(_write_rows(tmp_path / "data", 5))
    return tmp_path / "data"


def _tamper(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(data / "lockgate.db")) as connection, connection:
        connection.execute(statement)


def _count(data: Path) -> int:
    with closing(sqlite3.connect(data / "lockgate.db")) as connection:
        return int(connection.execute("SELECT MAX(audit_id) FROM audit").fetchone()[0])


def test_verify_says_that_all_is_right(run: Cli, data: Path) -> None:
    last = _count(data)
    first, second = run.ok("audit", "verify", "--data", str(data)).splitlines()
    assert first == f"{last} rows checked, up to row {last}: right"
    assert second.startswith(f"checkpoint {last}:")
    assert run.ok("audit", "verify", "--data", str(data), "--checkpoint", second[11:])


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE audit_id = 3", "FAIL  row 3: was changed"),
        ("DELETE FROM audit WHERE audit_id = 3", "FAIL  row 3: row 3 is missing"),
        ("DELETE FROM audit_head", "the head row is missing"),
        ("DELETE FROM audit WHERE audit_id > 2", "the end was cut off: rows 3 to "),
    ],
)
def test_verify_says_what_is_wrong_and_where(
    run: Cli, data: Path, statement: str, line: str
) -> None:
    _tamper(data, statement)
    result = run("audit", "verify", "--data", str(data))
    assert result.exit_code == 1
    assert line in result.stdout
    assert "checkpoint" not in result.stdout
    assert result.stderr == "error: the audit log was tampered with: 1 finding(s)\n"


def test_verify_as_json_is_json_also_when_it_fails(run: Cli, data: Path) -> None:
    _tamper(data, "UPDATE audit SET actor = 'eve' WHERE audit_id = 3")
    result = run("audit", "verify", "--data", str(data), "--output", "json")
    report = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["ok"], report["checkpoint"]) == (False, None)
    assert [found["row"] for found in report["findings"]] == [3]


@pytest.mark.parametrize("checkpoint", ["", "1", "1:aa:bb", f"9:{'0' * 64}:{'0' * 64}"])
def test_verify_refuses_a_checkpoint_that_is_none(run: Cli, data: Path, checkpoint: str) -> None:
    result = run("audit", "verify", "--data", str(data), "--checkpoint", checkpoint)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_without_key_needs_a_file(run: Cli, data: Path) -> None:
    assert run("audit", "verify", "--data", str(data), "--without-key").exit_code == 2


def _export(data: Path, target: Path) -> list[bytes]:
    import asyncio

    from gateway.clock import SystemClock
    from gateway.installation import open_installation
    from gateway.settings import parse_settings
    from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain
    from gateway.store.audit_read import export_audit

    async def write() -> bytes:
        settings = parse_settings({"data": str(data)}, {})
        installation = await open_installation(settings, SystemClock(), read_only=True)
        chain = AuditChain(installation.keyring.derive(AUDIT_CHAIN_PURPOSE))
        pieces = [piece async for piece in export_audit(installation.store, chain)]
        await installation.close()
        return b"".join(pieces)

    target.write_bytes(asyncio.run(write()))
    return target.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("key", [True, False])
def test_an_export_is_checked_with_the_key_or_without(
    run: Cli, data: Path, tmp_path: Path, key: bool
) -> None:
    file = tmp_path / "audit.jsonl"
    lines = _export(data, file)
    where = str(data if key else tmp_path / "elsewhere")

    def check() -> Any:
        return run("audit", "verify", "--data", where, "--file", str(file))

    result = check()
    assert result.exit_code == 0, result.stderr
    assert ("without the root key" in result.stderr) is not key
    for damaged in (
        lines[:2] + lines[3:],  # a row is gone
        [lines[0].replace(b'"actor":"', b'"actor":"x'), *lines[1:]],
        [lines[1], lines[0], *lines[2:]],
        lines[:-1],  # no end
        [*lines[:-2], lines[-1]],  # the last row is gone
        lines[1:],  # the first is
        [*lines[:-1], lines[-1].replace(b'"checkpoint":"', b'"checkpoint":"1')],
    ):
        file.write_bytes(b"".join(damaged))
        result = check()
        assert result.exit_code == 1, damaged
        assert "FAIL" in result.stdout


def test_an_export_of_another_installation_is_told_apart(
    run: Cli, data: Path, tmp_path: Path
) -> None:
    _export(data, tmp_path / "audit.jsonl")
    install(tmp_path / "other", "one")
    args = ("audit", "verify", "--file", str(tmp_path / "audit.jsonl"))
    result = run(*args, "--data", str(tmp_path / "other"))
    assert result.exit_code == 1
    assert "made under another root key" in result.stdout
    run.ok(*args, "--data", str(tmp_path / "other"), "--without-key")


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00" * 100, b"{}\n", b"[1]\n", b"\xff\n"])
def test_rubbish_for_an_export_is_one_line(run: Cli, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_bytes(content)
    result = run("audit", "verify", "--data", str(tmp_path / "none"), "--file", str(file))
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")]


def test_no_such_file(run: Cli, tmp_path: Path) -> None:
    result = run("audit", "verify", "--data", str(tmp_path), "--file", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


# --- a running gateway --------------------------------------------------------------------


def test_list_and_export_of_a_running_gateway(live: Cli, tmp_path: Path) -> None:
    live.ok("keys", "create", "audited-app")
    live.ok("keys", "delete", "audited-app", "--yes")
    text = live.ok("audit", "list", "--name", "audited-app", "--since", "1h")
    assert [line.split()[4:7] for line in text.splitlines()[1:]] == [
        ["delete", "api_key", "audited-app"],
        ["create", "api_key", "audited-app"],
    ]
    (row,) = live.json("audit", "list", "--name", "audited-app", "--action", "delete")
    assert live.json("audit", "list", "--request-id", row["request_id"]) == [row]
    assert live.json("audit", "list", "--address", "10.9.8.7") == []
    file = tmp_path / "audit.jsonl"
    first = row["audit_id"] - 2
    assert "rows written" in live.ok("audit", "export", "-f", str(file), "--after", str(first))
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert lines[0]["audit_id"] == first + 1
    assert "end" in lines[-1]
    live.ok("audit", "verify", "--file", str(file), "--data", str(tmp_path / "none"))
    assert live.ok("audit", "export", "--since", "1h").count("audited-app") == 4


def test_an_export_that_is_cut_off_leaves_no_file(ask: Cli, scripted: Any, tmp_path: Path) -> None:
    scripted.answers["GET", "/audit/export"] = (200, {}, b'{"audit_id":1}\n{"end":{"ro')
    file = tmp_path / "audit.jsonl"
    file.write_text("of yesterday")
    result = ask("audit", "export", "-f", str(file))
    assert result.exit_code == 1
    assert result.stderr == "error: the export was cut off before its end: try again\n"
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_a_refused_export_is_one_line(live: Cli, tmp_path: Path) -> None:
    result = live(
        "audit", "export", "--after", "1", LOCKGATE_ADMIN_TOKEN="a-token-of-nobody-at-all"
    )
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "unauthenticated" in result.stderr
    result = live("audit", "export", "-f", str(tmp_path / "no" / "where.jsonl"))
    assert "cannot be written" in result.stderr
