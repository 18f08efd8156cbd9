"""A request as the body of Converse and ConverseStream.

The model and whether it streams stand in the path, which is not made here.

Rule: what one maker's models refuse is not sent to them: it is lost as the table says.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.dialects.bedrock.features import KNOWN
from gateway.dialects.bedrock.messages import Conversation
from gateway.dialects.bedrock.models import Traits, find_traits
from gateway.dialects.bedrock.thinking import dump_thinking
from gateway.dialects.bedrock.tools import dump_tools, wants_answer_tool
from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Feature,
    Losses,
    OutputKind,
    ToolChoice,
    ToolMode,
)
from gateway.dialects.hub.arguments import dump_arguments
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.wanted import lose_unknown
from gateway.entities import Quirks

Json = dict[str, Any]

_TIERS: Final = frozenset({"priority", "flex", "reserved"})
# Of `requestMetadata`, which goes into the logs of invocations.
_LABEL: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_MOST_LABELS: Final = 16
_TOP_K: Final = {"anthropic": "top_k", "mistral": "top_k", "cohere": "k"}


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request."""
    traits = find_traits(to.model)
    kept = lose_unknown(request, KNOWN, to.quirks, losses)
    conversation = Conversation(traits, losses)
    conversation.add(request.messages)
    answer_tool = wants_answer_tool(request.output, request.tool_choice, traits, to.quirks.schema)
    tools = dump_tools(request, traits, losses, answer_tool=answer_tool)
    body: Json = {"messages": conversation.turns}
    if conversation.system:
        body["system"] = conversation.system
    fields = dump_thinking(request, traits, conversation.turns, tools, losses)
    thinks = "thinking" in fields
    body["inferenceConfig"] = _dump_inference(request, to.quirks, losses, kept, thinks=thinks)
    if tools is not None:
        body["toolConfig"] = tools
    fields |= _dump_fields(request, traits, losses, kept, thinks=thinks)
    fields |= _dump_serial(request, traits, tools, losses)
    if fields:
        body["additionalModelRequestFields"] = fields
    if request.stop and traits.is_claude:
        body["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    if not answer_tool:
        body |= _dump_output(request)
    return body | _dump_labels(request, losses, kept)


def dump_count(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of CountTokens, which takes what of a request is input."""
    body = dump_request(request, to, losses)
    return {"input": {"converse": {name: body[name] for name in _COUNTED if name in body}}}


_COUNTED: Final = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def _dump_inference(
    request: ChatRequest,
    quirks: Quirks,
    losses: Losses,
    kept: frozenset[Feature],
    *,
    thinks: bool,
) -> Json:
    found: Json = {}
    limit = request.max_tokens if Feature.MAX_TOKENS in kept else quirks.default_max_tokens
    if limit is not None:
        found["maxTokens"] = limit
    if Feature.TEMPERATURE in kept and request.temperature is not None:
        if thinks and request.temperature != 1:  # Claude thinks at 1 alone
            _lose(request, Feature.TEMPERATURE, losses)
        elif request.temperature > 1:
            _lose(request, Feature.TEMPERATURE, losses)
            found["temperature"] = 1.0
        else:
            found["temperature"] = request.temperature
    if Feature.TOP_P in kept and request.top_p is not None:
        if thinks and request.top_p < _LEAST_TOP_P:
            _lose(request, Feature.TOP_P, losses)
        else:
            found["topP"] = request.top_p
    if Feature.STOP in kept:
        if quirks.max_stop is not None and len(request.stop) > quirks.max_stop:
            _lose(request, Feature.STOP, losses)
        found["stopSequences"] = list(request.stop)
    return found


_LEAST_TOP_P: Final = 0.95  # of a Claude that thinks


def _dump_fields(
    request: ChatRequest,
    traits: Traits,
    losses: Losses,
    kept: frozenset[Feature],
    *,
    thinks: bool,
) -> Json:
    """Return what of the request is a field of the maker's own."""
    if Feature.TOP_K not in kept:
        return {}
    if traits.maker == "amazon":
        return {"inferenceConfig": {"topK": request.top_k}}
    name = _TOP_K.get(traits.maker)
    if name is None or thinks:
        _lose(request, Feature.TOP_K, losses)
        return {}
    return {name: request.top_k}


def _dump_serial(request: ChatRequest, traits: Traits, tools: Json | None, losses: Losses) -> Json:
    """Return how a Claude is told to call one tool at a time; Converse has no field for it."""
    if request.parallel_calls is not False or tools is None:
        return {}
    if traits.schema and traits.is_claude and "toolChoice" not in tools:
        return {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    _lose(request, Feature.SERIAL_CALLS, losses)
    return {}


def _dump_output(request: ChatRequest) -> Json:
    output = request.output
    if output is None or output.kind is not OutputKind.SCHEMA or _is_named(request.tool_choice):
        return {}
    schema: Json = {"schema": dump_arguments(output.schema or {"type": "object"})}
    if output.name:
        schema["name"] = output.name
    if output.description:
        schema["description"] = output.description
    structure = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    return {"outputConfig": {"textFormat": structure}}


def _is_named(choice: ToolChoice | None) -> bool:
    return choice is not None and choice.mode is ToolMode.NAMED


def _dump_labels(request: ChatRequest, losses: Losses, kept: frozenset[Feature]) -> Json:
    found: Json = {}
    if Feature.SERVICE_TIER in kept:
        if request.service_tier in _TIERS:
            found["serviceTier"] = {"type": request.service_tier}
        else:
            _lose(request, Feature.SERVICE_TIER, losses)
    if Feature.METADATA in kept and request.metadata:
        labels = dict(request.metadata)
        pairs = [*labels, *filter(None, labels.values())]
        if len(labels) <= _MOST_LABELS and all(map(_LABEL.fullmatch, pairs)):
            found["requestMetadata"] = labels
        else:
            _lose(request, Feature.METADATA, losses)
    return found


def _lose(request: ChatRequest, feature: Feature, losses: Losses) -> None:
    losses.lose(feature, find_place(request.dialect, feature))
