"""``python -m bench.compare REV_A REV_B``: two revisions of Lockgate against each other, in turns.

Each revision is checked out into a temporary worktree and runs with this environment's packages,
on the same mock, both started anew each round. `.` names the files as they are here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.cost import Case, measure_once
from bench.figures import median_of, ratio, table
from bench.load import load, positive
from bench.processes import raise_file_limit
from bench.subjects import NotThereError, Subject, set_up, start_gateway, start_mock

_CASES = (
    Case("plain", 600, 1, 2_000),
    Case("plain", 600, 32, 8_000),
    Case("plain", 1_000_000, 8, 100),
    Case("stream", 600, 32, 640),
)
_FIGURES = ("cpu_us", "requests_per_s", "p50_ms", "p99_ms", "failed", "rss_mib")


@contextmanager
def check_out(revision: str, folder: Path) -> Iterator[Path]:
    """Put a revision's files into a folder for the length of the block."""
    if revision == ".":
        yield Path.cwd()
        return
    _git("worktree", "add", "--detach", "--quiet", str(folder), revision)
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> None:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no word of why"]
        raise NotThereError(f"git {' '.join(words[:2])}: {reason[-1]}")


def compare(
    revisions: tuple[str, str], rounds: int, workers: int, cases: tuple[Case, ...]
) -> list[dict[str, Any]]:
    """Measure both revisions in turns; the order changes from round to round."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mock = stack.enter_context(start_mock())
        trees = [
            stack.enter_context(check_out(revision, folder / f"tree-{place}"))
            for place, revision in enumerate(revisions)
        ]
        taken: dict[tuple[int, Case], list[dict[str, Any]]] = {}
        for turn in range(rounds):
            for place in (0, 1) if turn % 2 == 0 else (1, 0):
                data = folder / f"data-{place}-{turn}"
                with start_gateway(mock, data, workers=workers, tree=str(trees[place])) as bare:
                    _measure_cases(set_up(bare, mock), cases, place, taken)
    return [
        {
            "label": case.label,
            "sides": [median_of(taken[place, case]) for place in (0, 1)],
            "spread": [_spread(taken[place, case]) for place in (0, 1)],
        }
        for case in cases
    ]


def _measure_cases(
    gateway: Subject,
    cases: tuple[Case, ...],
    place: int,
    taken: dict[tuple[int, Case], list[dict[str, Any]]],
) -> None:
    load(gateway.target(), 500, 16)
    for case in cases:
        taken.setdefault((place, case), []).append(measure_once(gateway, case))


def _spread(rounds: list[dict[str, Any]]) -> float:
    """Return how far the rounds lie apart: (most - least) / median of the CPU time."""
    values = [row["cpu_us"] for row in rounds]
    return (max(values) - min(values)) / median_of(rounds)["cpu_us"]


def write_report(revisions: tuple[str, str], rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown; a change within the rounds' spread is marked so."""
    heads = ["load", "figure", *revisions, "B/A", ""]
    cells = []
    for row in rows:
        first, second = row["sides"]
        for name in _FIGURES:
            change = ratio(second[name], first[name])
            noise = max(row["spread"]) if name == "cpu_us" else None
            within = noise is not None and change is not None and abs(change - 1) <= noise
            note = f"within the spread of the rounds, {noise:.0%}" if within else ""
            cells.append((row["label"], name, first[name], second[name], change, note))
    return table(heads, cells)


def main() -> None:
    """Parse the arguments, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("revisions", nargs=2, metavar="REVISION", help="a git revision, or .")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--workers", type=positive, default=1)
    parser.add_argument("--quick", action="store_true", help="one kind of load only")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    raise_file_limit()
    revisions = tuple(arguments.revisions)
    cases = _CASES[1:2] if arguments.quick else _CASES
    try:
        rows = compare(revisions, arguments.rounds, arguments.workers, cases)
    except NotThereError as error:
        parser.exit(1, f"bench.compare: {error}\n")
    print(json.dumps(rows, indent=1) if arguments.json else write_report(revisions, rows))


if __name__ == "__main__":
    main()
