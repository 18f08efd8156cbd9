"""How a model on Bedrock is asked to think: a field of its maker's own, beside Converse's.

Source: user guide, "Extended thinking", "Adaptive thinking", "Using reasoning" of Nova 2, and
"OpenAI models" (November 2026).

Rule: a wish that the same model would refuse because of something firmer is left out, reported.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.bedrock.models import Traits
from gateway.dialects.hub import ChatRequest, Feature, Losses, ReasoningConfig
from gateway.dialects.hub.places import find_place

Json = dict[str, Any]

_LEAST_BUDGET: Final = 1024  # Anthropic's
# Tokens that an effort is worth with a Claude that wants a number.
_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384}
_MOST_BUDGET: Final = 32000
_MOST_PERCENT: Final = 80
_CLAUDE_EFFORTS: Final = {"minimal": "low", "xhigh": "max"}
_NOVA_EFFORTS: Final = {"minimal": "low", "xhigh": "high", "max": "high"}
_OPENAI_EFFORTS: Final = {"minimal": "low", "xhigh": "high", "max": "high"}
_EFFORT_STEPS: Final = ((2048, "low"), (8192, "medium"))


def dump_thinking(
    request: ChatRequest, traits: Traits, turns: list[Json], tools: Json | None, losses: Losses
) -> Json:
    """Return the fields that ask for thoughts; none where none are wanted or can be had."""
    wish = request.reasoning
    if wish is None or not _is_on(wish):
        return {}
    if traits.is_claude:
        can = _can_claude_think(traits, turns, tools)
        found = _dump_claude(wish, traits, request.max_tokens) if can else {}
    elif traits.nova_2:
        effort = _find_effort(wish, _NOVA_EFFORTS)
        found = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    elif traits.maker == "openai":
        found = {"reasoning_effort": _find_effort(wish, _OPENAI_EFFORTS)}
    else:
        found = {}
    if not found:
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
    return found


def _is_on(wish: ReasoningConfig) -> bool:
    if wish.enabled is not None:
        return wish.enabled
    if wish.effort == "none" or wish.budget_tokens == 0:
        return False
    return wish.effort is not None or wish.budget_tokens is not None or wish.adaptive


def _find_effort(wish: ReasoningConfig, words: dict[str, str]) -> str:
    if wish.effort is not None and wish.effort != "none":
        return words.get(wish.effort, wish.effort)
    budget = wish.budget_tokens
    if budget is None or budget < 0:
        return "medium"
    return next((word for most, word in _EFFORT_STEPS if budget <= most), "high")


def _dump_claude(wish: ReasoningConfig, traits: Traits, max_tokens: int | None) -> Json:
    if traits.is_adaptive:
        found: Json = {"thinking": {"type": "adaptive"}}
        if not wish.adaptive or wish.effort is not None:
            found["output_config"] = {"effort": _find_effort(wish, _CLAUDE_EFFORTS)}
        return found
    budget = wish.budget_tokens
    if budget is None or budget < 0:
        budget = _BUDGETS.get(wish.effort or "medium", _MOST_BUDGET)
        if max_tokens is not None:  # thoughts count as part of the answer: leave room for words
            budget = min(budget, max_tokens * _MOST_PERCENT // 100)
    if max_tokens is not None:
        budget = min(budget, max_tokens - 1)  # a budget must be below the limit
    if budget < _LEAST_BUDGET:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _can_claude_think(traits: Traits, turns: list[Json], tools: Json | None) -> bool:
    """Tell whether Claude takes a wish to think beside the rest of the request.

    It refuses one beside a forced tool, and in a loop of tools whose call came without a
    signed thought, such as another vendor's; an adaptive one takes the latter.
    """
    choice = (tools or {}).get("toolChoice", {})
    if "any" in choice or "tool" in choice:
        return False
    in_loop = any("toolResult" in block for block in turns[-1]["content"])
    if traits.is_adaptive or not in_loop:
        return True
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            return "reasoningContent" in turn["content"][0]
    return True
