"""What the tools decide from what they have seen."""

import pytest

from bench.openloop import iter_arrivals
from bench.profile import count_shares, find_module, parse_stacks
from bench.rollover import find_faults
from bench.soak import Sample, check_ledger, judge


def test_arrivals_have_the_rate_that_was_asked_for() -> None:
    even = list(iter_arrivals(100, 2.0, poisson=False))
    assert len(even) in (200, 201)
    assert even[1] - even[0] == pytest.approx(0.01)
    assert 8_000 < len(list(iter_arrivals(1000, 9.0, poisson=True))) < 10_000


def test_samples_are_counted_for_the_module_and_for_our_function() -> None:
    text = (
        "run (asyncio/runners.py:1);step (/x/gateway/proxy/flow.py:9);"
        "dumps (aiosqlite/core.py:2) 3\n"
        "run (asyncio/runners.py:1) 1\nno stack\n"
    )
    modules, functions, ours = count_shares(parse_stacks(text))
    assert modules == {"aiosqlite": 3, "python": 1}
    assert functions["aiosqlite/core.py dumps"] == 3
    assert ours["gateway/proxy/flow.py step"] == 3
    assert find_module("/x/site-packages/orjson/a.py") == "orjson"


def _judge(*, last_files: int, growth: float = 0.0, sound: int = 0) -> list[str]:
    first = Sample(0, 80, 40, 9, 0)
    samples = [Sample(at, 80 + growth * at / 3600, 60, 9, 3) for at in range(0, 1800, 60)]
    last = Sample(5, 80, last_files, 9, 0)
    ledger = {"good": {"booked": 10, "called": 10}}
    return judge(first, samples, last, ledger, {"sound requests failed": sound})["faults"]


def test_a_soak_tells_what_is_left_open_what_grows_and_what_fails() -> None:
    assert _judge(last_files=42) == []
    assert _judge(last_files=90) == ["50 files more are open than at the beginning"]
    assert "memory grows by 100 MiB/hour" in _judge(last_files=40, growth=100)[0]
    assert _judge(last_files=40, sound=2) == ["2 requests to a sound upstream failed"]


def test_the_ledger_may_miss_no_call_and_invent_none() -> None:
    assert check_ledger({"good": {"booked": 9, "called": 10}}, hung_up=5)
    assert check_ledger({"good": {"booked": 10, "called": 4}}, hung_up=5)
    assert not check_ledger({"good": {"booked": 10, "called": 8}}, hung_up=5)
    assert check_ledger({"fault-reset": {"booked": 10, "called": 20}}, hung_up=0)  # each is a row


def test_a_killed_worker_may_take_its_own_requests_only() -> None:
    found = {
        "SIGHUP": {"failed": 0, "signals": 2, "workers replaced": 4},
        "changes": {"failed": 0, "stale": 0},
        "kill -9": {"failed": 16, "new worker after s": 0.3},
    }
    assert find_faults(found) == []
    found["changes"]["stale"] = 1
    found["SIGHUP"] |= {"failed": 1, "workers replaced": 0}
    found["kill -9"] = {"failed": 40, "new worker after s": None}
    assert len(find_faults(found)) == 5
