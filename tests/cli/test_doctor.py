from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, ScriptedServer, Serving
from tests.cli.installed import break_record, build_older, install, read_tree, tamper

FREE = "127.0.0.1:0"


def lines_of(text: str) -> dict[str, tuple[str, str]]:
    """Return verdict and text of each check."""
    found = {}
    for line in text.splitlines():
        verdict, rest = line.split(maxsplit=1)
        check, _, detail = rest.partition(": ")
        found[check] = (verdict, detail)
    return found


def examine(run: Cli, data: Path, *args: str, listen: str = FREE) -> dict[str, tuple[str, str]]:
    result = run("doctor", "--data", str(data), "--listen", listen, *args)
    found = lines_of(result.stdout)
    failed = [check for check, (verdict, _) in found.items() if verdict == "FAIL"]
    assert result.exit_code == (1 if failed else 0)
    assert result.stderr.count("\n") == (1 if failed else 0)
    return found


def test_a_sound_installation_passes_and_is_not_touched(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one", "two")
    before = read_tree(tmp_path / "data")
    found = examine(run, tmp_path / "data")
    assert found["records"] == ("ok", "all 2 open")
    assert {found[check][0] for check in ("python", "settings", "database", "root key")} == {"ok"}
    assert found["data directory"][0] == found["database file"][0] == "ok"
    assert read_tree(tmp_path / "data") == before


def test_before_the_first_start_nothing_fails_and_nothing_is_made(run: Cli, tmp_path: Path) -> None:
    found = examine(run, tmp_path / "data")
    assert found["data directory"][0] == found["database"][0] == "warn"
    assert list(tmp_path.iterdir()) == []


def test_json_has_verdict_detail_and_mend(run: Cli, tmp_path: Path) -> None:
    findings = run.json("doctor", "--data", str(tmp_path / "data"), "--listen", FREE)
    assert {"check", "verdict", "detail", "mend"} == set(findings[0])
    assert [row["mend"] for row in findings if row["check"] == "data directory"] != [None]


def test_a_wrong_setting_fails_and_names_the_nearest(run: Cli, tmp_path: Path) -> None:
    result = run("doctor", "--data", str(tmp_path), LOCKGATE_LISTN="127.0.0.1:1")
    assert result.exit_code == 1
    verdict, detail = lines_of(result.stdout)["settings"]
    assert verdict == "FAIL"
    assert "LOCKGATE_LISTEN" in detail


def test_a_record_that_does_not_open_is_named(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    break_record(tmp_path / "data", "one")
    verdict, detail = examine(run, tmp_path / "data")["records"]
    assert verdict == "FAIL"
    assert detail.startswith("one (s-")
    assert "lockgate secrets update one --new-value" in detail


def test_a_missing_root_key_fails(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    (tmp_path / "data" / "root.key").unlink()
    verdict, detail = examine(run, tmp_path / "data")["root key"]
    assert verdict == "FAIL"
    assert "missing key file" in detail


def test_another_installations_root_key_fails(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    install(tmp_path / "other")
    (tmp_path / "data" / "root.key").write_bytes((tmp_path / "other" / "root.key").read_bytes())
    assert examine(run, tmp_path / "data")["root key"][0] == "FAIL"


def test_a_damaged_database_fails(run: Cli, tmp_path: Path) -> None:
    install(tmp_path / "data", "one")
    (tmp_path / "data" / "lockgate.db").write_bytes(b"this is no database" * 1_000)
    verdict, detail = examine(run, tmp_path / "data")["database"]
    assert verdict == "FAIL"
    assert "lockgate restore" in detail


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_modes_that_let_others_in_are_warned_of_with_the_chmod(run: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    data.chmod(0o755)
    (data / "lockgate.db").chmod(0o644)
    found = examine(run, data)
    assert found["data directory"][1].endswith(f"chmod 700 {data}")
    assert found["database file"][1].endswith(f"chmod 600 {data / 'lockgate.db'}")
    assert stat.S_IMODE(data.stat().st_mode) == 0o755


def test_a_data_directory_that_is_a_file_fails(run: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert examine(run, tmp_path / "data")["data directory"][0] == "FAIL"


def test_a_port_that_another_program_has_fails(
    run: Cli, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.answers["GET", "/livez"] = 200, {}, {}
    address = scripted.url.removeprefix("http://")
    verdict, detail = examine(run, tmp_path / "data", listen=address)["listen"]
    assert verdict == "FAIL"
    assert "another program" in detail


def test_a_port_whose_holder_never_answers_fails_soon(run: Cli, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        assert examine(run, tmp_path / "data", listen=address)["listen"][0] == "FAIL"


def test_an_address_of_another_machine_fails(run: Cli, tmp_path: Path) -> None:
    verdict, detail = examine(run, tmp_path / "data", listen="192.0.2.1:8700")["listen"]
    assert verdict == "FAIL"
    assert "cannot be opened" in detail


def test_beside_a_running_server_all_is_well(run: Cli, serving: Serving) -> None:
    found = examine(run, serving.data, listen=serving.url.removeprefix("http://"))
    assert found["listen"][0] == "ok"
    assert found["listen"][1].endswith("is answered by a Lockgate")
    assert found["root key"][0] == "ok"


def test_an_audit_log_that_somebody_changed_at_its_end_fails(run: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    assert examine(run, data)["audit log"] == ("ok", "the last 1 rows are as written")
    tamper(data, "UPDATE audit SET actor = 'somebody else'")
    verdict, detail = examine(run, data)["audit log"]
    assert (verdict, detail.split(" ->")[0]) == ("FAIL", "row 1: was changed")
    assert "lockgate audit verify" in detail


def test_an_audit_log_that_was_cut_off_fails(run: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    install(data, "one")
    tamper(data, "DELETE FROM audit")
    assert "the end was cut off" in examine(run, data)["audit log"][1]


def test_a_database_of_an_older_version_is_no_fault(run: Cli, tmp_path: Path) -> None:
    build_older(tmp_path / "data", 7)
    before = read_tree(tmp_path / "data")
    found = examine(run, tmp_path / "data")
    assert found["root key"][0] == "ok"
    assert found["schema"][0] == "warn"
    assert "`lockgate serve`" in found["schema"][1]
    assert read_tree(tmp_path / "data") == before
