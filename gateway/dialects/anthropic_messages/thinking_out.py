"""How much a model shall think, in the words of its generation.

Sources: Anthropic's "Extended thinking", "Adaptive thinking", "Effort" (see `generations`). The
share of an answer that each effort may think with is OpenRouter's ("Reasoning tokens", 2026-11).

- A model that thinks cannot be forced to call a tool: then it does not think.
- With a budget, an answer that goes on behind a tool's result must begin with the model's own
  thoughts: a client that has not kept them gets an answer without thinking.

Rule: the limit of the answer is the client's, the thoughts have to fit into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.dialects.anthropic_messages.generations import Generation
from gateway.dialects.hub import (
    ChatRequest,
    Family,
    Feature,
    Losses,
    Message,
    Reasoning,
    ReasoningConfig,
    Role,
    ToolResult,
)
from gateway.dialects.hub.places import find_place
from gateway.entities import Dialect

Json = dict[str, Any]
_ORDER: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
_SHARES: Final = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
_LEAST_BUDGET: Final = 1_024  # API reference, `budget_tokens`
_MOST_BUDGET: Final = 32_000  # "for budgets above 32k, use batch processing": timeouts
_ANSWER_TOKENS: Final = 8_192  # left to the answer where only the thoughts have a limit
# Budgets that are about what an effort thinks, for models that take no budget.
_EFFORTS: Final = ((2_048, "low"), (8_192, "medium"), (32_000, "high"))
# What an answer may have where the client sets no limit: enough for a long file; a model's own
# limit would leave less of its window to the question than clients expect.
_DEFAULT_TOKENS: Final = 32_000


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a request says of thinking, and the limit of the answer that goes with it."""

    max_tokens: int
    thinking: Json | None = None
    effort: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether the model is asked to think: it samples in its own way then."""
        return self.thinking is not None and self.thinking["type"] in ("enabled", "adaptive")


def plan_thinking(
    request: ChatRequest,
    model: Generation,
    default_tokens: int | None,
    losses: Losses,
    *,
    is_forced: bool,
) -> Thinking:
    """Return how a model is asked to think.

    Args:
        request: the client's.
        model: what it takes.
        default_tokens: the limit of an answer where the client has none and the server's row has.
        losses: notes what it cannot be asked.
        is_forced: whether it has to call a tool.
    """
    limit = _find_limit(request, model, default_tokens)
    config = request.reasoning or ReasoningConfig()
    is_own = request.dialect is Dialect.ANTHROPIC_MESSAGES
    if _is_off(config) or (is_forced and model.thinks_by_default):
        if _wants(config, is_own=is_own):
            losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return _plan_none(request, model, limit, losses)
    if not _wants(config, is_own=is_own):
        return Thinking(limit, effort=_fit_effort(config.effort, model, request, losses))
    if is_forced or not _may_think(request, model):
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return Thinking(limit)
    if model.thinks_adaptively and not (is_own and model.thinks_by_budget and config.budget_tokens):
        return _plan_adaptive(request, config, model, limit, losses)
    return _plan_budget(request, config, model, limit, losses)


def _find_limit(request: ChatRequest, model: Generation, default_tokens: int | None) -> int:
    if request.max_tokens is None:
        return default_tokens or min(model.max_tokens, _DEFAULT_TOKENS)
    if request.dialect is Dialect.ANTHROPIC_MESSAGES or not model.is_known:
        return request.max_tokens
    return min(request.max_tokens, model.max_tokens)  # it cannot give more, but would refuse


def _is_off(config: ReasoningConfig) -> bool:
    return config.enabled is False or config.effort == "none" or config.budget_tokens == 0


def _wants(config: ReasoningConfig, *, is_own: bool) -> bool:
    """Whether thoughts are asked for; Anthropic's effort alone asks for none."""
    if _is_off(config):
        return False
    return bool(config.enabled or config.budget_tokens) or (not is_own and bool(config.effort))


def _may_think(request: ChatRequest, model: Generation) -> bool:
    """Whether the history allows a model to think with a budget."""
    if model.thinks_adaptively or request.dialect is Dialect.ANTHROPIC_MESSAGES:
        return True
    turn: list[Message] = []
    for message in reversed(request.messages):
        if message.role is Role.USER and not _holds_result(message):
            break
        turn.append(message)
    first = next((one for one in reversed(turn) if one.role is Role.ASSISTANT), None)
    if first is None or not any(map(_holds_result, turn)):
        return True
    part = first.parts[0] if first.parts else None
    return isinstance(part, Reasoning) and part.origin is Family.ANTHROPIC


def _holds_result(message: Message) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


def _plan_none(request: ChatRequest, model: Generation, limit: int, losses: Losses) -> Thinking:
    """Return a request for an answer without thinking."""
    is_own = request.dialect is Dialect.ANTHROPIC_MESSAGES
    effort = None if request.reasoning is None else request.reasoning.effort
    if model.no_thinking is None:  # the least that it can do
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return Thinking(limit, effort="low")
    is_said = is_own or model.thinks_by_default
    given = _fit_effort(None if effort == "none" else effort, model, request, losses)
    return Thinking(
        limit,
        {"type": model.no_thinking} if is_said else None,
        "high" if given in ("xhigh", "max") else given,  # more is refused without thinking
    )


def _plan_adaptive(
    request: ChatRequest, config: ReasoningConfig, model: Generation, limit: int, losses: Losses
) -> Thinking:
    effort = config.effort
    budget = config.budget_tokens or 0
    if effort is None and budget > 0:
        effort = next((name for most, name in _EFFORTS if budget <= most), "xhigh")
    thinking = {"type": "adaptive"} | _show(request, config)
    return Thinking(limit, thinking, _fit_effort(effort, model, request, losses))


def _show(request: ChatRequest, config: ReasoningConfig) -> Json:
    """Return whether thoughts are shown: Anthropic's clients say so, others read what comes."""
    if config.show is None and request.dialect is Dialect.ANTHROPIC_MESSAGES:
        return {}
    return {"display": "omitted" if config.show is False else "summarized"}


def _plan_budget(
    request: ChatRequest, config: ReasoningConfig, model: Generation, limit: int, losses: Losses
) -> Thinking:
    is_own = request.dialect is Dialect.ANTHROPIC_MESSAGES
    budget = config.budget_tokens or 0
    if budget > 0:
        if request.max_tokens is None:
            limit = max(limit, min(budget + _ANSWER_TOKENS, model.max_tokens))
        budget = max(budget, _LEAST_BUDGET)
    else:
        share = _SHARES.get(config.effort or "medium", _SHARES["medium"])
        budget = min(max(int(limit * share), _LEAST_BUDGET), _MOST_BUDGET)
    budget = min(budget, limit - 1)
    if budget < _LEAST_BUDGET:
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return Thinking(limit)
    thinking = {"type": "enabled", "budget_tokens": budget}
    if config.show is False or (is_own and config.show):
        thinking |= _show(request, config)
    effort = _fit_effort(config.effort, model, request, losses) if is_own else None
    return Thinking(limit, thinking, effort)


def _fit_effort(
    effort: str | None, model: Generation, request: ChatRequest, losses: Losses
) -> str | None:
    """Return an effort that a model knows: the next one above, else its most."""
    if effort is None or effort in model.efforts:
        return effort
    if not model.efforts or effort not in _ORDER:
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return None
    above = _ORDER[_ORDER.index(effort) :]
    return next((one for one in above if one in model.efforts), model.efforts[-1])
