"""A share of one core for a process: how two workers can be measured on a machine of two cores.

Generator and mock need cores too. With all cores busy a second worker only takes what the first
left over, and throughput says nothing of the program. Held to a small share of a core each, one
worker or two leave the machine mostly idle, and their throughput is their own.

Rule: needs a writable control group (root on Linux); where there is none, nothing is limited.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 10_000  # shorter than the kernel's usual 100 ms: latency stays near the truth


def find_base() -> Path | None:
    """Return the folder in which groups with a CPU limit can be made."""
    if "cpu" in _read(_ROOT / "cgroup.controllers").split():
        base = _ROOT
    elif (_ROOT / "cpu" / "cpu.cfs_quota_us").exists():
        base = _ROOT / "cpu"
    else:
        return None
    return base if os.access(base, os.W_OK) else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@contextmanager
def limit_each(pids: Sequence[int], share: float) -> Iterator[bool]:
    """Hold each process to a share of one core; yields False where that cannot be done."""
    base, groups = find_base(), list[Path]()
    try:
        yield base is not None and _limit_all(base, pids, share, groups)
    finally:
        for pid in pids:
            with suppress(OSError):
                ((base or _ROOT) / "cgroup.procs").write_text(str(pid))
        for group in groups:
            with suppress(OSError):
                group.rmdir()


def _limit_all(base: Path, pids: Sequence[int], share: float, groups: list[Path]) -> bool:
    try:
        for pid in pids:
            group = base / f"lockgate-bench-{pid}"
            group.mkdir()
            groups.append(group)
            _set_quota(group, int(PERIOD_US * share))
            (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        return False
    return True


def _set_quota(group: Path, quota_us: int) -> None:
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        return
    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (group / "cpu.cfs_quota_us").write_text(str(quota_us))
