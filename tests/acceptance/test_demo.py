"""`lockgate demo`: the check says three times ok, and the printed curls work as pasted."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.acceptance.conftest import build_environ


def test_check_prints_three_right_answers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--check"],
        env=build_environ(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done
    assert [line[:4] for line in done.stdout.splitlines()] == ["ok  "] * 3
    assert "attempts 2" in done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_the_printed_curls_work_as_pasted() -> None:
    command = [sys.executable, "-u", "-m", "gateway", "demo", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, env=build_environ(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed = ""
        while printed.count("curl ") < 4 or not printed.endswith("}'\n"):
            line = process.stdout.readline()
            assert line, printed
            printed += line
        curls = re.findall(r"^curl .*?\}'$", printed, re.DOTALL | re.MULTILINE)
        answers = [
            subprocess.run(
                ["bash", "-c", curl], capture_output=True, text=True, timeout=30, check=True
            ).stdout
            for curl in curls
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert '"chat.completion"' in answers[0]
    assert answers[1].rstrip().endswith("data: [DONE]")
    assert re.search(r"x-lockgate-attempts: 2", answers[2], re.IGNORECASE)
    assert '"type":"message"' in answers[3]
    assert '"stop_reason":"end_turn"' in answers[3]
