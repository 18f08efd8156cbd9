from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing import Blame, HealthEvent, HealthTimes, TargetHealth, parse_event
from gateway.routing.health import IN_A_ROW, Block

OPEN_S, QUARANTINE_S = 30.0, 60.0


class Target:
    """A health with a clock that is set by hand, and a record of what it told."""

    def __init__(self) -> None:
        self.told: list[HealthEvent] = []
        self.health = TargetHealth(
            "d-1.x", HealthTimes(OPEN_S, QUARANTINE_S), lambda _, event: self.told.append(event)
        )
        self.now_s = 1_000.0

    def fail(
        self,
        times: int = 1,
        blame: Blame = Blame.FAILURE,
        hint_s: float | None = None,
        draw: float = 0.5,
        began_s: float | None = None,
    ) -> None:
        began_s = self.now_s if began_s is None else began_s
        for _ in range(times):
            self.health.fail(self.now_s, began_s, blame, "code", hint_s=hint_s, draw=draw)

    def succeed(self, times: int = 1, began_s: float | None = None) -> None:
        for _ in range(times):
            self.health.succeed(self.now_s, self.now_s if began_s is None else began_s)

    def refuse(self) -> None:
        self.health.refuse(self.now_s, self.now_s)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def left_s(self) -> float:
        return self.health.wait_s(self.now_s)

    def claim(self) -> bool:
        return self.health.claim(self.now_s)


@pytest.fixture
def target() -> Target:
    return Target()


# --- circuit --------------------------------------------------------------------------------


def test_five_failures_in_a_row_open_the_circuit(target: Target) -> None:
    target.fail(IN_A_ROW - 1)
    assert target.health.is_clear
    target.fail()
    assert (target.health.block, target.left_s) == (Block.CIRCUIT, OPEN_S)
    assert not target.claim()


def test_a_success_between_begins_the_row_anew(target: Target) -> None:
    target.fail(4)
    target.succeed()
    target.fail(4)
    assert target.health.is_clear


def test_half_of_twenty_within_ten_seconds_open_it(target: Target) -> None:
    for _ in range(9):
        target.succeed()
        target.fail()
    assert target.health.is_clear  # 18 calls: too few to tell
    target.succeed()
    target.fail()
    assert target.health.block is Block.CIRCUIT


def test_a_tenth_of_failures_opens_nothing(target: Target) -> None:
    for _ in range(200):
        target.succeed(9)
        target.fail()
    assert target.health.is_clear


def test_what_is_older_than_the_window_does_not_count(target: Target) -> None:
    for _ in range(9):
        target.fail()
        target.succeed()
    target.wait(11)
    target.fail()
    target.succeed()
    target.fail()
    assert target.health.is_clear


def test_one_request_at_a_time_probes_and_three_successes_close(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    for _ in range(3):
        assert not target.health.is_clear
        assert target.claim()
        assert not target.claim()
        target.succeed()
    assert target.health.is_clear
    assert target.told[-1].kind == "clear"


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_ten_times(target: Target) -> None:
    target.fail(5)
    seen = [target.left_s]
    for _ in range(5):
        target.wait(target.left_s)
        assert target.claim()
        target.fail()
        seen.append(target.left_s)
    assert seen == [30, 60, 120, 240, 300, 300]


def test_after_it_was_closed_it_opens_for_the_first_interval_again(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    target.claim()
    target.fail()
    target.wait(2 * OPEN_S)
    for _ in range(3):
        target.claim()
        target.succeed()
    target.fail(5)
    assert target.left_s == OPEN_S


@given(st.floats(0, 1, exclude_max=True))
def test_the_interval_is_spread_by_a_tenth_either_way(draw: float) -> None:
    target = Target()
    target.fail(5, draw=draw)
    assert 27 <= target.left_s <= 33


def test_answers_to_questions_of_before_close_nothing(target: Target) -> None:
    target.fail(5)
    target.succeed(10)
    assert target.health.block is Block.CIRCUIT
    assert target.left_s == OPEN_S


def test_failures_of_calls_of_before_do_not_lengthen_it(target: Target) -> None:
    target.fail(5)
    target.wait(10)
    target.fail(100)
    assert target.left_s == OPEN_S - 10


def test_calls_that_hung_since_before_it_opened_do_not_open_it_for_longer(target: Target) -> None:
    before_s = target.now_s
    target.wait(60)
    target.fail(5, began_s=before_s)
    target.wait(OPEN_S)
    target.fail(began_s=before_s + 30)
    assert target.claim()
    target.fail(20, began_s=before_s + 31)
    assert target.health.step == 1
    target.succeed()
    assert target.claim()  # the probe was heard


def test_calls_that_hung_since_before_do_not_open_what_a_probe_has_closed(target: Target) -> None:
    before_s = target.now_s
    target.wait(60)
    target.fail(5, began_s=before_s)
    target.wait(OPEN_S)
    for _ in range(3):
        assert target.claim()
        target.succeed()
    target.fail(30, began_s=before_s + 40)
    assert target.health.is_clear
    target.fail(5)
    assert not target.health.is_clear


@pytest.mark.parametrize("blame", [Blame.NONE, Blame.FAILURE])
def test_calls_of_before_do_not_end_another_ones_probe(target: Target, blame: Blame) -> None:
    before_s = target.now_s - 1
    target.fail(blame=Blame.COOL)
    target.wait(2)
    assert target.claim()
    target.fail(blame=blame, began_s=before_s)
    assert not target.claim()


def test_a_success_of_before_closes_nothing_although_a_probe_runs(target: Target) -> None:
    before_s = target.now_s - 1
    target.fail(blame=Blame.COOL)
    target.wait(2)
    assert target.claim()
    target.succeed(began_s=before_s)
    assert not target.health.is_clear


def test_a_stream_that_begins_and_ends_well_counts_once(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    for _ in range(2):
        assert target.claim()
        began_s = target.now_s
        target.wait(0.1)
        target.health.recover(target.now_s, began_s)
        target.wait(5)
        target.succeed(began_s=began_s)
    assert not target.health.is_clear
    assert target.claim()
    target.succeed()
    assert target.health.is_clear


def test_a_probe_that_says_nothing_lets_another_try(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    assert target.claim()
    target.fail(blame=Blame.NONE)  # its client went away
    assert target.claim()


def test_a_refused_request_shows_that_it_is_not_broken(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    for _ in range(3):
        assert target.claim()
        target.refuse()
    assert target.health.is_clear


# --- cooling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint_s", "expected_s"), [(None, 1.0), (0.0, 1.0), (7.5, 7.5), (60.0, 60.0), (3_600.0, 60.0)]
)
def test_it_cools_as_long_as_was_asked_from_1_to_60_seconds(
    target: Target, hint_s: float | None, expected_s: float
) -> None:
    target.fail(blame=Blame.COOL, hint_s=hint_s)
    assert (target.health.block, target.left_s) == (Block.COOLING, expected_s)


def test_many_that_were_under_way_make_it_no_longer(target: Target) -> None:
    target.fail(100, blame=Blame.COOL)
    assert target.left_s == 1.0


def test_a_later_hint_counts(target: Target) -> None:
    target.fail(blame=Blame.COOL, hint_s=2)
    target.fail(blame=Blame.COOL, hint_s=9)
    assert target.left_s == 9


@pytest.mark.parametrize("hint_s", [1.0, 20.0, 3_600.0])
def test_the_same_advice_again_is_told_now_and_then(target: Target, hint_s: float) -> None:
    for _ in range(1_000):
        target.fail(blame=Blame.COOL, hint_s=hint_s)
        target.wait(0.002)
    assert len(target.told) <= 2 / (0.1 * hint_s) + 2
    assert target.left_s >= min(hint_s, 60) * 0.9 - 0.01


def test_without_a_hint_it_cools_longer_each_time(target: Target) -> None:
    seen = []
    for _ in range(8):
        target.fail(blame=Blame.COOL)
        seen.append(target.left_s)
        target.wait(target.left_s)
        assert target.claim()
    assert seen == [1, 2, 4, 8, 16, 32, 60, 60]


def test_one_success_is_enough_after_cooling(target: Target) -> None:
    target.fail(blame=Blame.COOL, hint_s=2)
    target.wait(2)
    assert target.claim()
    target.succeed()
    assert target.health.is_clear


# --- quarantine -----------------------------------------------------------------------------


def test_quarantine_doubles_up_to_ten_times(target: Target) -> None:
    seen = []
    for _ in range(6):
        target.fail(blame=Blame.QUARANTINE)
        seen.append(target.left_s)
        target.wait(target.left_s)
        assert target.claim()
    assert seen == [60, 120, 240, 480, 600, 600]


def test_a_model_that_is_gone_is_quarantined_for_the_same_time_again(target: Target) -> None:
    for _ in range(3):
        target.fail(blame=Blame.MODEL)
        assert target.left_s == QUARANTINE_S
        target.wait(QUARANTINE_S)
        assert target.claim()


def test_calls_under_way_do_not_double_it(target: Target) -> None:
    target.fail(50, blame=Blame.QUARANTINE)
    assert target.left_s == QUARANTINE_S


def test_a_refused_request_does_not_show_that_a_credential_works(target: Target) -> None:
    target.fail(blame=Blame.QUARANTINE)
    target.wait(QUARANTINE_S)
    assert target.claim()
    target.refuse()
    assert not target.health.is_clear
    assert target.claim()


@pytest.mark.parametrize("blame", [Blame.QUARANTINE, Blame.MODEL])
def test_calls_of_before_do_not_double_it_although_a_probe_runs(
    target: Target, blame: Blame
) -> None:
    before_s = target.now_s - 1
    target.fail(blame=blame)
    target.wait(QUARANTINE_S)
    assert target.claim()
    target.fail(blame=blame, began_s=before_s)
    assert (target.health.step, target.left_s) == (1, 0)


def test_what_else_fails_does_not_shorten_a_quarantine(target: Target) -> None:
    before_s = target.now_s - 1
    target.fail(blame=Blame.QUARANTINE)
    target.fail(10, began_s=before_s)
    assert (target.health.block, target.left_s) == (Block.QUARANTINE, QUARANTINE_S)


# --- the only target of an endpoint -----------------------------------------------------------


@pytest.mark.parametrize("blame", [Blame.COOL, Blame.QUARANTINE, Blame.MODEL])
def test_the_only_target_is_asked_although_it_cools(target: Target, blame: Blame) -> None:
    target.fail(blame=blame)
    assert target.health.insist(target.now_s)


def test_the_only_target_is_cut_off_for_no_longer_than_the_first_interval(target: Target) -> None:
    target.fail(5)
    for _ in range(4):
        assert not target.health.insist(target.now_s + OPEN_S - 1)
        target.wait(OPEN_S * 1.1)
        assert target.claim() or target.health.insist(target.now_s)
        target.fail()
        assert target.health.wait_s(target.now_s, is_lone=True) == OPEN_S
    assert target.left_s > OPEN_S * 2  # for endpoints that have others


def test_the_only_target_is_back_as_soon_as_a_probe_succeeds(target: Target) -> None:
    target.fail(5)
    target.wait(OPEN_S)
    target.claim()
    target.fail()
    target.wait(OPEN_S)
    assert not target.claim()
    assert target.health.insist(target.now_s)
    target.succeed()
    for _ in range(2):
        assert target.claim()
        target.succeed()
    assert target.health.is_clear


# --- retry budget ---------------------------------------------------------------------------


def test_retries_end_when_ten_have_failed(target: Target) -> None:
    for _ in range(10):
        assert target.health.may_retry
        target.health.spend()
    assert not target.health.may_retry
    target.succeed(10)
    assert target.health.may_retry


# --- many processes -------------------------------------------------------------------------


def copy(source: Target, target: Target, *, since: int = 0) -> None:
    for event in source.told[since:]:
        target.health.hear(parse_event(event.dump()), target.now_s)


def test_others_learn_of_a_block_and_of_its_end() -> None:
    first, second = Target(), Target()
    first.fail(5)
    copy(first, second)
    assert second.health.tell() == first.health.tell()
    assert not second.claim()
    for one in (first, second):
        one.wait(OPEN_S)
    for _ in range(3):
        first.claim()
        first.succeed()
    copy(first, second)
    assert second.health.is_clear


def test_who_probes_tells_the_others_to_wait() -> None:
    first, second = Target(), Target()
    first.fail(5)
    for one in (first, second):
        one.wait(OPEN_S)
    assert first.claim()
    copy(first, second)
    assert not second.claim()
    first.fail(blame=Blame.NONE)
    copy(first, second)
    assert second.claim()


def test_successes_of_all_count_together() -> None:
    first, second = Target(), Target()
    first.fail(5)
    for one in (first, second):
        one.wait(OPEN_S)
    for _ in range(2):
        first.claim()
        first.succeed()
    copy(first, second)
    assert second.claim()
    second.succeed()
    assert second.health.is_clear


def test_a_prober_that_dies_is_waited_for_a_minute_at_most() -> None:
    first, second = Target(), Target()
    first.fail(5)
    for one in (first, second):
        one.wait(OPEN_S)
    first.claim()
    copy(first, second)
    second.wait(61)
    assert second.claim()


def test_who_may_not_probe_is_no_prober() -> None:
    told: list[HealthEvent] = []
    health = TargetHealth(
        "d-1.x",
        HealthTimes(OPEN_S, QUARANTINE_S),
        lambda _, event: told.append(event),
        lambda _: False,
    )
    health.hear(HealthEvent("d-1.x", Block.CIRCUIT, 5.0, "code", 1), 0.0)
    assert not health.claim(6.0)
    assert not health.insist(100.0)
    assert told == []


@pytest.mark.parametrize(
    "values", [None, [], ["k", "nonsense", 0, "", 0], ["k", "open", "x", "", 0], ["k", "open"]]
)
def test_what_is_no_event_is_refused(values: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        parse_event(values)


# --- invariants -----------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("fail"), st.sampled_from(list(Blame)), st.one_of(st.none(), st.floats(0, 4000))
        ),
        st.tuples(st.just("succeed")),
        st.tuples(st.just("refuse")),
        st.tuples(st.just("claim")),
        st.tuples(st.just("wait"), st.floats(0, 700)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_it_is_asked_again_within_eleven_minutes(steps: list[Any]) -> None:
    target = Target()
    for name, *values in steps:
        if name == "fail":
            target.fail(blame=values[0], hint_s=values[1])
        else:
            getattr(target, name)(*values)
        assert target.left_s <= 600
        assert target.health.is_clear == (target.health.block is None)
    target.wait(660 + 60)
    assert target.health.is_clear or target.claim()
