"""A start that cannot be: one line that says what and how to mend it, exit 1, nothing changed."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve, Start, build_environ


def run_serve(data: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    listen = () if "--listen" in arguments else ("--listen", "127.0.0.1:0")
    return subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--data", str(data), *listen, *arguments],
        env=build_environ(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0], lines[0]


def read_all(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.fixture
async def data(start: Start, tmp_path: Path) -> Path:
    """A stopped installation with one secret."""
    serve: Serve = await start(data=tmp_path / "data")
    await serve.create(
        "/secrets",
        {"secret_name": "s", "provider": "openai", "secret_value": {"api_key": "made-up-key"}},
    )
    assert await serve.stop(signal.SIGTERM) == 0
    return tmp_path / "data"


def damage_header(data: Path) -> None:
    raw = bytearray((data / "lockgate.db").read_bytes())
    raw[:64] = b"\x5a" * 64
    (data / "lockgate.db").write_bytes(raw)


def cut_database(data: Path) -> None:
    raw = (data / "lockgate.db").read_bytes()
    (data / "lockgate.db").write_bytes(raw[: len(raw) // 3])


def change_root_key(data: Path) -> None:
    raw = bytearray((data / "root.key").read_bytes())
    raw[0] ^= 1
    (data / "root.key").write_bytes(raw)


def make_newer(data: Path) -> None:
    with closing(sqlite3.connect(data / "lockgate.db")) as database, database:
        database.execute(
            "insert into schema_migrations (version, name, checksum, applied_at)"
            " values (9999, 'from_the_future', 'x', 0)"
        )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage_header, ["lockgate.db"]),
        (cut_database, ["lockgate.db"]),
        (change_root_key, ["lockgate.db", "key file"]),
        (lambda data: (data / "root.key").unlink(), ["root.key"]),
        (make_newer, ["newer"]),
        (lambda data: (data / "root.key").write_bytes(b"short"), ["root.key"]),
        (lambda data: (data / "root.key").chmod(0o644), ["root.key", "chmod 600"]),
    ],
)
async def test_a_spoiled_installation_is_refused_and_left_alone(
    data: Path, spoil: Callable[[Path], object], words: list[str]
) -> None:
    spoil(data)
    before = read_all(data)
    assert_refused(run_serve(data), *words)
    assert read_all(data) == before


def test_a_taken_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_serve(tmp_path / "data", "--listen", listen)
    assert_refused(done, listen, "taken", "--listen")
    assert not (tmp_path / "data").exists()


def test_an_unknown_setting_names_the_nearest_known_one(tmp_path: Path) -> None:
    done = run_serve(tmp_path / "data", LOCKGATE_LISTN="127.0.0.1:1")
    assert_refused(done, "LOCKGATE_LISTN", "LOCKGATE_LISTEN")
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_serve(tmp_path / "file")
    assert_refused(done, str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert_refused(run_serve(tmp_path / "locked" / "data"), str(tmp_path / "locked"))
