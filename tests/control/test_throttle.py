"""How fast wrong credentials may be tried: a state machine with its clock as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.throttle import (
    FORGOTTEN_S,
    LONGEST_S,
    OVERALL_WAIT_S,
    SOURCES,
    Throttle,
    Turn,
    compute_delay_s,
    parse_source,
)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_sources(address: str, source: str) -> None:
    assert parse_source(address) == source


@given(st.integers(0, 10_000))
def test_a_delay_only_grows_and_ends(failures: int) -> None:
    assert compute_delay_s(failures) <= compute_delay_s(failures + 1) <= LONGEST_S


def test_parallel_tries_come_one_after_the_other() -> None:
    throttle = Throttle()
    for _ in range(6):
        throttle.note_failure("a", 0.0)
    waits = [throttle.plan("a", 0.0) for _ in range(12)]
    assert [round(turn.wait_s, 1) for turn in waits[:6]] == [0.8, 1.6, 2.4, 3.2, 4.0, 4.8]
    assert all(turn.refused for turn in waits[6:])
    assert throttle.plan("b", 0.0) == Turn(0.0)


def test_a_refusal_pushes_nothing_further_away() -> None:
    throttle = Throttle()
    for _ in range(50):
        throttle.note_failure("a", 0.0)
    assert [throttle.plan("a", second) for second in (0.0, 1.0, 4.0)] == [
        Turn(5.0, refused=True),
        Turn(4.0, refused=True),
        Turn(1.0, refused=True),
    ]
    assert throttle.plan("a", 5.0) == Turn(0.0)
    assert throttle.plan("a", 5.0).refused


def test_a_source_is_forgotten_after_a_success_or_a_while() -> None:
    throttle = Throttle()
    for _ in range(20):
        throttle.note_failure("a", 0.0)
        throttle.note_failure("b", 0.0)
    throttle.note_success("a")
    assert throttle.plan("a", 0.0) == Turn(0.0)
    assert throttle.plan("b", FORGOTTEN_S + 1) == Turn(0.0)


def test_memory_is_bounded_and_all_together_wait_a_second() -> None:
    throttle = Throttle()
    for number in range(3 * SOURCES):
        throttle.note_failure(f"source {number}", 0.0)
    assert len(throttle) == SOURCES
    assert throttle.plan("somebody else", 0.0) == Turn(OVERALL_WAIT_S)
    assert throttle.plan("somebody else", 10_000.0) == Turn(0.0)


def test_what_is_told_is_bounded() -> None:
    throttle = Throttle()
    told = [throttle.note_failure("a", 0.0) for _ in range(1_000)]
    assert [count for count in told if count is not None] == [10, 100, 1_000]
    many = sum(
        throttle.note_failure(f"source {number}", 0.0) is not None
        for number in range(200)
        for _ in range(10)
    )
    assert many < 25
