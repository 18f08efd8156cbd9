"""The charts of one run: CPU per request, and latency over load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.openloop import open_load
from bench.subjects import Subject
from bench.svg import Bar, Line, draw_bars, draw_lines
from bench.targets import Results, find_case

_STEPS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9)
_COLOURS = {"lockgate": 0, "nginx": 1, "direct": 3}


def measure_load(
    subjects: Sequence[Subject], capacity: float, seconds: float, steps: Sequence[float] = _STEPS
) -> list[dict[str, Any]]:
    """Offer shares of a throughput at random arrival times, to each subject in turns."""
    rows = []
    for step in steps:
        for subject in subjects:
            found = open_load(subject.target(), capacity * step, seconds)
            rows.append({"subject": subject.name, "rate": capacity * step, **found})
    return rows


def write_plots(results: Results, folder: Path, peers: Sequence[dict[str, Any]] = ()) -> list[Path]:
    """Write the charts whose figures are there; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write(folder / "bench-cpu.svg", _draw_cpu(results, peers))]
    if results.get("load"):
        written.append(_write(folder / "bench-latency.svg", _draw_latency(results["load"])))
    return written


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _draw_cpu(results: Results, peers: Sequence[dict[str, Any]]) -> str:
    subjects = find_case(results, "plain", 600, 32)
    bars = [
        Bar(
            f"{name} (plain proxy)" if name == "nginx" else "Lockgate", row["cpu_us"], _colour(name)
        )
        for name, row in subjects.items()
        if name != "direct"
    ]
    known = {"lockgate", "nginx"}
    # By their ratio: the peers ran in another hour, perhaps of a slower machine.
    bars += [
        Bar(peer["name"], peer["over_lockgate"] * subjects["lockgate"]["cpu_us"], 2)
        for peer in peers
        if peer.get("over_lockgate") and peer["name"] not in known
    ]
    return draw_bars("CPU per request, 600 B", "µs", sorted(bars, key=lambda bar: bar.value))


def _colour(name: str) -> int:
    return _COLOURS.get(name, 2)


def _draw_latency(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for name in dict.fromkeys(row["subject"] for row in rows):
        mine = [row for row in rows if row["subject"] == name]
        for share, dashed in (("p50", False), ("p99", True)):
            points = [(row["offered_per_s"], row[f"{share}_ms"]) for row in mine]
            lines.append(Line(f"{name} {share}", points, _colour(name), dashed=dashed))
    return draw_lines("Latency over load (open loop, random arrivals)", "requests/s", "ms", lines)
