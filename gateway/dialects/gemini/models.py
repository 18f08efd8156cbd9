"""What is known of Gemini's models by their names: how they are told to think, what they take.

Sources: ai.google.dev/gemini-api/docs/thinking and docs.cloud.google.com/gemini-enterprise-agent-
platform/models/thinking (tables of budgets and levels), ai.google.dev/gemini-api/docs/openai
("Thinking": efforts as levels and budgets), read in November 2026.

Rule: of a model that is not known nothing is assumed that an older one would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model is told how much to think: by levels, or by a budget in tokens.

    Attributes:
        levels: it knows, from the least to the most; empty where it wants a budget.
        least, most: tokens of a budget.
        can_rest: whether a budget of 0 turns thinking off.
    """

    levels: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    can_rest: bool = False


LEVELS: Final = ("minimal", "low", "medium", "high")
_ALL: Final = Thinking(LEVELS)
_UPPER: Final = Thinking(LEVELS[1:])
_ENDS: Final = Thinking(("low", "high"))
# The first that fits counts. Models that speak or draw take no such setting.
_ROWS: Final[tuple[tuple[re.Pattern[str], Thinking | None], ...]] = tuple(
    (re.compile(pattern), thinking)
    for pattern, thinking in (
        (r"gemini-.*(?:-tts|-image|-live|-audio|-embedding)", None),
        (r"gemini-2\.5-pro", Thinking(least=128, most=32_768)),
        (r"gemini-2\.5-flash-lite", Thinking(least=512, most=24_576, can_rest=True)),
        (r"gemini-2\.5-flash", Thinking(least=1, most=24_576, can_rest=True)),
        (r"gemini-3-pro", _ENDS),
        (r"gemini-3\.\d+-pro", _UPPER),
        (r"gemini-3\.[78]-flash", _UPPER),
        (r"gemini-3(?:\.\d+)?-flash", _ALL),
        (r"gemini-(?:flash|flash-lite)-latest", _UPPER),  # what all of the third generation know
        (r"gemini-pro-latest", _ENDS),
        (r"gemini-(?:[3-9]|\d\d)", _UPPER),
    )
)
_GENERATION: Final = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LATEST: Final = re.compile(r"gemini-(?:pro|flash|flash-lite)-latest")
_FIRST: Final = re.compile(r"gemini-(?:1\.|pro(?:-vision)?$)")
_PLACES: Final = re.compile(r"^(?:.*/)?(?=[^/]*$)")  # models/, publishers/google/models/
_THIRD: Final = 3


def find_thinking(model: str) -> Thinking | None:
    """Return how a model is told to think; None where it cannot be told."""
    name = _cut(model)
    return next((thinking for pattern, thinking in _ROWS if pattern.match(name)), None)


def is_third(model: str) -> bool:
    """Tell whether a model is of the third generation or a later one.

    These want a signature with each step's first call, answer in a form beside tools, and take
    media in the result of a call.
    """
    name = _cut(model)
    found = _GENERATION.match(name)
    if found is None:
        return _LATEST.match(name) is not None
    return int(found[1]) >= _THIRD


def is_first(model: str) -> bool:
    """Tell whether a model is of the first generation, which takes no JSON Schema."""
    return _FIRST.match(_cut(model)) is not None


def _cut(model: str) -> str:
    return _PLACES.sub("", model, count=1)
