"""``python -m bench.overload``: more requests than can be served: how many still get an answer.

Three ways of being full; in the first two the machine is not:

- places: a provider that takes 50 ms and 20 requests in flight at most, so 400 a second.
- time: the worker is held to a quarter of a core, so that generator and provider have room to offer
  ten times of what it can do.
- core: the worker has a core, generator and provider the others. What is measured is the gateway
  at its true speed, as far as the generator goes.

The peak is the closed loop's rate or that of an open loop at the same rate, whichever is higher.
What counts at a multiple of it are answers within a second of when the request was due, however
long it waited in the generator; then how soon half of the rate is served without a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import loops
from bench.figures import table
from bench.load import load
from bench.openloop import USEFUL_S, run_openloop
from bench.processes import list_tree, raise_file_limit
from bench.quota import limit_each
from bench.subjects import NotThereError, Subject, set_up, start_gateway, start_mock
from bench.wire import Target

FACTORS = (2, 5, 10)
_PLACES = 20
_SHARE = 0.25  # of a core
_CLOSED = 20  # connections of the closed loop: as many as there are places
_PATIENCE_S = 0.1  # a client that finds no free connection by then gives up
_WINDOW_S = 0.5
_WINDOWS = 12  # to recover in
_NAMES = ("offered_per_s", "useful_per_s", "p50_ms", "p99_ms", "refused_p50_ms", "refused_p99_ms")


@contextmanager
def full_of_requests(folder: Path) -> Iterator[Subject]:
    """Yield a gateway with few places and a slow provider."""
    env = {"LOCKGATE_MAX_IN_FLIGHT": str(_PLACES)}
    with (
        start_mock("bench.slow") as mock,
        start_gateway(mock, folder / "places", env=env) as bare,
    ):
        yield set_up(bare, mock)


@contextmanager
def full_of_work(folder: Path) -> Iterator[Subject]:
    """Yield a gateway with a slow processor."""
    with start_mock() as mock, start_gateway(mock, folder / "time") as bare:
        subject = set_up(bare, mock)
        tree = list_tree(bare.pid or 0)
        with limit_each(tree[1:] or tree, _SHARE) as limited:
            if not limited:
                raise NotThereError("a process cannot be held to a share of a core here")
            yield subject


@contextmanager
def full_of_work_on_a_core(folder: Path) -> Iterator[Subject]:
    """Yield a gateway on a core of its own."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise NotThereError("there is no core to spare here")
    os.sched_setaffinity(0, cores[1:])  # what is started from here on has them too
    try:
        with start_mock() as mock, start_gateway(mock, folder / "core") as bare:
            subject = set_up(bare, mock)
            tree = list_tree(bare.pid or 0)
            for pid in tree[1:] or tree:
                os.sched_setaffinity(pid, cores[:1])
            yield subject
    finally:
        os.sched_setaffinity(0, cores)


WAYS = {"places": full_of_requests, "time": full_of_work, "core": full_of_work_on_a_core}


def measure(target: Target, seconds: float, most: int) -> dict[str, Any]:
    """Find the capacity, offer multiples of it, look how soon the load is forgotten."""
    load(target, 500, _CLOSED)
    closed = load(target, 2000, _CLOSED)["requests_per_s"]
    once = loops.run(run_openloop(target, closed, seconds, poisson=True, most=most))
    peak = max(closed, once["useful_per_s"])
    rows = {"1": once}
    for factor in FACTORS:
        rows[str(factor)] = loops.run(_overload(target, peak, factor, seconds, most))
    return {"closed_per_s": closed, "peak_per_s": peak, "rows": rows}


async def _overload(
    target: Target, peak: float, factor: int, seconds: float, most: int
) -> dict[str, Any]:
    found = await run_openloop(
        target,
        peak * factor,
        seconds,
        poisson=True,
        most=most,
        grace_s=3,
        patience_s=_PATIENCE_S,
    )
    found["share_of_peak"] = found["useful_per_s"] / peak
    found["recovery_s"] = await _recover(target, peak / 2, most)
    return found


async def _recover(target: Target, rate: float, most: int) -> float | None:
    """Return the seconds until a window has neither a refusal nor a late answer."""
    for window in range(_WINDOWS):
        found = await run_openloop(target, rate, _WINDOW_S, poisson=True, most=most, grace_s=1)
        if not (found["refused"] or found["failed"]) and found["max_ms"] < USEFUL_S * 1000:
            return window * _WINDOW_S
    return None


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--by", choices=(*WAYS, "all"), default="all")
    parser.add_argument("--seconds", type=float, default=8.0, help="per rate")
    parser.add_argument("--most", type=int, default=2000, help="connections of the generator")
    parser.add_argument("--json", action="store_true", help="print all that was found")
    arguments = parser.parse_args()
    raise_file_limit()
    for way in WAYS if arguments.by == "all" else (arguments.by,):
        with tempfile.TemporaryDirectory() as name, WAYS[way](Path(name)) as subject:
            found = measure(subject.target(), arguments.seconds, arguments.most)
        if arguments.json:
            print(json.dumps({way: found}))
            continue
        print(f"\n{way}: peak {found['peak_per_s']:.0f} a second")
        print(table(["times", *_HEADS], [_row(*pair) for pair in found["rows"].items()]))


_HEADS = [
    *(name.replace("_", " ") for name in _NAMES),
    "share of peak",
    "recovery s",
    "unsent",
    "failed",
]


def _row(times: str, found: dict[str, Any]) -> list[Any]:
    last = [found.get("share_of_peak", ""), found.get("recovery_s", "")]
    last += [found["unsent"], found["failed"]]
    return [times, *(found[name] for name in _NAMES), *last]


if __name__ == "__main__":
    main()
