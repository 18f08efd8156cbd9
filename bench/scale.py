"""One worker and two: CPU per request of all processes, throughput, with and without a limit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.cost import Case, measure_once
from bench.figures import median_of, ratio
from bench.load import load
from bench.processes import list_tree, read_each_cpu_s, read_rss_mib
from bench.quota import limit_each
from bench.subjects import NotThereError, Subject, set_up, start_gateway

_SHARE = 0.3  # of a core for each worker: two of them leave more than one core to the others
_CONNECTIONS = 64


def measure_workers(mock: Subject, folder: Path, requests: int, rounds: int) -> dict[str, Any]:
    """Measure `--workers 1` and `--workers 2` in turns; a version without is a word of why."""
    found: dict[str, Any] = {}
    gateways: dict[int, Subject] = {}
    with ExitStack() as stack:
        for workers in (1, 2):
            data = folder / f"workers-{workers}"
            try:
                bare = stack.enter_context(start_gateway(mock, data, workers=workers))
            except NotThereError as error:
                found["missing"] = f"--workers {workers}: {error}"
                continue
            gateways[workers] = set_up(bare, mock)
            load(gateways[workers].target(), 2_000, _CONNECTIONS)
        taken: dict[int, list[dict[str, Any]]] = {workers: [] for workers in gateways}
        for _ in range(rounds):
            for workers, gateway in gateways.items():
                taken[workers].append(_measure(gateway, requests))
        for workers, gateway in gateways.items():
            found[str(workers)] = median_of(taken[workers]) | _read_memory(gateway)
    return found if "missing" in found else found | _compare(found["1"], found["2"])


def _compare(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    cost = ratio(one["cpu_us"], two["cpu_us"])
    return {
        "throughput_factor": ratio(two["requests_per_s"], one["requests_per_s"]),
        "limited_factor": ratio(two["limited_per_s"], one["limited_per_s"]),
        "cpu_factor": 2 * cost if cost else None,
    }


def _measure(gateway: Subject, requests: int) -> dict[str, Any]:
    before = read_each_cpu_s(gateway.pid or 0)
    found = measure_once(gateway, Case("plain", 600, _CONNECTIONS, requests))
    after = read_each_cpu_s(gateway.pid or 0)
    found["share_of_each"] = _split({pid: after[pid] - before.get(pid, 0) for pid in after})
    found["limited_per_s"] = _measure_limited(gateway, requests // 2)
    return found


def _read_memory(gateway: Subject) -> dict[str, Any]:
    parent, *workers = list_tree(gateway.pid or 0)
    return {
        "rss_parent_mib": read_rss_mib(parent),
        "rss_each_mib": [read_rss_mib(pid) for pid in workers],
    }


def _split(spent: dict[int, float]) -> list[float]:
    """Return each worker's share of the work; the parent of workers does none."""
    each = list(spent.values())[1:] or list(spent.values())
    return [value / sum(each) if sum(each) else 0.0 for value in each]


def _measure_limited(gateway: Subject, requests: int) -> float | None:
    tree = list_tree(gateway.pid or 0)
    with limit_each(tree[1:] or tree, _SHARE) as limited:
        if not limited:
            return None
        return load(gateway.target(), requests, _CONNECTIONS)["requests_per_s"]
