from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import (
    SERVE,
    TOKEN,
    Cli,
    clean_environ,
    start_gateway,
)
from tests.cli.installed import install, read_tree


def serve(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a `serve` that is expected not to start."""
    return subprocess.run(
        [*SERVE, *args],
        env=clean_environ(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_first_start_prints_the_admin_token_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start_gateway(data) as first:
        assert first.process.stdout is not None
        label = "Admin token (shown only now): "
        line = next(line for line in first.process.stdout if line.startswith(label))
        token = line.removeprefix(label).strip()
        assert token.startswith("lgadm-")
        answer = Cli({"LOCKGATE_URL": first.url, "LOCKGATE_ADMIN_TOKEN": token})
        assert answer.json("secrets", "list") == []
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "root.key").stat().st_mode) == 0o600
    with start_gateway(data) as second:
        pass
    assert second.process.stdout is not None
    assert second.process.returncode == 0
    assert token.encode() not in b"".join(read_tree(data).values())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_0_and_without_a_stack(tmp_path: Path, name: str) -> None:
    with start_gateway(tmp_path / "data", LOCKGATE_ADMIN_TOKEN=TOKEN) as running:
        running.process.send_signal(getattr(signal, name))
        _, stderr = running.process.communicate(timeout=60)
    assert running.process.returncode == 0
    assert "Traceback" not in stderr


def test_the_control_plane_moves_to_an_address_of_its_own(tmp_path: Path) -> None:
    with start_gateway(
        tmp_path / "data", "--admin-listen", "127.0.0.1:0", LOCKGATE_ADMIN_TOKEN=TOKEN
    ) as running:
        at_data_plane = Cli({"LOCKGATE_URL": running.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})
        assert at_data_plane("secrets", "list").exit_code == 1


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        done = serve("--data", str(tmp_path / "data"), "--listen", address)
    assert f"{address} is taken" in refused(done)


def test_a_wrong_root_key_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    (data / "root.key").write_bytes(bytes(32))
    before = read_tree(data)
    assert "key" in refused(serve("--data", str(data)))
    assert read_tree(data) == before


def test_a_missing_root_key_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    (data / "root.key").unlink()
    before = read_tree(data)
    assert "missing key file" in refused(serve("--data", str(data)))
    assert read_tree(data) == before


def test_a_damaged_database_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    (data / "lockgate.db").write_bytes(b"this is no database" * 1_000)
    before = read_tree(data)
    refused(serve("--data", str(data)))
    assert read_tree(data) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "--data" in refused(serve("--data", str(tmp_path / "data")))
    finally:
        tmp_path.chmod(0o700)


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refused(serve("--data", str(tmp_path / "file" / "data")))


def test_a_directory_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "not a directory" in refused(serve("--data", str(tmp_path / "data")))


def test_an_unknown_variable_and_a_wrong_file_are_refused(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    assert "LOCKGATE_LISTEN" in refused(serve("--data", data, LOCKGATE_LISTENS="x"))
    config = tmp_path / "lockgate.yaml"
    config.write_text("settings:\n  listne: 127.0.0.1:1\n")
    assert "listen" in refused(serve("--data", data, "--config", str(config)))
    assert not (tmp_path / "data").exists()


def test_a_wrong_flag_is_wrong_usage(tmp_path: Path) -> None:
    done = serve("--data", str(tmp_path / "data"), "--listen", "nowhere")
    assert done.returncode == 2
    assert "--listen" in done.stderr


def test_a_misspelt_section_of_the_file_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "lockgate.yaml"
    config.write_text("setings:\n  listen: 127.0.0.1:1\n")
    message = refused(serve("--data", str(tmp_path / "data"), "--config", str(config)))
    assert "setings" in message
    assert not (tmp_path / "data").exists()


FILE = """\
lockgate: 1
settings: {workers: 1}
secrets:
- secret_name: prod
  provider: openai
  secret_value: {api_key: {env: SERVED_KEY}}
model_definitions:
- {name: mini, provider: openai, model_name: gpt-4o-mini, secret_name: prod}
endpoints:
- name: chat
  model_mappings:
  - {model_definition: mini, weight: 80}
"""


def test_a_gateway_can_come_from_a_file(tmp_path: Path) -> None:
    file, data = tmp_path / "prod.yaml", tmp_path / "data"
    file.write_text(FILE)
    environ = {"LOCKGATE_ADMIN_TOKEN": TOKEN, "SERVED_KEY": "made-up-key-of-the-file"}
    with start_gateway(data, "--config", str(file), **environ) as server:
        run = Cli({"LOCKGATE_URL": server.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})
        assert [row["name"] for row in run.json("endpoints", "list")] == ["chat"]
        refused = run("endpoints", "delete", "chat", "--yes")
        assert (refused.exit_code, "prod.yaml" in refused.stderr) == (1, True)
        run.ok("keys", "create", "app")
        epoch = run.json("status")["epoch"]
        # SIGHUP: the file is read at once, and the workers are replaced.
        file.write_text(FILE.replace("name: chat", "name: talk"))
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while run.json("status")["epoch"] == epoch and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [row["name"] for row in run.json("endpoints", "list")] == ["talk"]
    # Without the variable what is stored stays, and a start that changes nothing makes no epoch.
    with start_gateway(data, "--config", str(file), LOCKGATE_ADMIN_TOKEN=TOKEN) as server:
        run = Cli({"LOCKGATE_URL": server.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})
        assert run.json("status")["epoch"] == epoch + 1
        assert run.json("status")["configuration_file"]["faults"] == []


def test_a_file_that_cannot_be_served_stops_the_start(tmp_path: Path) -> None:
    file, data = tmp_path / "prod.yaml", tmp_path / "data"
    arguments = ("--data", str(data), "--config", str(file))
    file.write_text(FILE.replace("weight: 80", "weight: x"))
    assert f"{file}:12: endpoints[0].model_mappings[0].weight: " in refused(serve(*arguments))
    assert not data.exists()
    file.write_text(FILE)
    done = serve(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert "SERVED_KEY is not set, and the gateway has no value yet" in first
    assert "its admin token was not shown" in second
