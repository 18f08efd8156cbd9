"""Faults set by a program: for how many calls, for which of them, for which model."""

from __future__ import annotations

import pytest

from gateway.errors import MalformedRequestError
from gateway.simulator.faultplan import FaultPlan
from gateway.simulator.faults import HEALTHY


def _statuses(plan: FaultPlan, count: int, model: str = "m") -> list[int | None]:
    return [plan.decide(model).status for _ in range(count)]


def test_faults_run_out_in_the_order_they_were_set() -> None:
    plan = FaultPlan()
    plan.add("status=500", times=2)
    plan.add("status=429", times=1)
    assert _statuses(plan, 4) == [500, 500, 429, None]


def test_every_third_call_fails_until_cleared() -> None:
    plan = FaultPlan()
    plan.add("status=500", every=3)
    assert _statuses(plan, 7) == [None, None, 500, None, None, 500, None]
    plan.clear()
    assert plan.decide("m") == HEALTHY


def test_times_counts_failures_not_calls() -> None:
    plan = FaultPlan()
    plan.add("status=500", every=2, times=1)
    assert _statuses(plan, 4) == [None, 500, None, None]


def test_a_fault_for_one_model_leaves_the_others_alone() -> None:
    plan = FaultPlan()
    plan.add("status=500", model="bad", times=1)
    assert _statuses(plan, 2, "good") == [None, None]
    assert _statuses(plan, 2, "bad") == [500, None]


def test_a_text_that_is_no_fault_is_refused_when_set() -> None:
    with pytest.raises(MalformedRequestError):
        FaultPlan().add("status=ok")
