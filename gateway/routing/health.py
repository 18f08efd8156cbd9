"""The health of one target: circuit, cooling, quarantine, retry budget.

::

    clear --5 failures in a row, or half of 20 in 10 s--> blocked (circuit, 30 s .. 300 s)
    clear --429, 503, 529-------------------------------> blocked (cooling, 1 s .. 60 s)
    clear --credential, quota, model--------------------> blocked (quarantine, 60 s .. 600 s)
    blocked --its time is over--> one live request at a time as probe
    probe succeeds: clear again (a circuit wants 3);  probe fails: blocked again, for longer

Rule: pure: times are arguments, seconds of the monotonic clock, which all processes of a machine
share. What is blocked is asked again by single requests of clients, never by calls of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.errors import CredentialRejectedError

# The numbers are the design's; each is named once, here.
IN_A_ROW: Final = 5
_LEAST_IN_WINDOW: Final = 20
_WINDOW_S: Final = 10.0
_GROWTH: Final = 10  # a circuit stays open for at most this many times its first interval
_SUCCESSES: Final = 3  # probes that close a circuit
_JITTER: Final = 0.1  # of a circuit's interval, either way: gateways must not probe in step
_COOL_S: Final = (1.0, 60.0)
# Of a hint. A lone target is asked although it cools, and says the same again each time: what makes
# the cooling longer by less than the rest is not told to all processes.
_NOT_WORTH_TELLING: Final = 0.9
_QUARANTINE_GROWTH: Final = 10
_BUDGET: Final = 100  # tokens
_RETRY_COST: Final = 10
_LEASE_S: Final = 60.0  # a probe that another process has claimed and never spoken of again


class Blame(StrEnum):
    """What an outcome says about the target."""

    NONE = "none"  # nothing: the request was at fault, or nobody knows
    FAILURE = "failure"  # it is broken: counts towards its circuit
    COOL = "cool"  # it wants to be left alone for a while
    QUARANTINE = "quarantine"  # its credential or account does not work: longer each time
    MODEL = "model"  # its model is not there


class Block(StrEnum):
    """Why a target is not asked."""

    CIRCUIT = "open"
    COOLING = "cooling"
    QUARANTINE = "quarantined"


@dataclass(frozen=True, slots=True)
class HealthTimes:
    """Intervals, in seconds."""

    open_s: float = 30.0
    quarantine_s: float = 60.0


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A change of state, as one process tells it to the others.

    `until_s` 0 of a probe: it is over, and another may follow.
    """

    key: str
    kind: str  # a `Block`, "probe" or "clear"
    until_s: float = 0.0
    reason: str = ""
    step: int = 0

    @property
    def is_claim(self) -> bool:
        """Whether it says that the target is being tried now."""
        return self.kind == "probe" and self.until_s > 0

    def dump(self) -> list[Any]:
        """Return JSON's own kinds."""
        return [self.key, self.kind, self.until_s, self.reason, self.step]


def parse_event(values: Any) -> HealthEvent:
    """Read what `dump` returned. Raises ValueError, TypeError: it is something else."""
    key, kind, until_s, reason, step = values
    if kind not in (*Block, "probe", "clear"):
        raise ValueError("unknown kind of event")
    return HealthEvent(str(key), kind, float(until_s), str(reason), int(step))


class TargetHealth:
    """The health of one target in one process.

    Attributes:
        key: names the target and the state of its configuration: what changed starts anew.
        is_clear: nothing speaks against asking it; the one thing that the hot path looks at.
        in_flight: calls under way.
        block, until_s, reason: why it is not asked, until when, the last error's code.
        step: how often in a row it was blocked.

    Args:
        key: see above.
        times: the intervals.
        publish: told each change that is seen here.
        may_probe: decides between processes; told the key.
    """

    __slots__ = (
        "__weakref__",
        "_bad",
        "_good",
        "_in_row",
        "_may_probe",
        "_old_bad",
        "_old_good",
        "_opened_s",
        "_probe_until_s",
        "_publish",
        "_since_s",
        "_successes",
        "_times",
        "_tokens",
        "_turn_s",
        "_wide_s",
        "block",
        "in_flight",
        "is_clear",
        "key",
        "reason",
        "step",
        "until_s",
    )

    def __init__(
        self,
        key: str,
        times: HealthTimes,
        publish: Callable[[TargetHealth, HealthEvent], None],
        may_probe: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.key = key
        self.is_clear = True
        self.in_flight = 0
        self.block: Block | None = None
        self.until_s = 0.0
        self.reason = ""
        self.step = 0
        self._times = times
        self._publish = publish
        self._may_probe = may_probe
        self._in_row = 0
        self._good = self._bad = self._old_good = self._old_bad = 0
        self._turn_s = 0.0  # when the younger half of the window ends
        self._probe_until_s = 0.0  # a probe is under way, here or elsewhere, until then
        self._wide_s = 0.0  # when it was asked last although its circuit is open
        self._since_s = 0.0  # what began earlier says nothing about the block
        self._opened_s = 0.0  # when its circuit opened last
        self._successes = 0
        self._tokens = _BUDGET

    @property
    def is_refused(self) -> bool:
        """Whether it is not asked because the provider refused its credential."""
        return self.block is Block.QUARANTINE and self.reason == CredentialRejectedError.code

    # --- before a call ----------------------------------------------------------------------

    def wait_s(self, now_s: float, *, is_lone: bool = False) -> float:
        """Return after how many seconds it may be asked, also by who may `insist`; 0: now."""
        if self.is_clear:
            return 0.0
        at_s = min(self.until_s, self._wide_s + self._times.open_s) if is_lone else self.until_s
        return max(0.0, at_s - now_s)

    def claim(self, now_s: float) -> bool:
        """Take the right to probe a blocked target whose time is over."""
        if max(self.until_s, self._probe_until_s) > now_s:
            return False
        return self._begin_probe(now_s)

    def insist(self, now_s: float) -> bool:
        """Take the right to ask a target that is an endpoint's only one.

        Cooling and quarantine do not hold there: the provider's own answer is worth more than
        none. An open circuit does, but for no longer than its first interval.
        """
        if self.block is not Block.CIRCUIT:
            return True
        if self._probe_until_s > now_s or now_s < self._wide_s + self._times.open_s:
            return False
        return self._begin_probe(now_s)

    @property
    def may_retry(self) -> bool:
        """Whether the budget allows a call that follows a failed one."""
        return self._tokens >= _RETRY_COST

    # --- after a call -----------------------------------------------------------------------

    def succeed(self, now_s: float, began_s: float) -> None:
        """Note a call that went well, and when it had begun."""
        self._in_row = 0
        if now_s >= self._turn_s:
            self._turn(now_s)
        self._good += 1
        if self._tokens < _BUDGET:
            self._tokens += 1
        if not self.is_clear:
            self.recover(now_s, began_s)

    def recover(self, now_s: float, began_s: float) -> None:
        """Note that a blocked target begins to answer well: the next probe may follow.

        One call counts once, however often it is told.
        """
        if self.is_clear or not self._is_news(now_s, began_s):
            return  # the answer to a question of before
        self._successes += 1
        self._since_s = now_s
        self.until_s = min(self.until_s, now_s)
        if self._successes >= (_SUCCESSES if self.block is Block.CIRCUIT else 1):
            self._clear()
            self._publish(self, HealthEvent(self.key, "clear"))
        else:
            self._release(began_s=now_s)

    def refuse(self, now_s: float, began_s: float) -> None:
        """Note that it answered, and did not want the request: it is not broken.

        That it can serve others with this credential is not said by that.
        """
        if self.is_clear or self.block is Block.CIRCUIT:
            self.succeed(now_s, began_s)
        else:
            self._release(began_s)

    def fail(
        self,
        now_s: float,
        began_s: float,
        blame: Blame,
        reason: str,
        *,
        hint_s: float | None,
        draw: float,
    ) -> None:
        """Note a call that failed.

        Args:
            now_s: the moment.
            began_s: when the call began.
            blame: what the failure says about the target.
            reason: the error's code.
            hint_s: how long the provider wants to be left alone, if it said.
            draw: a random number in [0, 1).
        """
        if blame is Blame.NONE:
            self._release(began_s)
        elif blame is Blame.FAILURE:
            self._count_failure(now_s, began_s, reason, draw)
        elif blame is Blame.COOL:
            self._cool(now_s, began_s, reason, hint_s)
        else:
            self._quarantine(now_s, began_s, blame, reason)

    def spend(self) -> None:
        """Pay for a retry that failed."""
        self._tokens = max(0, self._tokens - _RETRY_COST)

    # --- what others say --------------------------------------------------------------------

    def hear(self, event: HealthEvent, now_s: float) -> None:
        """Take in a change that another process has seen."""
        if event.kind == "clear":
            self._clear()
        elif event.kind == "probe":
            self._probe_until_s = min(event.until_s, now_s + _LEASE_S)
            self._successes = max(self._successes, event.step)
        elif self.is_clear or event.until_s >= self.until_s:
            self._block(Block(event.kind), now_s, event.until_s, event.reason, event.step)

    def tell(self) -> HealthEvent:
        """Return the block as an event for a process that knows nothing yet."""
        assert self.block is not None, "only what is blocked is told"  # noqa: S101
        return HealthEvent(self.key, self.block, self.until_s, self.reason, self.step)

    # --- within -----------------------------------------------------------------------------

    def _begin_probe(self, now_s: float) -> bool:
        if not self._may_probe(self.key):
            return False
        self._probe_until_s = now_s + _LEASE_S
        self._wide_s = now_s
        event = HealthEvent(self.key, "probe", self._probe_until_s, step=self._successes)
        self._publish(self, event)
        return True

    def _is_news(self, now_s: float, began_s: float) -> bool:
        """Tell whether a call was a probe: of what began before the block the block tells."""
        is_asked = self._probe_until_s > now_s or now_s >= self.until_s
        return is_asked and began_s >= self._since_s

    def _release(self, began_s: float) -> None:
        """Let another probe: this one has said nothing bad about the target."""
        if self._probe_until_s and began_s >= self._since_s:
            self._probe_until_s = 0.0
            self._publish(self, HealthEvent(self.key, "probe", 0.0, step=self._successes))

    def _turn(self, now_s: float) -> None:
        """Begin the window's next half; what is older than it is forgotten."""
        half_s = _WINDOW_S / 2
        recent = now_s < self._turn_s + half_s
        self._old_good, self._old_bad = (self._good, self._bad) if recent else (0, 0)
        self._good = self._bad = 0
        self._turn_s = now_s + half_s

    def _count_failure(self, now_s: float, began_s: float, reason: str, draw: float) -> None:
        # After an outage in which calls hang, those that began in it fail for a minute more: they
        # must neither lengthen the time nor open what a probe has closed meanwhile.
        if began_s < self._opened_s:
            return
        self._in_row += 1
        if now_s >= self._turn_s:
            self._turn(now_s)
        self._bad += 1
        if self.block is Block.CIRCUIT:
            if self._probe_until_s > now_s or now_s >= self.until_s:
                self._open(now_s, reason, draw)
            return
        self._release(began_s)
        if self.block is Block.QUARANTINE and now_s < self.until_s:
            return  # the longer time, and the better reason
        bad = self._bad + self._old_bad
        seen = bad + self._good + self._old_good
        if self._in_row >= IN_A_ROW or (seen >= _LEAST_IN_WINDOW and bad * 2 >= seen):
            self._open(now_s, reason, draw)

    def _open(self, now_s: float, reason: str, draw: float) -> None:
        step = self.step + 1 if self.block is Block.CIRCUIT else 1
        growth = min(2 ** (step - 1), _GROWTH)
        interval_s = self._times.open_s * growth * (1 + _JITTER * (2 * draw - 1))
        self._block_and_tell(Block.CIRCUIT, now_s, interval_s, reason, step)

    def _cool(self, now_s: float, began_s: float, reason: str, hint_s: float | None) -> None:
        low_s, high_s = _COOL_S
        told_s = None if hint_s is None else min(max(hint_s, low_s), high_s)
        if self.block is None or self._is_news(now_s, began_s):
            step = self.step + 1 if self.block is Block.COOLING else 1
        elif told_s is None or now_s + told_s * _NOT_WORTH_TELLING <= self.until_s:
            return  # one of many that were under way, or of those that insist
        else:
            step = self.step
        wanted_s = min(low_s * 2 ** min(step - 1, 6), high_s) if told_s is None else told_s
        self._block_and_tell(Block.COOLING, now_s, wanted_s, reason, step)

    def _quarantine(self, now_s: float, began_s: float, blame: Blame, reason: str) -> None:
        if self.block is Block.QUARANTINE and not self._is_news(now_s, began_s):
            return  # one of many that were under way
        step = self.step + 1 if self.block is Block.QUARANTINE else 1
        growth = 1 if blame is Blame.MODEL else min(2 ** (step - 1), _QUARANTINE_GROWTH)
        self._block_and_tell(
            Block.QUARANTINE, now_s, self._times.quarantine_s * growth, reason, step
        )

    def _block_and_tell(
        self, block: Block, now_s: float, interval_s: float, reason: str, step: int
    ) -> None:
        self._block(block, now_s, now_s + interval_s, reason, step)
        self._publish(self, self.tell())

    def _block(self, block: Block, now_s: float, until_s: float, reason: str, step: int) -> None:
        self.is_clear = False
        self.block, self.until_s, self.reason, self.step = block, until_s, reason, step
        self._probe_until_s = 0.0
        self._wide_s = self._since_s = now_s
        if block is Block.CIRCUIT:
            self._opened_s = now_s
        self._successes = 0

    def _clear(self) -> None:
        self.is_clear = True
        self.block, self.until_s, self.reason, self.step = None, 0.0, "", 0
        self._probe_until_s = 0.0
        self._in_row = self._successes = 0
        self._good = self._bad = self._old_good = self._old_bad = 0
