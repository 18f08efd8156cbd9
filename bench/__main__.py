"""``python -m bench``: the table of what a request costs, direct and through the gateway."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.mock import CHUNKS

_TOKEN = "bench-admin-token-of-this-run"


@contextmanager
def start(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a process for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def start_gateway(mock_port: int, folder: str) -> Iterator[tuple[int, str]]:
    """Run `lockgate serve` and yield its process id and URL."""
    env = {
        "LOCKGATE_ADMIN_TOKEN": _TOKEN,
        "LOCKGATE_ALLOWED_PRIVATE_ORIGINS": f"http://127.0.0.1:{mock_port}",
        "LOCKGATE_LOG_LEVEL": "WARNING",
    }
    command = ("gateway", "serve", "--data", f"{folder}/data", "--listen", "127.0.0.1:0")
    with start(*command, env=env) as process:
        for line in process.stdout or ():
            if match := re.search(r"http://[0-9.]+:[0-9]+", line):
                yield process.pid, match[0]
                return
        raise SystemExit("the gateway did not start")


def post(url: str, path: str, body: dict[str, object]) -> dict[str, str]:
    """Create one thing through REST."""
    request = urllib.request.Request(
        f"{url}/api/v1/{path}",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {_TOKEN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def set_up(url: str, mock_port: int) -> str:
    """Create secret, two models, an 80/20 endpoint and an api key; return the key."""
    secret = post(
        url,
        "secrets",
        {
            "secret_name": "bench",
            "provider": "openai_compatible",
            "secret_value": {"api_key": "bench-provider-key"},
            "auth_config": {"api_base": f"http://127.0.0.1:{mock_port}/v1"},
        },
    )
    mappings = []
    for name, weight in (("one", 80), ("two", 20)):
        model = post(
            url,
            "model-definitions",
            {
                "name": name,
                "provider": "openai_compatible",
                "model_name": f"bench-{name}",
                "secret_id": secret["secret_id"],
            },
        )
        mappings.append({"model_definition_id": model["model_definition_id"], "weight": weight})
    post(url, "endpoints", {"name": "bench", "model_mappings": mappings})
    return post(url, "api-keys", {"name": "bench"})["value"]


def read_cpu_s(pid: int) -> float:
    """Return user + system seconds of a process (Linux; elsewhere from ps)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    text = subprocess.check_output(["ps", "-o", "time=", "-p", str(pid)], text=True).strip()
    return sum(float(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))


def read_rss_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    text = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
    return round(int(text) / 1024, 1)


def load(url: str, key: str, requests: int, connections: int, mode: str) -> dict[str, float]:
    """Run one load in a process of its own."""
    words = [url, key, "bench", str(requests), str(connections), mode]
    command = [sys.executable, "-m", "bench.load", *words]
    return json.loads(subprocess.check_output(command, text=True))


def measure(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Take all measurements: per mode first direct, then through the gateway."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder, start("bench.mock") as mock:
        assert mock.stdout is not None
        mock_port = int(mock.stdout.readline())
        with start_gateway(mock_port, folder) as (pid, url):
            key = set_up(url, mock_port)
            load(url, key, 200, 4, "plain")  # warm: connections, caches
            for mode, share in (("plain", 1), ("stream", 10)):
                count = arguments.requests // share
                for connections in (1, arguments.connections):
                    direct = load(f"http://127.0.0.1:{mock_port}", key, count, connections, mode)
                    before = read_cpu_s(pid)
                    through = load(url, key, count, connections, mode)
                    cpu_us = (read_cpu_s(pid) - before) / count * 1e6
                    rows.append(
                        {
                            "mode": mode,
                            "connections": connections,
                            "cpu_us_per_request": round(cpu_us, 1),
                            "cpu_us_per_chunk": (
                                round(cpu_us / CHUNKS, 1) if mode == "stream" else None
                            ),
                            "rss_mib": read_rss_mib(pid),
                            "direct": direct,
                            "gateway": through,
                        }
                    )
    return rows


def report(rows: list[dict[str, object]]) -> str:
    """Write the table in Markdown."""
    lines = [
        (
            "| mode | connections | CPU µs/request | CPU µs/chunk | requests/s (direct) "
            "| p50 ms (direct) | p99 ms (direct) | failed | RSS MiB |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        direct, through = row["direct"], row["gateway"]
        lines.append(
            f"| {row['mode']} | {row['connections']} | {row['cpu_us_per_request']} "
            f"| {row['cpu_us_per_chunk'] or '-'} "
            f"| {through['requests_per_s']} ({direct['requests_per_s']}) "
            f"| {through['p50_ms']} ({direct['p50_ms']}) "
            f"| {through['p99_ms']} ({direct['p99_ms']}) "
            f"| {through['failed']} | {row['rss_mib']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="per buffered row")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments)
    print(json.dumps(rows, indent=2) if arguments.json else report(rows))


if __name__ == "__main__":
    main()
