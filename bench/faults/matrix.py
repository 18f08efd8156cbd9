"""The matrix: every row, form and arrangement as a cell, each run some times.

Rule: a run is set up, sent and looked at on its own; the runs of all cells go side by side.
"""

from __future__ import annotations

import asyncio
import fnmatch
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.faults.check import Seen, Verdict, judge
from bench.faults.forms import Form
from bench.faults.rows import ROWS, Row
from bench.faults.stage import NEXT, Stage

_BATCH = 480  # runs set up before any is sent: writes and requests shall not wait for each other


@dataclass(frozen=True, slots=True)
class Cell:
    """A row in one form of answer, alone or with another target."""

    row: Row
    form: Form
    with_next: bool

    @property
    def name(self) -> str:
        """Its name on the command line and in the report."""
        arranged = "with next" if self.with_next else "alone"
        return f"{self.row.name} / {self.form.name} / {arranged}"


@dataclass(slots=True)
class Result:
    """What came of all runs of a cell."""

    cell: Cell
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def deviations(self) -> Counter[str]:
        """What deviated, and in how many runs."""
        return Counter(one for verdict in self.verdicts for one in verdict.deviations)


def list_cells(only: str = "*") -> list[Cell]:
    """Return the cells whose name or line fits a pattern."""
    cells = [
        Cell(row, form, with_next)
        for row in ROWS
        for form in row.list_forms()
        for with_next in (False, True)
    ]
    return [
        cell
        for cell in cells
        if fnmatch.fnmatch(cell.name, only) or fnmatch.fnmatch(cell.row.line, only)
    ]


async def run_matrix(
    stage: Stage,
    cells: Sequence[Cell],
    *,
    runs: int = 1,
    parallel: int = 24,
    slack_s: float | None = None,
) -> list[Result]:
    """Run all cells.

    Args:
        stage: the gateway.
        cells: what to run.
        runs: how often each.
        parallel: requests at once.
        slack_s: what may be added to a limit; None leaves the clock out.
    """
    results = {cell: Result(cell) for cell in cells}
    jobs = [cell for _ in range(runs) for cell in cells]
    found: list[tuple[Cell, Seen]] = []
    for at in range(0, len(jobs), _BATCH):
        found += await _run_batch(stage, jobs[at : at + _BATCH], parallel)
    ledger = await stage.read_ledger()
    for cell, seen in found:
        seen.rows = ledger.get(seen.marker, [])
        verdict = judge(cell.row, cell.form, seen, with_next=cell.with_next, slack_s=slack_s)
        results[cell].verdicts.append(verdict)
    return list(results.values())


async def _run_batch(stage: Stage, cells: Sequence[Cell], parallel: int) -> list[tuple[Cell, Seen]]:
    made = await asyncio.gather(
        *(
            stage.make(
                cell.form.provider,
                cell.row.site,
                cell.row.build_fault(cell.form),
                with_next=cell.with_next,
                own_lane=cell.row.again or cell.row.own_lane,
                roomy=cell.row.roomy,
            )
            for cell in cells
        )
    )
    gate = asyncio.Semaphore(parallel)

    async def run(number: int) -> tuple[Cell, Seen]:
        cell, one = cells[number], made[number]
        marker = stage.draw_marker()
        async with gate:
            warm = f"{marker}_warm" if cell.row.again else ""
            began_s = time.monotonic()
            answer = await stage.ask(cell.form, one.endpoint, marker, warm=warm)
            took_s = time.monotonic() - began_s
        calls = stage.sites.calls
        seen = Seen(
            one.model,
            one.endpoint,
            marker,
            answer,
            took_s,
            calls.count(one.model, marker),
            calls.count(NEXT, marker),
        )
        return cell, seen

    return list(await asyncio.gather(*map(run, range(len(cells)))))


def sum_up(results: Sequence[Result]) -> dict[str, Any]:
    """Return the totals of a run."""
    verdicts = [verdict for result in results for verdict in result.verdicts]
    reached = [one.reached_next for one in verdicts if one.reached_next is not None]
    return {
        "cells": len(results),
        "runs": len(verdicts),
        "runs that deviate": sum(bool(one.deviations) for one in verdicts),
        "cells that deviate": sum(bool(result.deviations) for result in results),
        "silent truncations": sum(one.silent_truncation for one in verdicts),
        "duplicated or mixed text": sum(one.duplicated for one in verdicts),
        "next target reached": f"{sum(reached)} of {len(reached)}",
    }
