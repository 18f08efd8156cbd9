from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from gateway.workers.claims import Claims

pytest.importorskip("fcntl", reason="workers exist only where files can be locked")

OTHER = """
import sys
from gateway.workers.claims import Claims
claims = Claims(int(sys.argv[1]))
for line in sys.stdin:
    print(claims.take(line.strip()), flush=True)
"""


class Other:
    """Another process with the same file."""

    def __init__(self, descriptor: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(descriptor)],
            pass_fds=(descriptor,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def take(self, key: str) -> bool:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{key}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "True\n"

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def descriptor() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


@pytest.fixture
def other(descriptor: int) -> Iterator[Other]:
    other = Other(descriptor)
    yield other
    other.end()


def test_one_process_has_the_claim_until_it_gives_it_back(descriptor: int, other: Other) -> None:
    own = Claims(descriptor)
    assert own.take("d-1.a")
    assert own.take("d-1.a")
    assert not other.take("d-1.a")
    assert other.take("d-2.b")
    assert not own.take("d-2.b")
    own.give_back("d-1.a")
    assert other.take("d-1.a")


def test_a_process_that_dies_leaves_no_claim(descriptor: int, other: Other) -> None:
    own = Claims(descriptor)
    assert other.take("d-1.a")
    assert not own.take("d-1.a")
    other.end()
    assert own.take("d-1.a")


def test_where_nothing_can_be_locked_everybody_may_probe() -> None:
    claims = Claims(1 << 20)  # no such file is open
    assert claims.take("d-1.a")
    claims.give_back("d-1.a")
