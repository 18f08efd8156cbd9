"""How much a model shall think, in Gemini's words.

Source: as `gateway.dialects.gemini.models`; budgets of efforts are Google's own for OpenAI's
clients (ai.google.dev/gemini-api/docs/openai, "Thinking").

Rule: a model is told in its generation's way alone: both ways at once are refused.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.gemini.models import LEVELS, Thinking, find_thinking
from gateway.dialects.hub import ChatRequest, Destination, Feature, Losses, ReasoningConfig
from gateway.dialects.hub.places import find_place
from gateway.entities import Dialect

_NO_EFFORT: Final = "none"
_ALL: Final = -1  # as many tokens as the model likes
_BUDGETS: Final = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
_MOST: Final = frozenset({"xhigh", "max"})
_STEPS: Final = ((1_024, "low"), (8_192, "medium"))  # budgets up to here are of these levels


def dump_thinking(request: ChatRequest, to: Destination, losses: Losses) -> dict[str, Any] | None:
    """Return the thinkingConfig; None where there is nothing to say."""
    asked = request.reasoning
    if asked is None:
        return None
    place = find_place(request.dialect, Feature.REASONING)
    thinking = find_thinking(to.model)
    if thinking is None or Feature.REASONING.value in to.quirks.unsupported:
        if not _wants_none(asked):
            losses.lose(Feature.REASONING, place)
        return None
    config: dict[str, Any] = {}
    if _wants_none(asked):
        config, is_off = _dump_rest(thinking)
        if not is_off:
            losses.lose(Feature.REASONING, place)
    elif thinking.levels:
        level = _find_level(asked, thinking)
        if level is not None:
            config["thinkingLevel"] = level.upper()
    else:
        budget = _find_budget(asked, thinking)
        if budget is not None:
            config["thinkingBudget"] = budget
    if _shows(request, asked):
        config["includeThoughts"] = True
    return config or None


def _wants_none(asked: ReasoningConfig) -> bool:
    return asked.enabled is False or asked.effort == _NO_EFFORT


def _dump_rest(thinking: Thinking) -> tuple[dict[str, Any], bool]:
    """Return what makes a model think least, and whether that is not at all."""
    if thinking.levels:
        return {"thinkingLevel": thinking.levels[0].upper()}, False
    return {"thinkingBudget": 0 if thinking.can_rest else thinking.least}, thinking.can_rest


def _find_level(asked: ReasoningConfig, thinking: Thinking) -> str | None:
    wanted = asked.effort
    if wanted is None and asked.budget_tokens is not None and asked.budget_tokens != _ALL:
        tokens = asked.budget_tokens
        wanted = next((level for most, level in _STEPS if tokens <= most), "high")
    if wanted is None:
        return None
    if wanted not in LEVELS:
        return thinking.levels[-1] if wanted in _MOST else None
    enough = LEVELS[LEVELS.index(wanted) :]
    return next((level for level in thinking.levels if level in enough), thinking.levels[-1])


def _find_budget(asked: ReasoningConfig, thinking: Thinking) -> int | None:
    tokens = asked.budget_tokens
    if tokens is None and asked.effort is not None:
        tokens = thinking.most if asked.effort in _MOST else _BUDGETS.get(asked.effort)
    if tokens is None:
        return _ALL if asked.adaptive or asked.enabled else None
    return _ALL if tokens == _ALL else min(max(tokens, thinking.least), thinking.most)


def _shows(request: ChatRequest, asked: ReasoningConfig) -> bool:
    """Tell whether thoughts shall be part of the answer.

    Who asks for thoughts in another dialect than Gemini's gets to see them if that is not denied.
    """
    if asked.show is not None or request.dialect is Dialect.GEMINI:
        return asked.show is True
    return not _wants_none(asked)
