"""The targets, each with its figure: a table of functions over the results of one run.

Rule: a figure that was not taken is neither reached nor missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.figures import show

Results = dict[str, Any]
Found = float | None


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target: what, the limit with its sense, how the figure and its companion are read."""

    number: str
    name: str
    limit: float
    unit: str
    read: Callable[[Results], Found]
    beside: Callable[[Results], str] = lambda _: "-"
    at_least: bool = False

    def judge(self, results: Results) -> dict[str, Any]:
        """Return the row of one run."""
        try:
            figure = self.read(results)
        except (KeyError, TypeError):
            figure = None
        return {
            "number": self.number,
            "name": self.name,
            "limit": f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".strip(),
            "figure": figure,
            "unit": self.unit,
            "beside": _read_beside(self.beside, results),
            "reached": self._is_reached(figure),
        }

    def _is_reached(self, figure: Found) -> bool | None:
        if figure is None:
            return None
        return figure >= self.limit if self.at_least else figure <= self.limit


def _read_beside(read: Callable[[Results], str], results: Results) -> str:
    try:
        return read(results)
    except (KeyError, TypeError):
        return "-"


def find_case(results: Results, kind: str, size: int, connections: int | None = None) -> Results:
    """Return the subjects of a case; with no number of connections the largest up to 32."""
    fitting = [
        row
        for row in results["cases"]
        if (row["kind"], row["size"]) == (kind, size)
        and (row["connections"] == connections if connections else row["connections"] <= 32)
    ]
    if not fitting:
        raise KeyError(f"{kind}, {size} B")
    return max(fitting, key=lambda row: row["connections"])["subjects"]


def over_direct_us(subjects: Results, name: str, figure: str) -> float:
    """Return what a subject adds to a latency, in microseconds."""
    return (subjects[name][figure] - subjects["direct"][figure]) * 1000


def _cpu(results: Results) -> Found:
    return find_case(results, "plain", 600, 32)["lockgate"]["cpu_us"]


def _nginx_cpu(results: Results) -> str:
    cpu_us = find_case(results, "plain", 600, 32)["nginx"]["cpu_us"]
    return f"nginx {show(cpu_us)} µs; {_cpu(results) / cpu_us:.1f} times"


def _added(kind: str, figure: str) -> tuple[Callable[[Results], Found], Callable[[Results], str]]:
    def read(results: Results) -> Found:
        return over_direct_us(find_case(results, kind, 600, 1), "lockgate", figure)

    def beside(results: Results) -> str:
        added_us = over_direct_us(find_case(results, kind, 600, 1), "nginx", figure)
        return f"nginx {show(added_us)} µs"

    return read, beside


def _chunk(name: str) -> Callable[[Results], Found]:
    return lambda results: find_case(results, "stream", 600, 32)[name]["cpu_us_per_chunk"]


def _factor(results: Results) -> Found:
    """Prefer what was measured under a limit; what CPU alone says cannot see waiting."""
    workers = results["workers"]
    return workers["limited_factor"] or workers["cpu_factor"]


def _pause(results: Results) -> Found:
    sizes = [results["sizes"][size] for size in ("10", "10000")]
    return max(size["changing_max_ms"] - size["quiet_max_ms"] for size in sizes)


def _large_body(results: Results, name: str) -> float:
    large = find_case(results, "plain", 1_000_000)[name]["cpu_us"]
    return large - find_case(results, "plain", 600, 32)[name]["cpu_us"]


TARGETS = (
    TargetRow("1", "buffered: CPU per request, at first", 60, "µs", _cpu, _nginx_cpu),
    TargetRow("1", "buffered: CPU per request, then", 35, "µs", _cpu, _nginx_cpu),
    TargetRow("1", "added latency, 1 connection, p50", 150, "µs", *_added("plain", "p50_ms")),
    TargetRow("1", "added latency, 1 connection, p99", 1000, "µs", *_added("plain", "p99_ms")),
    TargetRow(
        "2",
        "stream: CPU per chunk",
        20,
        "µs",
        _chunk("lockgate"),
        lambda results: f"nginx {show(_chunk('nginx')(results))} µs",
    ),
    TargetRow(
        "2", "stream: time to first byte, added", 200, "µs", *_added("stream", "first_byte_p50_ms")
    ),
    TargetRow(
        "3",
        "two workers over one",
        1.8,
        "times",
        _factor,
        lambda results: f"throughput {show(results['workers']['throughput_factor'])} times",
        at_least=True,
    ),
    TargetRow(
        "3",
        "memory of an idle worker",
        80,
        "MiB",
        lambda results: results["memory"]["idle_mib_per_worker"],
    ),
    TargetRow(
        "3",
        "memory of 1,000 open streams, added",
        20,
        "MiB",
        lambda results: results["memory"]["streams_mib"] * 1000 / results["memory"]["streams"],
    ),
    TargetRow(
        "4",
        "CPU with 10,000 endpoints over 10",
        1.05,
        "times",
        lambda results: results["sizes"]["cost_ratio"],
    ),
    TargetRow(
        "4",
        "snapshot of 10,000 endpoints built",
        1,
        "s",
        lambda results: results["sizes"]["build_s"],
    ),
    TargetRow(
        "4",
        "longest wait added by changes",
        20,
        "ms",
        _pause,
        lambda results: f"without {show(results['sizes']['10000']['quiet_max_ms'])} ms",
    ),
    TargetRow(
        "5",
        "a body of 1 MB under way: memory",
        1.5,
        "MiB",
        lambda results: results["memory"]["mib_per_body_of_1_mb"],
        lambda results: (
            f"CPU {show(_large_body(results, 'lockgate'))} µs, "
            f"nginx {show(_large_body(results, 'nginx'))} µs"
        ),
    ),
    TargetRow(
        "6",
        "ledger: CPU per request",
        5,
        "µs",
        lambda results: results["ledger"]["ledger_us"],
        lambda results: (
            f"pairs {show(results['ledger']['least_us'])} to "
            f"{show(results['ledger']['most_us'])} µs; "
            f"without {show(results['ledger']['untracked_us'])} µs"
        ),
    ),
)


def judge_all(results: Results) -> list[dict[str, Any]]:
    """Return a row for each target."""
    return [target.judge(results) for target in TARGETS]
