"""``python -m bench.soak``: mixed load for a long time: what grows, stays open, is booked.

Answers whole and streamed, clients that hang up, upstreams that fail in every way, fallbacks. Exit
1 where files, threads or requests in flight do not come back to where they began, where memory
grows, or where the ledger's rows are not the calls that the mock has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import show, slope, table
from bench.load import positive
from bench.mix import read_stats
from bench.processes import count_files, count_threads, raise_file_limit, read_tree_rss_mib
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import Target, dump_body
from bench.witness import FAULTS

# Above what an allocator's settling shows in half an hour, far below any leak per request.
MOST_GROWTH_MIB_PER_H = 20.0
_SAMPLE_S = 2.0
_SETTLE_S = 55.0  # idle upstream connections close within 50 s
_SPARE_FILES = 8  # kept upstream connections and a database file more or less
_PAUSE_S = 0.005  # of each client between two requests: steady, not saturated
_DRIP_LIMIT_S = 30.0


@dataclass(slots=True)
class Sample:
    """One look at the gateway's processes."""

    at_s: float
    rss_mib: float
    files: int | None
    threads: int | None
    in_flight: float


def take_sample(gateway: Subject, started: float) -> Sample:
    """Look at the processes and at what they say of themselves."""
    pid = gateway.pid or 0
    return Sample(
        time.monotonic() - started,
        read_tree_rss_mib(pid),
        count_files(pid),
        count_threads(pid),
        gateway.rest.read_metrics().get("lockgate_requests_in_flight", 0.0),
    )


def set_up(gateway: Subject, mock: Subject) -> tuple[Subject, list[str]]:
    """Create for each fault an endpoint with a fallback and one without; return their names."""
    rest = gateway.rest
    secret = control.create_secret(rest, "soak", mock.url, "soak-provider-key")
    good = control.create_model(rest, "good", secret, "echo-good")
    control.create_endpoint(rest, "good", {good: 1})
    names = ["good"] * 24  # most of the traffic is sound
    for fault in FAULTS:
        model = control.create_model(rest, f"fault-{fault}", secret, f"fault-{fault}")
        control.create_endpoint(rest, f"alone-{fault}", {model: 1})
        control.create_endpoint(rest, f"saved-{fault}", {model: 1}, fallbacks=(good,))
        names += [f"alone-{fault}", f"saved-{fault}"]
    return with_key(gateway, control.create_key(rest, "soak")), names


class Crowd:
    """The clients: each asks, hears or hangs up, and asks again."""

    def __init__(self, target: Target, names: list[str], end_at: float) -> None:
        self._target = target
        self._names = names
        self._end_at = end_at
        self._draw = random.Random(11)
        self.counts: Counter[str] = Counter()

    async def run(self, clients: int) -> None:
        """Run until the time is over."""
        await asyncio.gather(*(self._ask_on() for _ in range(clients)))

    async def _ask_on(self) -> None:
        session = Session(self._target)
        while time.monotonic() < self._end_at:
            await self._ask(session)
            await asyncio.sleep(_PAUSE_S * 2 * self._draw.random())
        session.close()

    async def _ask(self, session: Session) -> None:
        name, streamed = self._draw.choice(self._names), self._draw.random() < 0.5
        content = "x" * self._draw.randrange(10, 2000)
        body = dump_body(name, stream=streamed, content=content)
        self.counts["requests"] += 1
        if self._draw.random() < 0.05:
            self.counts["hung up"] += 1
            await session.abort(body, after_bytes=self._draw.choice((-40, 0, 0, 1, 300, 900)))
            return
        answer = await session.ask(body, limit_s=_DRIP_LIMIT_S)
        self.counts[f"{_find_kind(name)}: {answer.status if answer.whole else 'cut'}"] += 1
        if name == "good" and (answer.status != 200 or not answer.whole):
            self.counts["sound requests failed"] += 1


def _find_kind(name: str) -> str:
    return name.partition("-")[0]


async def _run_load(gateway: Subject, crowd: Crowd, seconds: float, clients: int) -> list[Sample]:
    started, samples = time.monotonic(), list[Sample]()
    load = asyncio.create_task(crowd.run(clients))
    while time.monotonic() < started + seconds:
        await asyncio.sleep(_SAMPLE_S)
        samples.append(await asyncio.to_thread(take_sample, gateway, started))
    await load
    return samples


def _wait_until_quiet(gateway: Subject, first: Sample) -> Sample:
    """Give idle connections the time to close; return the last look."""
    started = time.monotonic()
    while True:
        last = take_sample(gateway, started)
        if last.at_s > _SETTLE_S + 10 or (last.at_s > 2 and not _find_left(first, last)):
            return last
        time.sleep(1)


def _find_left(first: Sample, last: Sample) -> list[str]:
    left = []
    if last.in_flight > 0:
        left.append(f"{last.in_flight:.0f} requests are in flight after the end")
    if first.files is not None and last.files is not None:
        more = last.files - first.files
        left += [f"{more} files more are open than at the beginning"] if more > _SPARE_FILES else []
    if first.threads is not None and last.threads is not None:
        more = last.threads - first.threads
        left += [f"{more} threads more than at the beginning"] if more > 2 else []
    return left


def read_ledger(gateway: Subject) -> dict[str, int]:
    """Return how many upstream calls of each model the ledger has."""
    rows = gateway.rest.call("GET", "/api/v1/usage?group_by=model_definition&limit=500")["items"]
    return {row["name"]: row["attempts"] for row in rows if row["name"]}


def compare_ledger(booked: dict[str, int], seen: dict[str, int]) -> dict[str, dict[str, int]]:
    """Return per model what is booked and what the mock has seen."""
    names = sorted(booked.keys() | {_defined(name) for name in seen if name.startswith("model ")})
    called = {_defined(name): count for name, count in seen.items() if name.startswith("model ")}
    return {name: {"booked": booked.get(name, 0), "called": called.get(name, 0)} for name in names}


def check_ledger(ledger: dict[str, dict[str, int]], *, hung_up: int) -> list[str]:
    """Return where rows and calls do not belong together.

    A client that hangs up while its call is being sent leaves a row without a call.
    """
    faults = []
    for name, row in ledger.items():
        if row["called"] > row["booked"]:
            faults.append(f"{name}: the mock has seen {row['called']}, booked are {row['booked']}")
    surplus = sum(max(0, row["booked"] - row["called"]) for row in ledger.values())
    if surplus > hung_up:
        faults.append(f"{surplus} calls are booked that the mock has not seen")
    return faults


def _defined(name: str) -> str:
    """Return the definition's name of what the mock calls `model NAME`."""
    return name.removeprefix("model ").removeprefix("echo-")


def run_soak(seconds: float, clients: int, workers: int) -> dict[str, Any]:
    """Run the soak; `faults` of what it returns is empty where all is well."""
    with tempfile.TemporaryDirectory() as folder, start_mock("bench.witness") as mock:
        data = Path(folder) / "data"
        with start_gateway(mock, data, workers=workers) as bare:
            gateway, names = set_up(bare, mock)
            warm = Crowd(gateway.target(), ["good"], time.monotonic() + 2)
            loops.run(warm.run(clients))
            time.sleep(3)
            first = take_sample(gateway, time.monotonic())
            crowd = Crowd(gateway.target(), names, time.monotonic() + seconds)
            samples = loops.run(_run_load(gateway, crowd, seconds, clients))
            last = _wait_until_quiet(gateway, first)
            ledger = compare_ledger(read_ledger(gateway), read_stats(mock)["seen"])
    counts = dict(sorted(crowd.counts.items()))
    return judge(first, samples, last, ledger, counts)


def judge(
    first: Sample,
    samples: list[Sample],
    last: Sample,
    ledger: dict[str, dict[str, int]],
    counts: dict[str, int],
) -> dict[str, Any]:
    """Return figures and faults."""
    half = samples[len(samples) // 2 :]
    growth = slope([(sample.at_s / 3600, sample.rss_mib) for sample in half])
    faults = _find_left(first, last)
    # Over a few minutes the slope is the allocator's: there a growth counts only if it is large.
    allowed = MOST_GROWTH_MIB_PER_H * max(1.0, 1800 / max(samples[-1].at_s, 1.0) if samples else 1)
    if growth > allowed:
        faults.append(f"memory grows by {growth:.0f} MiB/hour, allowed are {allowed:.0f}")
    faults += check_ledger(ledger, hung_up=counts.get("hung up", 0))
    if failed := counts.get("sound requests failed"):
        faults.append(f"{failed} requests to a sound upstream failed")
    return {
        "first": asdict(first),
        "last": asdict(last),
        "growth_mib_per_h": growth,
        "ledger": ledger,
        "counts": counts,
        "faults": faults,
        "samples": [asdict(sample) for sample in samples],
    }


def write_report(found: dict[str, Any]) -> str:
    """Return the tables in Markdown."""
    middle = found["samples"][len(found["samples"]) // 2]
    heads = ("", "RSS MiB", "files", "threads", "in flight")
    looks = [("before", found["first"]), ("half time", middle), ("after", found["last"])]
    rows = [
        (name, look["rss_mib"], look["files"], look["threads"], int(look["in_flight"]))
        for name, look in looks
    ]
    parts = [
        table(heads, rows),
        table(("outcome", "count"), found["counts"].items()),
        f"Memory over the second half: {show(found['growth_mib_per_h'])} MiB/hour.",
        table(
            ("model", "calls booked", "seen by the mock"),
            [(name, row["booked"], row["called"]) for name, row in found["ledger"].items()],
        ),
        *[f"FAULT: {fault}" for fault in found["faults"]],
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=positive, default=32)
    parser.add_argument("--workers", type=positive, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if not 0.1 <= arguments.minutes <= 24 * 60:
        parser.error("--minutes must be within 0.1 and 1440")
    raise_file_limit()
    try:
        found = run_soak(arguments.minutes * 60, arguments.clients, arguments.workers)
    except NotThereError as error:
        parser.exit(1, f"bench.soak: {error}\n")
    print(write_report(found))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
