"""A request as the body of ``/v2/chat``.

Source: https://docs.cohere.com/reference/chat and the types of the vendor's SDK 7.3 (2026).

Rule: a number out of Cohere's range is brought into it where that means the same.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.dialects.cohere.features import KNOWN
from gateway.dialects.cohere.messages import Conversation
from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Feature,
    Losses,
    OutputKind,
    Tool,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.dialects.hub.tooling import find_parameters, list_offered
from gateway.dialects.hub.wanted import lose_unknown

Json = dict[str, Any]

_THINKING: Final = re.compile(r"reasoning|command-a-plus|north")
_MOST_STOP: Final = 5
_TOP_P: Final = (0.01, 0.99)
_MOST_TOP_K: Final = 500
_PENALTIES: Final = (Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY)
# Tokens that an effort is worth; Cohere knows budgets only.
_BUDGETS: Final = {"minimal": 512, "low": 1024, "medium": 4096}


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request."""
    kept = lose_unknown(request, KNOWN, to.quirks, losses)
    thinks = _THINKING.search(to.model) is not None
    conversation = Conversation(request, losses, thinks=thinks)
    conversation.build()
    body: Json = {
        "model": to.model,
        "messages": conversation.messages,
        "stream": request.stream,
    }
    if conversation.documents:
        body["documents"] = conversation.documents
    body |= _dump_tools(request, losses)
    _add_output(request, body)
    body |= _dump_sampling(request, losses, kept)
    if "max_tokens" not in body and to.quirks.default_max_tokens is not None:
        body["max_tokens"] = to.quirks.default_max_tokens
    return body | _dump_thinking(request, losses, thinks=thinks)


def _dump_tools(request: ChatRequest, losses: Losses) -> Json:
    choice = request.tool_choice
    mode = ToolMode.AUTO if choice is None else choice.mode
    # Forbidden tools are told still, but where a form of the answer needs them out of the way.
    forbidden = mode is ToolMode.NONE and not _wants_form(request)
    tools = list_offered(request, losses, even_forbidden=forbidden)
    if choice is not None and mode is ToolMode.NAMED:
        tools = [tool for tool in tools if tool.name in choice.names]
    forced = mode in {ToolMode.NAMED, ToolMode.REQUIRED}
    if forced and not tools:
        feature = Feature.TOOL_CHOICE_NAMED
        losses.lose(feature, find_place(request.dialect, feature))
    if not tools:
        return {}
    if request.parallel_calls is False:
        losses.lose(Feature.SERIAL_CALLS, find_place(request.dialect, Feature.SERIAL_CALLS))
    found: Json = {"tools": [_dump_tool(tool, losses) for tool in tools]}
    if forced or forbidden:
        found["tool_choice"] = "REQUIRED" if forced else "NONE"
    if all(tool.strict for tool in tools):
        found["strict_tools"] = True
    else:
        for tool in tools:
            if tool.strict:
                losses.lose(Feature.STRICT_TOOL, f"{tool.at}.strict")
    return found


def _dump_tool(tool: Tool, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
    function: Json = {"name": tool.name, "parameters": find_parameters(tool, losses)}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _wants_form(request: ChatRequest) -> bool:
    return request.output is not None and request.output.kind is not OutputKind.TEXT


def _add_output(request: ChatRequest, body: Json) -> None:
    """Add the form of the answer; beside tools Cohere has none, there it is one tool more."""
    output, choice = request.output, request.tool_choice
    if output is None or not _wants_form(request):
        return
    if "tools" not in body:
        body["response_format"] = {"type": "json_object"}
        if output.kind is OutputKind.SCHEMA and output.schema:
            body["response_format"]["json_schema"] = output.schema
    elif choice is None or choice.mode is not ToolMode.NAMED:  # else there will be no text
        function = {
            "name": ANSWER_TOOL,
            "description": output.description or "Give the answer with this tool.",
            "parameters": output.schema or {"type": "object"},
        }
        body["tools"].append({"type": "function", "function": function})
        body["tool_choice"] = "REQUIRED"


def _dump_sampling(request: ChatRequest, losses: Losses, kept: frozenset[Feature]) -> Json:
    found: Json = {}
    if Feature.MAX_TOKENS in kept:
        found["max_tokens"] = request.max_tokens
    if Feature.TEMPERATURE in kept and request.temperature is not None:
        if request.temperature > 1:
            losses.lose(Feature.TEMPERATURE, find_place(request.dialect, Feature.TEMPERATURE))
        found["temperature"] = min(request.temperature, 1.0)
    if Feature.TOP_P in kept and request.top_p is not None:
        found["p"] = min(max(request.top_p, _TOP_P[0]), _TOP_P[1])
    if Feature.TOP_K in kept and request.top_k is not None:
        found["k"] = min(max(request.top_k, 0), _MOST_TOP_K)
    if Feature.SEED in kept:
        found["seed"] = request.seed
    if Feature.STOP in kept:
        if len(request.stop) > _MOST_STOP:
            losses.lose(Feature.STOP, find_place(request.dialect, Feature.STOP))
        found["stop_sequences"] = list(request.stop)
    return found | _dump_penalties(request, losses, kept)


def _dump_penalties(request: ChatRequest, losses: Losses, kept: frozenset[Feature]) -> Json:
    """Return the penalties, which go from 0 to 1 here."""
    found: Json = {}
    for feature in _PENALTIES:
        if feature not in kept:
            continue
        value = getattr(request, feature.value)
        if not 0 <= value <= 1:
            losses.lose(feature, find_place(request.dialect, feature))
        if value > 0:
            found[feature.value] = min(value, 1)
    return found


def _dump_thinking(request: ChatRequest, losses: Losses, *, thinks: bool) -> Json:
    wish = request.reasoning
    if wish is None:
        return {}
    off = wish.enabled is False or wish.effort == "none" or wish.budget_tokens == 0
    says = off or wish.enabled or wish.effort or wish.budget_tokens or wish.adaptive
    if not says or (off and not thinks):
        return {}
    if not thinks:
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return {}
    if off:
        return {"thinking": {"type": "disabled"}}
    budget = wish.budget_tokens
    if budget is None:
        budget = _BUDGETS.get(wish.effort or "")
    found: Json = {"type": "enabled"}
    if budget is not None and budget > 0:
        found["token_budget"] = budget
    return {"thinking": found}
