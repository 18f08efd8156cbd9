"""The size of the configuration: 10 and 10,000 endpoints, at rest and while it changes."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import rest as control
from bench.cost import Case, measure_once
from bench.figures import median_of, ratio
from bench.load import load
from bench.many import fill
from bench.openloop import start_open_load
from bench.subjects import ENDPOINT, Subject, start_gateway, with_key

SIZES = (10, 10_000)
_WRITES_PER_S = 10.0
_RATE = 400.0  # steady requests a second: far from the limit, so that a wait is a pause


class Writer(threading.Thread):
    """Changes an endpoint's weights some times a second until it is told to stop."""

    def __init__(self, gateway: Subject) -> None:
        super().__init__(daemon=True)
        self._rest = gateway.rest
        self._stopping = threading.Event()
        self.took_s: list[float] = []
        self.fault: str | None = None

    def run(self) -> None:
        try:
            self._write_all()
        except (OSError, RuntimeError) as error:
            self.fault = str(error)

    def _write_all(self) -> None:
        found = self._rest.call("GET", f"/api/v1/endpoints?name={ENDPOINT}")["items"][0]
        names = [row["model_definition_id"] for row in found["model_mappings"]]
        path = f"/api/v1/endpoints/{found['endpoint_id']}"
        while not self._stopping.is_set():
            started = time.perf_counter()
            weights = (80, 20) if len(self.took_s) % 2 else (70, 30)
            rows = [
                {"model_definition_id": name, "weight": weight}
                for name, weight in zip(names, weights, strict=True)
            ]
            self._rest.call("PATCH", path, {"model_mappings": rows})
            took_s = time.perf_counter() - started
            self.took_s.append(took_s)
            self._stopping.wait(max(0.0, 1 / _WRITES_PER_S - took_s))

    def stop(self) -> None:
        """End the writing and wait for the last write."""
        self._stopping.set()
        self.join(90)


def measure_sizes(mock: Subject, folder: Path, requests: int, rounds: int) -> dict[str, Any]:
    """Measure gateways with few and with many endpoints in turns, then each while it changes."""
    taken: dict[int, list[dict[str, Any]]] = {size: [] for size in SIZES}
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        gateways = {size: _start(stack, mock, folder, size) for size in SIZES}
        case = Case("plain", 600, 32, requests)
        for _ in range(rounds):
            for size, gateway in gateways.items():
                taken[size].append(measure_once(gateway, case))
        for size, gateway in gateways.items():
            row = median_of(taken[size])
            found[str(size)] = {"cpu_us": row["cpu_us"], "rss_mib": row["rss_mib"]}
            found[str(size)] |= measure_pause(gateway, seconds=max(2.0, requests / 1000))
    few, many = (found[str(size)] for size in SIZES)
    found["cost_ratio"] = ratio(many["cpu_us"], few["cpu_us"])
    return found


def _start(stack: ExitStack, mock: Subject, folder: Path, size: int) -> Subject:
    data = folder / f"endpoints-{size}"
    fill(data, mock.url, size)
    gateway = stack.enter_context(start_gateway(mock, data))
    gateway = with_key(gateway, control.create_key(gateway.rest, "bench"))
    load(gateway.target(), 400, 16)
    return gateway


def measure_pause(gateway: Subject, seconds: float) -> dict[str, Any]:
    """Return the longest wait of steady requests, without changes and while there are some."""
    quiet = _run_steady(gateway, seconds)
    writer = Writer(gateway)
    writer.start()
    busy = _run_steady(gateway, seconds)
    writer.stop()
    writes = len(writer.took_s)
    return {
        "quiet_max_ms": quiet["max_ms"],
        "quiet_p99_ms": quiet["p99_ms"],
        "changing_max_ms": busy["max_ms"],
        "changing_p99_ms": busy["p99_ms"],
        "failed": quiet["failed"] + busy["failed"],
        "writes": writes,
        "write_ms": sum(writer.took_s) / writes * 1000 if writes else None,
        "fault": writer.fault,
    }


def _run_steady(gateway: Subject, seconds: float) -> dict[str, Any]:
    with start_open_load(gateway.target(), _RATE, seconds, poisson=False) as running:
        return json.loads(running.communicate()[0])
