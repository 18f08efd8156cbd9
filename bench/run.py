"""One whole run: starts what is measured, takes every figure, returns them as one value."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cost
from bench.configsize import measure_sizes
from bench.memory import measure_memory
from bench.micro import measure_snapshot_s
from bench.plots import measure_load
from bench.processes import raise_file_limit
from bench.scale import measure_workers
from bench.subjects import (
    UNTRACKED,
    NotThereError,
    Subject,
    set_up,
    start_gateway,
    start_mock,
    start_nginx,
)
from bench.targets import Results, find_case, judge_all

PARTS = ("cost", "ledger", "memory", "workers", "sizes", "load")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    cases: tuple[cost.Case, ...]
    rounds: int
    requests: int  # of the single figures
    load_s: float
    parts: tuple[str, ...] = PARTS
    workers: int = 1


def measure_all(extent: Extent) -> Results:
    """Measure what the extent names; a part that cannot be measured leaves a reason."""
    raise_file_limit()
    results: Results = {"machine": _describe(extent), "cases": [], "missing": []}
    with tempfile.TemporaryDirectory() as name, start_mock() as mock:
        folder = Path(name)
        _say("memory at rest")
        _measure_on_one(results, extent, mock, folder)
        if "workers" in extent.parts:
            _say("one worker and two")
            found = measure_workers(mock, folder, extent.requests, extent.rounds)
            results["workers"] = found
            results["missing"] += [found["missing"]] if "missing" in found else []
        if "sizes" in extent.parts:
            _say("10 and 10,000 endpoints")
            results["sizes"] = measure_sizes(mock, folder, extent.requests, extent.rounds)
            results["sizes"]["build_s"] = measure_snapshot_s(10_000)
    results["targets"] = judge_all(results)
    return results


def _measure_on_one(results: Results, extent: Extent, mock: Subject, folder: Path) -> None:
    """Take the figures that one gateway gives; memory first, while it is fresh."""
    with ExitStack() as stack:
        bare = stack.enter_context(start_gateway(mock, folder / "data", workers=extent.workers))
        gateway = set_up(bare, mock)
        if "memory" in extent.parts:
            results["memory"] = measure_memory(gateway, 1_000)
        subjects = [mock, *_start_nginx(stack, mock, results), gateway]
        if "cost" in extent.parts:
            _say("cost of a request")
            results["cases"] = cost.measure_cases(subjects, extent.cases, extent.rounds)
        if "ledger" in extent.parts:
            _say("cost of the ledger")
            pairs = 3 * extent.rounds
            found = cost.measure_ledger(gateway, UNTRACKED, extent.requests // 2, pairs)
            results["ledger"] = found
        if {"load", "cost"} <= set(extent.parts):
            _say("latency over load")
            capacity = find_case(results, "plain", 600, 32)["lockgate"]["requests_per_s"]
            results["load"] = measure_load(subjects, capacity, extent.load_s)


def _start_nginx(stack: ExitStack, mock: Subject, results: Results) -> list[Subject]:
    try:
        return [stack.enter_context(start_nginx(mock))]
    except NotThereError as error:
        results["missing"].append(str(error))
        return []


def _say(what: str) -> None:
    print(f"bench: {what} ...", file=sys.stderr, flush=True)


def _describe(extent: Extent) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "cpu": _find_cpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "rounds": extent.rounds,
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "workers": extent.workers,
    }


def _find_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
