"""One worker and two: CPU per request of all processes, throughput, with and without a limit."""

from __future__ import annotations

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
    """Measure `--workers 1` and `--workers 2`; a version without workers is a word of why."""
    found: dict[str, Any] = {}
    for workers in (1, 2):
        try:
            found[str(workers)] = _measure(mock, folder, workers, requests, rounds)
        except NotThereError as error:
            return {**found, "missing": f"--workers {workers}: {error}"}
    one, two = found["1"], found["2"]
    cost = ratio(one["cpu_us"], two["cpu_us"])
    found["throughput_factor"] = ratio(two["requests_per_s"], one["requests_per_s"])
    found["limited_factor"] = ratio(two["limited_per_s"], one["limited_per_s"])
    found["cpu_factor"] = 2 * cost if cost else None
    return found


def _measure(
    mock: Subject, folder: Path, workers: int, requests: int, rounds: int
) -> dict[str, Any]:
    data = folder / f"workers-{workers}"
    with start_gateway(mock, data, workers=workers) as bare:
        gateway = set_up(bare, mock)
        load(gateway.target(), 2_000, _CONNECTIONS)
        before = read_each_cpu_s(gateway.pid or 0)
        case = Case("plain", 600, _CONNECTIONS, requests)
        found = median_of([measure_once(gateway, case) for _ in range(rounds)])
        after = read_each_cpu_s(gateway.pid or 0)
        found["share_of_each"] = _split({pid: after[pid] - before.get(pid, 0) for pid in after})
        found["limited_per_s"] = _measure_limited(gateway, requests // 2)
        tree = list_tree(gateway.pid or 0)
        found["rss_parent_mib"] = read_rss_mib(tree[0])
        found["rss_each_mib"] = [read_rss_mib(pid) for pid in tree[1:]]
        return found


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
