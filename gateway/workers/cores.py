"""How many processor cores this process may use.

Rule: a container's limit counts, not the machine's size.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

# Documentation of Linux: Documentation/admin-guide/cgroup-v2.rst, "cpu.max".
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def count_cores() -> int:
    """Return the number of cores, at least 1: what the scheduler allows, cut by the quota."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    text = ""
    with suppress(OSError, UnicodeDecodeError):
        text = _QUOTA.read_text()
    return max(1, min(cores, parse_quota(text) or cores))


def parse_quota(text: str) -> int | None:
    """Return the whole cores of a `cpu.max` line, rounded up; None where there is no limit."""
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004  quota, period
        return None
    quota, period = map(int, words)
    return -(-quota // period) if period else None
