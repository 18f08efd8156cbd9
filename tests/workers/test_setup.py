from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from gateway.secret import Secret
from gateway.settings import SPECS, Settings
from gateway.workers.setup import WorkerSetup, strip_settings
from gateway.workers.start import build_environ


def test_no_secret_setting_goes_to_a_worker() -> None:
    given = Settings(
        admin_token=Secret("a" * 20),
        passphrase=Secret("p" * 20),
        passphrase_file=Path("p"),
        key_file=Path("k"),
        database_url="sqlite:///x",
        redis_url="redis://user:word@host",
        max_attempts=7,
    )
    stripped = strip_settings(given)
    assert all(getattr(stripped, spec.name) is None for spec in SPECS if spec.secret)
    sent = pickle.loads(pickle.dumps(WorkerSetup(stripped, 3)))  # noqa: S301  its own
    assert sent.settings.max_attempts == 7


def test_a_workers_environment_has_no_setting_and_finds_the_program() -> None:
    environ = build_environ({"LOCKGATE_PASSPHRASE": "p", "PATH": "/bin", "HTTPS_PROXY": "x"})
    assert environ.pop("PYTHONPATH")
    assert environ == {"PATH": "/bin", "HTTPS_PROXY": "x"}


def test_a_worker_loads_no_database_no_schema_and_no_command_line() -> None:
    program = (
        "import sys, gateway.workers.worker\n"
        "print(*{'pydantic', 'aiosqlite', 'sqlite3', 'click', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
