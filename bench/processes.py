"""Processes under measurement: started for a block, their CPU time, memory, files and threads.

Rule: a figure is of the whole tree of processes, since a server with workers is a parent with
children.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_LINUX = (_PROC / "self" / "stat").exists()


def raise_file_limit() -> None:
    """Allow as many open files as this user may have; children inherit it."""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def start(
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    log: Path | None = None,
    folder: Path | None = None,
    wait_s: float = 40.0,
) -> Iterator[subprocess.Popen[str]]:
    """Run a process for the length of the block; its stderr goes to `log`, else to ours."""
    errors = log.open("w") if log else None
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=folder,
        env={**os.environ, **(env or {})},
    )
    try:
        yield process
    finally:
        born = _read_births(list_tree(process.pid)[1:])
        end(process, wait_s)
        _end_orphans(born)
        for stream in (process.stdin, process.stdout, errors):
            if stream:
                stream.close()


def start_module(
    *words: str, env: dict[str, str] | None = None, log: Path | None = None
) -> contextmanager:
    """Run a module of this checkout for the length of the block."""
    return start([sys.executable, "-m", *words], env=env, log=log)


def end(process: subprocess.Popen[str], wait_s: float = 40.0) -> None:
    """Ask a process to stop; end it if it does not."""
    with suppress(OSError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read_births(pids: list[int]) -> dict[int, str]:
    """Return when each process began: with its id it names one process for good."""
    born = {}
    for pid in pids if _LINUX else ():
        with suppress(OSError):
            born[pid] = _read_stat(pid)[19]
    return born


def _end_orphans(born: dict[int, str]) -> None:
    """End children that outlived their parent, and nothing that took over their numbers."""
    for pid, _ in _read_births(list(born)).items() & born.items():
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens at, for programs that do not choose one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen[str], limit_s: float) -> bool:
    """Wait until something listens at the port; False where the process ended or time ran out."""
    end_at = time.monotonic() + limit_s
    while time.monotonic() < end_at and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return True
        time.sleep(0.1)
    return False


# --- the tree -----------------------------------------------------------------------------


def list_tree(pid: int) -> list[int]:
    """Return a process and all that descend from it, the process first."""
    children: dict[int, list[int]] = {}
    for child, parent in _list_parents():
        children.setdefault(parent, []).append(child)
    tree = [pid]
    for member in tree:
        tree.extend(children.get(member, ()))
    return tree


def _list_parents() -> Iterator[tuple[int, int]]:
    if not _LINUX:
        text = subprocess.check_output(["ps", "-axo", "pid=,ppid="], text=True)
        yield from (tuple(map(int, line.split())) for line in text.splitlines())
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), int(_read_stat(int(entry.name))[1])


def _read_stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on: the name may hold blanks."""
    return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()


# --- CPU ----------------------------------------------------------------------------------


def read_cpu_s(pid: int) -> float:
    """Return the CPU seconds (user + system) of a whole tree, threads and ended ones included."""
    return sum(read_each_cpu_s(pid).values())


def read_each_cpu_s(pid: int) -> dict[int, float]:
    """Return the CPU seconds of each process of a tree."""
    found = {}
    for member in list_tree(pid):
        with suppress(OSError, subprocess.CalledProcessError):
            found[member] = _read_cpu_linux_s(member) if _LINUX else _read_cpu_ps_s(member)
    return found


def _read_cpu_linux_s(pid: int) -> float:
    """Take the finer of two accounts: schedstat has nanoseconds but forgets ended threads."""
    fields = _read_stat(pid)
    by_ticks_s = (int(fields[11]) + int(fields[12])) * _TICK_S
    fine_ns = 0
    for task in (_PROC / str(pid) / "task").iterdir():
        with suppress(OSError):
            fine_ns += int((task / "schedstat").read_text().split()[0])
    return max(by_ticks_s, fine_ns / 1e9)


def _read_cpu_ps_s(pid: int) -> float:
    text = subprocess.check_output(["ps", "-o", "time=", "-p", str(pid)], text=True).strip()
    parts = re.split(r"[-:]", text)
    return sum(float(part) * 60**place for place, part in enumerate(reversed(parts)))


# --- memory, files, threads ---------------------------------------------------------------


def read_rss_mib(pid: int) -> float:
    """Return the resident memory of one process in MiB."""
    status = _PROC / str(pid) / "status"
    if status.exists():
        match = re.search(r"VmRSS:\s+(\d+)", status.read_text())
        return int(match[1]) / 1024 if match else 0.0
    text = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
    return int(text) / 1024


def read_tree_rss_mib(pid: int) -> float:
    """Return the sum over a tree; pages that processes share count for each."""
    total = 0.0
    for member in list_tree(pid):
        with suppress(OSError, subprocess.CalledProcessError):
            total += read_rss_mib(member)
    return total


def read_worker_rss_mib(pid: int) -> float:
    """Return the largest worker's memory: of the children where there are some, else of itself."""
    workers = list_tree(pid)[1:] or [pid]
    return max(read_rss_mib(worker) for worker in workers)


def settled_rss_mib(pid: int, *, samples: int = 5, pause_s: float = 0.2) -> float:
    """Return the median of some looks at a tree's memory."""
    looks = []
    for _ in range(samples):
        looks.append(read_tree_rss_mib(pid))
        time.sleep(pause_s)
    return statistics.median(looks)


def count_files(pid: int) -> int | None:
    """Return the open files of a tree; None where this user may not see them."""
    try:
        return sum(
            sum(1 for _ in (_PROC / str(member) / "fd").iterdir()) for member in list_tree(pid)
        )
    except OSError:
        return None


def count_threads(pid: int) -> int | None:
    """Return the threads of a tree; None where they cannot be counted."""
    try:
        return sum(int(_read_stat(member)[17]) for member in list_tree(pid))
    except OSError:
        return None
