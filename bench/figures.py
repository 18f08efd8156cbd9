"""Arithmetic of the reports: percentiles, medians of rounds, a slope, tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values; 0.0 where there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median_of(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one dictionary with the median of each number over the rounds.

    `failed` is the sum: no failure may hide behind a median. What is no number is the first's.
    """
    merged: dict[str, Any] = {}
    for name, value in rounds[0].items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = [row[name] for row in rounds if row.get(name) is not None]
            merged[name] = sum(found) if name == "failed" else statistics.median(found)
        else:
            merged[name] = value
    return merged


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through (x, y); 0.0 of fewer than two."""
    if len(points) < 2 or len({x for x, _ in points}) < 2:
        return 0.0
    found = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return found.slope


def ratio(value: float | None, base: float | None) -> float | None:
    """Return value/base; None where one of them is missing or the base is 0."""
    return value / base if value is not None and base else None


def show(value: Any, digits: int | None = None) -> str:
    """Write a value for a cell: about three significant digits, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, float):
        if digits is None:
            size = abs(value)
            digits = 0 if size >= 100 else 1 if size >= 10 else 2
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(map(show, row)) + " |" for row in rows]
    return "\n".join(lines)
