"""Faults set by a program for the calls to come: for all, for the next N, for every k-th.

Rule: the rule that was set first and still has calls left decides; a rule counts only the calls
that it was asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.simulator.faults import HEALTHY, Fault, parse_fault


@dataclass(slots=True)
class _FaultRule:
    fault: Fault
    times_left: int | None
    every: int
    model: str | None
    seen: int = 0

    def is_over(self) -> bool:
        return self.times_left is not None and self.times_left <= 0

    def decide(self) -> Fault:
        """Count one call and say whether it is one that fails."""
        self.seen += 1
        if self.seen % self.every:
            return HEALTHY
        if self.times_left is not None:
            self.times_left -= 1
        return self.fault


class FaultPlan:
    """The faults set by a program, in the order they were set."""

    def __init__(self) -> None:
        self._rules: list[_FaultRule] = []

    def add(
        self,
        fault: Fault | str,
        *,
        times: int | None = None,
        every: int = 1,
        model: str | None = None,
    ) -> None:
        """Plan a fault for the calls to come.

        Args:
            fault: the fault, or its text in the grammar of ``gateway.simulator.faults``.
            times: how many calls shall fail; None means until ``clear``.
            every: only every such call fails, counted from now (2: the second, the fourth ...).
            model: only calls to this model, named without a fault suffix.

        Raises:
            MalformedRequestError: the text is no fault.
        """
        parsed = parse_fault(fault) if isinstance(fault, str) else fault
        self._rules.append(_FaultRule(parsed, times, max(1, every), model))

    def clear(self) -> None:
        """Forget every fault planned so far."""
        self._rules.clear()

    def decide(self, model: str) -> Fault:
        """Choose the planned fault of the next call to a model and count that call."""
        self._rules = [rule for rule in self._rules if not rule.is_over()]
        for rule in self._rules:
            if rule.model in {None, model}:
                return rule.decide()
        return HEALTHY
