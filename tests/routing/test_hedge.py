from __future__ import annotations

import random

from gateway.routing.hedge import SHARE, HedgePolicy


def learn(policy: HedgePolicy, usual_s: float = 0.1, times: int = 40) -> None:
    for _ in range(times):
        policy.note(usual_s)


def test_without_knowledge_there_is_no_hedging() -> None:
    policy = HedgePolicy()
    assert policy.begin() is None
    learn(policy, times=19)
    assert policy.begin() is None


def test_the_wait_is_the_95th_percentile_or_somewhat_longer() -> None:
    policy = HedgePolicy()
    for index in range(100):
        policy.note(index / 100)
    delay_s = policy.begin()
    assert delay_s is not None
    assert 0.95 <= delay_s <= 0.95 * 1.5


def test_it_follows_the_endpoint() -> None:
    policy = HedgePolicy()
    learn(policy, 0.1)
    learn(policy, 2.0, times=400)
    delay_s = policy.begin()
    assert delay_s is not None
    assert delay_s >= 2.0


def test_no_more_than_the_share_is_asked_twice() -> None:
    policy, calls = HedgePolicy(), 0
    learn(policy)
    for _ in range(10_000):
        if policy.begin() is not None and policy.take():  # every request is slow
            calls += 1
    assert calls <= 10_000 * SHARE + 1


def test_what_was_not_called_is_not_paid_for() -> None:
    policy = HedgePolicy()
    learn(policy)
    assert policy.begin() is not None
    assert policy.take()
    assert not policy.take()
    policy.give_back()
    assert policy.take()


def test_the_scarcer_the_budget_the_longer_it_waits() -> None:
    policy = HedgePolicy()
    learn(policy)
    poor_s = policy.begin()
    for _ in range(1_000):
        policy.begin()
    rich_s = policy.begin()
    assert poor_s is not None
    assert rich_s is not None
    assert rich_s < poor_s


def test_rare_slow_answers_stay_above_the_wait() -> None:
    draw = random.Random(7)
    policy, slow, late = HedgePolicy(), 0, 0
    for _ in range(5_000):
        taken_s = 1.0 if draw.random() < 0.025 else 0.1 + draw.random() / 100
        delay_s = policy.begin()
        slow += taken_s == 1.0
        if delay_s is not None and taken_s > delay_s and policy.take():
            late += 1
            taken_s = delay_s + 0.1
        policy.note(taken_s)
    assert late > slow * 0.6
