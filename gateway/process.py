"""What this process asks of the operating system for itself: keys kept inside, room for sockets.

Rule: best effort that is told, never a reason not to start; what it does not
defend against (root, the memory of a live process) is said in SECURITY.md.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
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


def raise_descriptor_limit() -> None:
    """Let this process and its children open as many files as the system allows them.

    Shells and service managers start programs with 1,024, for the sake of those that use
    ``select()``; a proxied request takes two.
    """
    try:
        import resource  # not on Windows
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has a hard limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def count_descriptors() -> int:
    """Return how many files this process may open; 0: the system does not say."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def forget_passphrase_variable() -> None:
    """Remove the passphrase from the environment, so that no child process inherits it."""
    forget_variables((PASSPHRASE_VARIABLE,))


def forget_variables(names: Iterable[str]) -> None:
    """Remove variables that hold secrets from the environment, so that no child inherits them."""
    for name in names:
        os.environ.pop(name, None)


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
