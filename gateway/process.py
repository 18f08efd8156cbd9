"""What keeps keys inside of the process.

Rule: best effort that is told, never a reason not to start; what it does not
defend against (root, the memory of a live process) is said in SECURITY.md.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>
PASSPHRASE_VARIABLE = "LOCKGATE_PASSPHRASE"  # noqa: S105  # its name, not its value


def harden_process() -> tuple[str, ...]:
    """Switch core dumps off and make the process undumpable; return what did not work.

    On Linux, undumpable also keeps other processes of the same user from attaching a debugger
    and from reading ``/proc/PID/environ`` and ``/proc/PID/mem``.
    """
    missing = []
    if not _forbid_core_dumps():
        missing.append("core dumps cannot be switched off here")
    if not _forbid_attaching():
        missing.append("the process cannot be made undumpable here")
    return tuple(missing)


def forget_passphrase_variable() -> None:
    """Remove the passphrase from the environment, so that no child process inherits it."""
    os.environ.pop(PASSPHRASE_VARIABLE, None)


def _forbid_core_dumps() -> bool:
    try:
        import resource  # not on Windows
    except ImportError:
        return False
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return True
    return False


def _forbid_attaching() -> bool:
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        return bool(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    return False
