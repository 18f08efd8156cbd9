"""How servers are asked to think.

Sources: OpenAI's guide "Reasoning models"; OpenRouter's "Reasoning tokens"; the references of
DeepSeek, Z.ai and Moonshot (`thinking`), of Qwen (`enable_thinking`, `thinking_budget`); 2026-11.

Rule: what the client said in tokens is told in words where the server knows words only, and a word
that a server does not know becomes the nearest one that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.hub import ChatRequest, Destination, Feature, Losses, ReasoningConfig
from gateway.dialects.hub.places import find_place
from gateway.dialects.openai_chat.models import Efforts

# Up to so many tokens a budget is this effort: the middle of what vendors' tables say.
_EFFORTS: Final = ((2_048, "low"), (8_192, "medium"), (24_576, "high"))
# Servers that have taken over `reasoning_effort` know the three words that it began with.
_COMPATIBLE: Final[Efforts] = {"minimal": "low", "xhigh": "high", "max": "high"}


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
    request: ChatRequest, to: Destination, losses: Losses, efforts: Efforts | None
) -> dict[str, Any]:
    """Return the fields that ask for thoughts; `efforts`: the words of OpenAI's thinking models."""
    config = request.reasoning
    if config is None:
        return {}
    way = to.quirks.reasoning_request
    if way != "reasoning":  # OpenRouter takes a summary's form, and encrypts unasked
        _report(config, request, losses)
    effort = find_effort(config)
    is_off = effort == "none" or config.enabled is False
    dump = _OTHERS.get(way)
    if dump is not None:
        return dump(config, effort, is_off)
    own = to.quirks.is_openai
    if effort is None or way != "reasoning_effort" or (own and efforts is None):
        if effort is not None and not is_off:
            losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return {}
    known = efforts if own and efforts is not None else _COMPATIBLE
    return {"reasoning_effort": known.get(effort, effort)}


def _report(config: ReasoningConfig, request: ChatRequest, losses: Losses) -> None:
    for feature, is_wanted in (
        (Feature.REASONING_SUMMARY, config.summary is not None),
        (Feature.REASONING_ENCRYPTED, config.encrypted),
    ):
        if is_wanted:
            losses.lose(feature, find_place(request.dialect, feature))


def _dump_thinking(_config: ReasoningConfig, _effort: str | None, is_off: bool) -> dict[str, Any]:
    return {"thinking": {"type": "disabled" if is_off else "enabled"}}


def _dump_enable(config: ReasoningConfig, _effort: str | None, is_off: bool) -> dict[str, Any]:
    budget = config.budget_tokens
    more = {"thinking_budget": budget} if budget is not None and budget > 0 else {}
    return {"enable_thinking": not is_off} | more


def _dump_openrouter(config: ReasoningConfig, effort: str | None, _off: bool) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if config.budget_tokens is not None and config.budget_tokens > 0 and config.effort is None:
        given["max_tokens"] = config.budget_tokens
    elif effort is not None:
        given["effort"] = "xhigh" if effort == "max" else effort
    else:
        given["enabled"] = True
    if config.summary is not None:
        given["summary"] = config.summary
    if config.show is False:
        given["exclude"] = True
    return {"reasoning": given}


_OTHERS: Final[Mapping[str, Callable[[ReasoningConfig, str | None, bool], dict[str, Any]]]] = {
    "reasoning": _dump_openrouter,
    "thinking": _dump_thinking,
    "enable_thinking": _dump_enable,
}
