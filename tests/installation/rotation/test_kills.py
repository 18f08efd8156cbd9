"""kill -9 at every step of a rotation: nothing lost, all whole, the next run finishes.

`python -m bench.rotation --kills 200` does it at random moments too, with a gateway beside.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rotating import STEPS, run
from gateway.entities import RotationPhase
from tests.installation.rotation.conftest import Build

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("reencrypt", [False, True], ids=["rewrap", "reencrypt"])
async def test_killed_at_every_step_in_turn(build: Build, reencrypt: bool) -> None:
    stage = await build(120)
    values = set(await stage.records())
    data = stage.installation.data_dir
    for step in STEPS:
        words = [sys.executable, "-m", "bench.rotating", str(data), "--at", step]
        words += ["--reencrypt"] if reencrypt else []
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL, (step, ended.stderr)
        await stage.check_whole()
        row = await run(data, reencrypt=False, step=lambda _: None)
        assert (row.phase, row.failed) == (RotationPhase.DONE, 0), step
        await stage.check_whole()
        assert set(await stage.records()) == values
