"""``python -m bench``: the table of what a request costs, direct, through nginx and Lockgate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench import cost
from bench.load import positive
from bench.peers import write_report as write_peers
from bench.plots import write_plots
from bench.report import check_marks, name_charts, write_into, write_report, write_summary
from bench.run import PARTS, Extent, measure_all
from bench.subjects import NotThereError

_PEERS = Path(".bench/peers.json")


def main() -> None:
    """Parse the arguments, measure, print and write."""
    parser = _build_parser()
    arguments = parser.parse_args()
    try:
        for path in filter(None, (arguments.write, arguments.write_all)):
            check_marks(path)  # before minutes of measuring, not after
        results = _read(arguments.read) if arguments.read else None
    except ValueError as error:
        parser.error(str(error))
    if results is None:
        try:
            results = measure_all(_build_extent(arguments, parser))
        except NotThereError as error:
            parser.exit(1, f"bench: {error}\n")
    text = write_report(results)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    _write_files(arguments, results, text)


def _read(path: Path) -> dict[str, Any]:
    """Return an older run. Raises ValueError where the file holds none."""
    try:
        results = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError:
        results = None
    if not isinstance(results, dict) or "targets" not in results:
        raise ValueError(f"{path} holds no run of the bench")
    return results


def _write_files(arguments: argparse.Namespace, results: dict[str, Any], text: str) -> None:
    peers = json.loads(_PEERS.read_text()) if _PEERS.exists() else []
    if arguments.write:
        write_into(arguments.write, write_summary(results))
    if arguments.write_all:
        parts = [*name_charts(results, "."), text, *([write_peers(peers)] if peers else [])]
        write_into(arguments.write_all, "\n\n".join(parts))
    if arguments.plots and results["cases"]:
        write_plots(results, arguments.plots, peers)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute, rough figures")
    parser.add_argument("--rounds", type=positive, help="rounds per figure, medians are shown")
    parser.add_argument("--workers", type=positive, default=1, help="of the gateway measured")
    parser.add_argument("--only", metavar="PART,...", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--read", type=Path, metavar="FILE", help="report figures of an older run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the summary into a file")
    parser.add_argument("--write-all", type=Path, metavar="FILE", help="put everything into one")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write the charts")
    return parser


def _build_extent(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Extent:
    parts = tuple(arguments.only.split(",")) if arguments.only else PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    if arguments.quick:
        quick = tuple(part for part in parts if arguments.only or part != "load")
        return Extent(cost.QUICK, arguments.rounds or 1, 2_000, 1.0, quick, arguments.workers)
    return Extent(cost.FULL, arguments.rounds or 3, 10_000, 4.0, parts, arguments.workers)


if __name__ == "__main__":
    main()
