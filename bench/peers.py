"""``python -m bench.peers``: other gateways beside Lockgate, on the same mock with the same body.

Each is installed into a folder of its own under `.bench/peers` (a virtual environment or an npm
prefix) and started as its documentation says, on loopback, with logs and telemetry off where there
is a switch. One that does not install or start is a row that says why.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.figures import median_of, ratio, table
from bench.launches import KEY, PEERS, Peer
from bench.load import load, positive
from bench.processes import (
    free_port,
    raise_file_limit,
    read_cpu_s,
    read_tree_rss_mib,
    start,
    wait_for_port,
)
from bench.subjects import (
    NotThereError,
    Subject,
    set_up,
    start_gateway,
    start_mock,
    start_nginx,
)
from bench.wire import Target, dump_body

ROOT = Path(".bench/peers")
_CONNECTIONS = 32
_INSTALL_LIMIT_S = 1800
_START_LIMIT_S = 180
_FIRST_S = 60  # until the first good answer: some load their models lazily
_RUN_S = 6.0  # a slow peer gets fewer requests, not more time


def install(peer: Peer) -> Path:
    """Install a peer into its folder unless it is there. Raises NotThereError with the reason."""
    home = (ROOT / peer.short).resolve()
    if (home / peer.program).exists():
        return home
    home.mkdir(parents=True, exist_ok=True)
    print(f"bench.peers: installing {peer.package} ...", file=sys.stderr, flush=True)
    if peer.package.startswith("@"):
        if shutil.which("npm") is None:
            raise NotThereError("npm is not on PATH")
        _run(["npm", "install", "--no-fund", "--no-audit", "--prefix", str(home), peer.package])
    else:
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(home / "bin/python"), "-m", "pip", "install", "--quiet", peer.package])
    return home


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotThereError("the installation took too long") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no word of why"]
        raise NotThereError(f"did not install: {lines[-1][:160]}")


@contextmanager
def start_peer(peer: Peer, mock: Subject) -> Iterator[tuple[Subject, Target]]:
    """Run a peer until it answers. Raises NotThereError with the reason where it does not."""
    home = install(peer)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        launch = peer.build(home, folder, port, mock.url)
        for file, text in launch.files.items():
            (folder / file).write_text(text)
        log = folder / "log"
        with start(launch.command, env=launch.env, log=log, folder=folder, wait_s=10) as process:
            if not wait_for_port(port, process, _START_LIMIT_S):
                raise NotThereError(f"did not start: {_read_end(log)}")
            subject = Subject(peer.name, f"http://127.0.0.1:{port}", process.pid, KEY)
            base = subject.target(launch.model)
            target = Target(base.url, base.key, base.model, launch.path, launch.headers)
            _wait_for_answer(target)
            yield subject, target


def _read_end(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no word of why"


def _wait_for_answer(target: Target) -> None:
    end_at, reason = time.monotonic() + _FIRST_S, "no answer"
    while time.monotonic() < end_at:
        reason = _ask(target)
        if not reason:
            return
        time.sleep(1)
    raise NotThereError(f"does not answer: {reason[:160]}")


def _ask(target: Target) -> str:
    """Return why a request did not go well, empty where it did."""
    headers = dict(line.split(": ", 1) for line in target.headers)
    headers |= {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"}
    body = dump_body(target.model, stream=False)
    request = urllib.request.Request(target.url + target.path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return "" if b"quick brown fox" in response.read() else "not the mock's answer"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read()[:120].decode(errors='replace')}"
    except OSError as error:
        return str(error)


def measure_peer(subject: Subject, target: Target, most: int, rounds: int) -> dict[str, Any]:
    """Load a running gateway; as many requests as it answers within some seconds."""
    probe = load(target, 64, 8)
    probe = load(target, 200, _CONNECTIONS)
    requests = max(200, min(most, int(probe["requests_per_s"] * _RUN_S)))
    taken = []
    for _ in range(rounds):
        before_s, started_s = read_cpu_s(subject.pid or 0), time.monotonic()
        found = load(target, requests, _CONNECTIONS)
        spent_s = read_cpu_s(subject.pid or 0) - before_s
        found["cores"] = spent_s / (time.monotonic() - started_s)
        found["cpu_us"] = spent_s / requests * 1e6
        taken.append(found)
    row = median_of(taken)
    row |= {"name": subject.name, "requests": requests, "per_core": 1e6 / row["cpu_us"]}
    row["rss_mib"] = read_tree_rss_mib(subject.pid or 0)
    return row


def measure_peers(names: Sequence[str], most: int, rounds: int) -> list[dict[str, Any]]:
    """Measure nginx, Lockgate and the peers, one after the other, each alone on the machine."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, start_mock() as mock:
        starts: list[tuple[str, Callable[[ExitStack], tuple[Subject, Target]]]] = [
            ("nginx", lambda stack: _own(stack.enter_context(start_nginx(mock)))),
            ("lockgate", lambda stack: _own(_start_lockgate(stack, mock, Path(folder) / "data"))),
        ]
        starts += [
            (peer.name, lambda stack, peer=peer: stack.enter_context(start_peer(peer, mock)))
            for peer in PEERS
            if peer.short in names
        ]
        for name, begin in starts:
            rows.append(_measure_one(name, begin, most, rounds))
    ours = next(row for row in rows if row["name"] == "lockgate")
    for row in rows:
        row["over_lockgate"] = ratio(row.get("cpu_us"), ours.get("cpu_us"))
    return rows


def _own(subject: Subject) -> tuple[Subject, Target]:
    return subject, subject.target()


def _start_lockgate(stack: ExitStack, mock: Subject, data: Path) -> Subject:
    return set_up(stack.enter_context(start_gateway(mock, data)), mock)


def _measure_one(
    name: str, begin: Callable[[ExitStack], tuple[Subject, Target]], most: int, rounds: int
) -> dict[str, Any]:
    print(f"bench.peers: {name} ...", file=sys.stderr, flush=True)
    try:
        with ExitStack() as stack:
            subject, target = begin(stack)
            return measure_peer(subject, target, most, rounds)
    except (NotThereError, subprocess.CalledProcessError) as error:
        return {"name": name, "missing": str(error)}


def write_report(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table in Markdown, and a line for each that is missing."""
    heads = ("gateway", "CPU µs/request", "over Lockgate", "requests/s per core", "requests/s")
    heads += ("cores used", "p50 ms", "p99 ms", "failed", "RSS MiB")
    names = ("cpu_us", "over_lockgate", "per_core", "requests_per_s", "cores")
    names += ("p50_ms", "p99_ms", "failed", "rss_mib")
    measured = [row for row in rows if "missing" not in row]
    cells = [(row["name"], *(row[name] for name in names)) for row in measured]
    missing = [f"{row['name']}: {row['missing']}." for row in rows if "missing" in row]
    return "\n\n".join([table(heads, cells), *missing])


def main() -> None:
    """Parse the arguments, measure, print."""
    known = [peer.short for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("peers", nargs="*", help=f"some of: {', '.join(known)}; all without")
    parser.add_argument("--most", type=positive, default=20_000, help="requests for each at most")
    parser.add_argument("--rounds", type=positive, default=1)
    parser.add_argument("--json", type=Path, default=Path(".bench/peers.json"), metavar="FILE")
    arguments = parser.parse_args()
    if unknown := set(arguments.peers) - set(known):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    raise_file_limit()
    rows = measure_peers(arguments.peers or known, arguments.most, arguments.rounds)
    print(write_report(rows))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
