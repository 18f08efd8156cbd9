import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, sys
if sys.platform != "win32":
    import resource
from gateway.process import forget_passphrase_variable, harden_process
print(harden_process())
if sys.platform == "linux":
    print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
if sys.platform != "win32":
    print(resource.getrlimit(resource.RLIMIT_CORE))
forget_passphrase_variable()
print("LOCKGATE_PASSPHRASE" in os.environ)
forget_passphrase_variable()
"""


def run(environ: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_a_hardened_process_leaves_no_core_and_is_not_dumpable() -> None:
    missing, dumpable, core, _ = run({"PYTHONPATH": ":".join(sys.path)})
    assert missing == "()"
    assert dumpable == "0"
    assert core == "(0, 0)"


def test_no_child_inherits_the_passphrase() -> None:
    lines = run({"PYTHONPATH": ":".join(sys.path), "LOCKGATE_PASSPHRASE": "canary passphrase"})
    assert lines[-1] == "False"
