"""How servers are asked to think.

Sources: OpenAI's guide "Reasoning models"; OpenRouter's "Reasoning tokens"; the references of
DeepSeek, Z.ai and Moonshot (`thinking`), of Qwen (`enable_thinking`, `thinking_budget`); 2026-11.

Rule: what the client said in tokens is told in words where the server knows words only.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.hub import ChatRequest, Destination, Feature, Losses, ReasoningConfig
from gateway.dialects.hub.places import find_place

# Up to so many tokens a budget is this effort: the middle of what vendors' tables say.
_EFFORTS: Final = ((2_048, "low"), (8_192, "medium"), (24_576, "high"))
_KNOWN_TO_OPENAI: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})


def find_effort(config: ReasoningConfig) -> str | None:
    """Return how much to think, in a word; None: as much as the model does of itself."""
    if config.effort is not None:
        return config.effort
    budget = config.budget_tokens
    if budget == 0 or config.enabled is False:
        return "none"
    if budget is None or budget < 0:
        return None
    return next((effort for most, effort in _EFFORTS if budget <= most), "high")


def dump_reasoning(
    request: ChatRequest, to: Destination, losses: Losses, *, thinks: bool
) -> dict[str, Any]:
    """Return the fields that ask for thoughts; `thinks`: the model is one of OpenAI's that do."""
    config = request.reasoning
    if config is None:
        return {}
    place = find_place(request.dialect, Feature.REASONING)
    asked_as = to.quirks.reasoning_request
    effort = find_effort(config)
    is_off = effort == "none" or config.enabled is False
    if asked_as == "reasoning":
        return {"reasoning": _dump_openrouter(config, effort)}
    if asked_as == "thinking":
        return {"thinking": {"type": "disabled" if is_off else "enabled"}}
    if asked_as == "enable_thinking":
        budget = config.budget_tokens
        more = {"thinking_budget": budget} if budget is not None and budget > 0 else {}
        return {"enable_thinking": not is_off} | more
    if effort is None:
        return {}
    is_known = not to.quirks.developer_role or thinks
    if asked_as != "reasoning_effort" or not is_known:
        if not is_off:
            losses.lose(Feature.REASONING, place)
        return {}
    if to.quirks.developer_role and effort not in _KNOWN_TO_OPENAI:
        effort = "high"
    return {"reasoning_effort": effort}


def _dump_openrouter(config: ReasoningConfig, effort: str | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if config.budget_tokens is not None and config.budget_tokens > 0 and config.effort is None:
        given["max_tokens"] = config.budget_tokens
    elif effort is not None:
        given["effort"] = effort
    else:
        given["enabled"] = True
    if config.show is False:
        given["exclude"] = True
    return given
