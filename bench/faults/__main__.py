"""``python -m bench.faults``: what a client gets when an upstream fails, in every way and form.

A real gateway in front of upstreams that misbehave; each outcome is compared with what was
promised (`rows.py`). Then the sequences that take more than one request (`state.py`). Exit 1 on
any deviation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bench.faults.matrix import Cell, Result, list_cells, run_matrix, sum_up
from bench.faults.sites import Sites, open_sites
from bench.faults.stage import Stage
from bench.faults.start import start_beside
from bench.faults.state import (
    Finding,
    list_scenarios,
    run_scenarios,
    start_for_state,
)
from bench.figures import table
from bench.load import positive
from bench.processes import raise_file_limit
from bench.subjects import NotThereError

_OPEN_LIMIT_S = 300


async def _run_cells(
    sites: Sites, cells: Sequence[Cell], data: Path, arguments: argparse.Namespace
) -> list[Result]:
    env = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": sites.origins}
    async with (
        start_beside(
            sites, data, workers=arguments.workers, env=env, tree=arguments.tree
        ) as gateway,
        _open_session() as session,
    ):
        stage = Stage(gateway.url, sites, session)
        await stage.open()
        return await run_matrix(
            stage,
            cells,
            runs=arguments.runs,
            parallel=arguments.parallel,
            slack_s=arguments.slack,
        )


async def _run_state(sites: Sites, data: Path, arguments: argparse.Namespace) -> list[Finding]:
    async with (
        start_for_state(sites, data, arguments.tree) as gateway,
        _open_session() as session,
    ):
        stage = Stage(gateway.url, sites, session)
        await stage.open()
        return await run_scenarios(stage, arguments.only)


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_OPEN_LIMIT_S))


async def _run(arguments: argparse.Namespace) -> tuple[list[Result], list[Finding]]:
    cells = list_cells(arguments.only) if arguments.part != "state" else []
    scenarios = list_scenarios(arguments.only) if arguments.part != "matrix" else []
    if not cells and not scenarios:
        raise NotThereError("nothing fits the pattern")
    results: list[Result] = []
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as name:
        async with open_sites() as sites:
            if cells:
                results = await _run_cells(sites, cells, Path(name) / "matrix", arguments)
            if scenarios:
                try:
                    findings = await _run_state(sites, Path(name) / "state", arguments)
                except NotThereError as error:  # what the matrix has found shall not be lost
                    findings = [Finding("", "start of the gateway", [str(error)])]
    return results, findings


def write_report(results: Sequence[Result], findings: Sequence[Finding]) -> str:
    """Return the report in Markdown: rows, deviations in full, totals."""
    parts = []
    if results:
        heads = ("row", "expected alone", "with next", "forms", "runs", "deviate")
        parts += [table(heads, _rows(results))]
    parts += [
        f"{result.cell.name}\n"
        + "\n".join(f"  {count}x {what}" for what, count in result.deviations.items())
        for result in results
        if result.deviations
    ]
    if findings:
        cells = [(one.name, "as promised" if not one.wrong else "deviates") for one in findings]
        parts.append(table(("sequence", "outcome"), cells))
        parts += [
            f"{one.name}\n" + "\n".join(f"  {what}" for what in one.wrong)
            for one in findings
            if one.wrong
        ]
    if results:
        parts.append("\n".join(f"{name}: {value}" for name, value in sum_up(results).items()))
    if findings:
        parts.append(f"sequences that deviate: {sum(map(bool, (f.wrong for f in findings)))}")
    return "\n\n".join(parts)


def _rows(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    groups: dict[Any, list[Result]] = {}
    for result in results:
        row = result.cell.row
        groups.setdefault((row.line, row.name, "+".join(sorted(row.kinds))), []).append(result)
    lines = []
    for (line, name, _), group in groups.items():
        row = group[0].cell.row
        alone = f"{row.outcome} {row.code or row.status}"
        verdicts = [verdict for result in group for verdict in result.verdicts]
        lines.append(
            (
                f"{line}: {name}",
                alone,
                "next" if row.to_next else "same",
                len({result.cell.form.name for result in group}),
                len(verdicts),
                sum(bool(verdict.deviations) for verdict in verdicts),
            )
        )
    return lines


def _dump(results: Sequence[Result], findings: Sequence[Finding]) -> dict[str, Any]:
    cells = [
        {
            "line": result.cell.row.line,
            "cell": result.cell.name,
            "runs": len(result.verdicts),
            "deviations": dict(result.deviations),
        }
        for result in results
    ]
    sequences = [{"name": one.name, "line": one.line, "wrong": one.wrong} for one in findings]
    return {"totals": sum_up(results), "cells": cells, "sequences": sequences}


def main() -> None:
    """Parse the arguments, run, print; exit 1 on any deviation."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--runs", type=positive, default=5, help="of each cell")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of cells and sequences")
    parser.add_argument("--part", choices=("all", "matrix", "state"), default="all")
    parser.add_argument("--workers", type=positive, default=1)
    parser.add_argument("--parallel", type=positive, default=24, help="requests at once")
    parser.add_argument("--slack", type=float, default=0.5, help="seconds over each limit")
    parser.add_argument("--tree", metavar="DIR", help="another checkout, to run its gateway")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    raise_file_limit()
    try:
        results, findings = asyncio.run(_run(arguments))
    except NotThereError as error:
        parser.exit(1, f"bench.faults: {error}\n")
    print(write_report(results, findings))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(_dump(results, findings), indent=1) + "\n")
    wrong = any(result.deviations for result in results) or any(one.wrong for one in findings)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
