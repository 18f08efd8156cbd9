from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gateway.installation.neighbours import FILE_NAME, take_seat

OTHER = """
import sys
from pathlib import Path
from gateway.installation.neighbours import take_seat
seat = take_seat(Path(sys.argv[1]))
print(*seat.others, flush=True)
sys.stdin.readline()
"""


def _start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )


def _read(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(pid) for pid in process.stdout.readline().split()]


def test_each_is_told_of_all_that_live(tmp_path: Path) -> None:
    with _start(tmp_path) as first, _start(tmp_path) as second:
        seen = [_read(first), _read(second)]
        assert sorted(map(len, seen)) == [0, 1]  # whoever came second saw the first
        seat = take_seat(tmp_path)
        assert set(seat.others) == {first.pid, second.pid}
        seat.leave()
        first.kill()
        first.wait()
        seat = take_seat(tmp_path)
        assert seat.others == (second.pid,)
        seat.leave()
        second.communicate("\n")
    assert take_seat(tmp_path).others == ()


def test_rubbish_in_the_file_is_nobody(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"\xff" * 300)
    seat = take_seat(tmp_path)
    assert seat.others == ()
    seat.leave()


def test_a_directory_that_cannot_be_written_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    assert take_seat(tmp_path).others == ()
