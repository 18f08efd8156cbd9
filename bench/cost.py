"""What a request costs: the same load to each subject in turns, several rounds, medians."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.figures import median_of
from bench.load import load
from bench.mock import CHUNKS
from bench.processes import read_cpu_s, read_tree_rss_mib
from bench.subjects import ENDPOINT, GATEWAY, TRANSLATED, Subject


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of load. `kind` is ``plain`` or ``stream``; `translated`: openai->anthropic."""

    kind: str
    size: int
    connections: int
    requests: int
    translated: bool = False

    @property
    def label(self) -> str:
        """A few words for a row."""
        size = f"{self.size // 1_000_000} MB" if self.size >= 1_000_000 else f"{self.size:,} B"
        kind = f"{self.kind} translated openai->anthropic" if self.translated else self.kind
        return f"{kind}, {size.replace('0,000 B', '0 KB')}, {self.connections}"


# Enough requests for about 1 % of CPU time's own noise, few enough for some minutes in all.
FULL = (
    Case("plain", 600, 1, 5_000),
    Case("plain", 600, 32, 20_000),
    Case("plain", 600, 256, 20_000),
    Case("plain", 10_000, 1, 3_000),
    Case("plain", 10_000, 32, 10_000),
    Case("plain", 1_000_000, 1, 200),
    Case("plain", 1_000_000, 32, 600),
    Case("stream", 600, 1, 60),
    Case("stream", 600, 32, 2_000),
    Case("stream", 600, 256, 3_000),
    Case("plain", 600, 32, 10_000, translated=True),
    Case("stream", 600, 32, 2_000, translated=True),
)
QUICK = (
    Case("plain", 600, 1, 800),
    Case("plain", 600, 32, 3_000),
    Case("plain", 10_000, 32, 800),
    Case("plain", 1_000_000, 8, 40),
    Case("stream", 600, 1, 20),
    Case("stream", 600, 32, 320),
    Case("plain", 600, 32, 1_500, translated=True),
    Case("stream", 600, 32, 320, translated=True),
)


def measure_once(subject: Subject, case: Case, model: str = ENDPOINT) -> dict[str, Any]:
    """Run one load and return its figures with the CPU time of the subject's processes."""
    before_s = read_cpu_s(subject.pid) if subject.pid else 0.0
    found = load(
        subject.target(model),
        case.requests,
        case.connections,
        stream=case.kind == "stream",
        size=case.size,
    )
    if subject.pid:
        cpu_us = (read_cpu_s(subject.pid) - before_s) / case.requests * 1e6
        found["cpu_us"] = cpu_us
        found["cpu_us_per_chunk"] = cpu_us / CHUNKS if case.kind == "stream" else None
        found["rss_mib"] = read_tree_rss_mib(subject.pid)
    return found


def measure_cases(
    subjects: Sequence[Subject], cases: Sequence[Case], rounds: int
) -> list[dict[str, Any]]:
    """Measure every case for every subject, in turns."""
    for subject in subjects:
        load(subject.target(), 400, 16)  # warm: connections, caches
    rows = []
    for case in cases:
        taken: dict[str, list[dict[str, Any]]] = {subject.name: [] for subject in subjects}
        for _ in range(rounds):
            for subject in subjects:
                # Whoever does not translate is asked the same as ever, to be beside it.
                model = TRANSLATED if case.translated and subject.name == GATEWAY else ENDPOINT
                taken[subject.name].append(measure_once(subject, case, model))
        by_subject = {name: median_of(found) for name, found in taken.items()}
        rows.append({**asdict(case), "label": case.label, "subjects": by_subject})
    return rows


def measure_ledger(gateway: Subject, untracked: str, requests: int, pairs: int) -> dict[str, Any]:
    """Measure one endpoint with its usage tracked and one without, side by side.

    The figure is the median of the pairs' differences: it is a few of a hundred microseconds, and
    the machine's own pace drifts by more than that within a run.
    """
    case = Case("plain", 600, 32, requests)
    taken: dict[str, list[float]] = {ENDPOINT: [], untracked: []}
    for turn in range(pairs):
        names = (ENDPOINT, untracked) if turn % 2 == 0 else (untracked, ENDPOINT)
        for name in names:
            taken[name].append(_measure_flushed(gateway, case, name))
    differences = [
        with_rows - without
        for with_rows, without in zip(taken[ENDPOINT], taken[untracked], strict=True)
    ]
    return {
        "tracked_us": statistics.median(taken[ENDPOINT]),
        "untracked_us": statistics.median(taken[untracked]),
        "ledger_us": statistics.median(differences),
        "least_us": min(differences),
        "most_us": max(differences),
    }


def _measure_flushed(gateway: Subject, case: Case, name: str) -> float:
    """Return the CPU per request, the storing of the last rows included."""
    found = measure_once(gateway, case, name)
    before_s = read_cpu_s(gateway.pid or 0)
    gateway.rest.call("GET", "/api/v1/usage?limit=1")
    return found["cpu_us"] + (read_cpu_s(gateway.pid or 0) - before_s) / case.requests * 1e6
