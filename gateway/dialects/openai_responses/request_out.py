"""A request to a server of OpenAI Responses, of a client of any format.

Source: OpenAI's API reference, "Create a model response".

Rule: nothing is stored there (`store` is false): what a next turn needs comes back to the client,
encrypted where it is reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Family,
    Feature,
    Losses,
    OutputKind,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.hub.places import find_place
from gateway.dialects.openai_responses.items_out import ItemWriter
from gateway.dialects.openai_responses.parts_out import OPENAI_DIALECTS, Json, PartWriter
from gateway.dialects.openai_responses.request_in import ENCRYPTED, LOGPROBS
from gateway.dialects.openai_responses.settings_out import (
    PLAIN_MODELS,
    THINKING_MODELS,
    Asks,
    dump_reasoning,
    dump_text,
)
from gateway.dialects.openai_responses.tools_out import dump_choice, dump_custom, dump_function
from gateway.entities import Dialect

_LEAST_TOKENS: Final = 16  # fewer are refused
_USER: Final = re.compile(r".{1,64}", re.DOTALL)
_USER_LENGTH: Final = 64
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority"})
# Fields of chat that this format knows by the same name.
_SHARED: Final = frozenset({"prompt_cache_retention", "prompt_cache_options", "moderation"})
# What is one field here: the feature, its name, its value.
_FIELDS: Final[tuple[tuple[Feature, str, Callable[[ChatRequest], Any]], ...]] = (
    (Feature.TEMPERATURE, "temperature", lambda asked: asked.temperature),
    (Feature.TOP_P, "top_p", lambda asked: asked.top_p),
    (Feature.SERIAL_CALLS, "parallel_tool_calls", lambda asked: asked.parallel_calls),
    (Feature.USER, "safety_identifier", lambda asked: _fit_user(asked.user)),
    (Feature.METADATA, "metadata", lambda asked: asked.metadata or None),
    (Feature.CACHE_KEY, "prompt_cache_key", lambda asked: asked.cache_key),
)
# What is none here: the feature, and whether it is asked for.
_LOST: Final[tuple[tuple[Feature, Callable[[ChatRequest], Any]], ...]] = (
    (Feature.PREVIOUS_ID, lambda asked: asked.previous_id),
    (Feature.CANDIDATES, lambda asked: (asked.candidates or 1) > 1),
    (Feature.MODALITIES, lambda asked: {one.lower() for one in asked.modalities} - {"text"}),
    (Feature.STOP, lambda asked: asked.stop),
    (Feature.TOP_K, lambda asked: asked.top_k is not None),
    (Feature.SEED, lambda asked: asked.seed is not None),
    (Feature.PRESENCE_PENALTY, lambda asked: asked.presence_penalty),
    (Feature.FREQUENCY_PENALTY, lambda asked: asked.frequency_penalty),
    (Feature.LOGIT_BIAS, lambda asked: asked.logit_bias),
    (Feature.PREDICTION, lambda asked: asked.prediction),
    (Feature.STORE, lambda asked: asked.store),
    (Feature.SERVICE_TIER, lambda asked: asked.service_tier not in {None, *_TIERS}),
)


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body for a server of this format.

    Raises:
        NotExpressibleError: it holds what this format cannot say.
    """
    for feature, is_asked in _LOST:
        if is_asked(request):
            losses.lose(feature, find_place(request.dialect, feature))
    asks = Asks(request, to, losses)
    body: Json = {"model": to.model, "store": False, **_dump_input(request, to, losses)}
    if request.stream:
        body["stream"] = True
    body |= _dump_tools(request, losses)
    body |= _dump_settings(request, asks)
    body |= dump_reasoning(request, asks)
    text = dump_text(request, asks)
    if text:
        body["text"] = text
    include = _list_include(request, to, asks)
    if include:
        body["include"] = include
    _add_extra(body, request, losses)
    for name, other in to.quirks.renamed:
        if name in body:
            body[other] = body.pop(name)
    return body


def _dump_input(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    writer = ItemWriter(
        PartWriter(request.dialect, losses),
        request,
        developer=to.quirks.is_openai,
        # OpenAI's own models take their thoughts encrypted alone.
        is_open=not (THINKING_MODELS.search(to.model) or PLAIN_MODELS.search(to.model)),
    )
    messages = request.messages
    instructions = None
    first = messages[0] if messages else None
    if first is not None and first.role is Role.SYSTEM and first.name is None:
        texts = [part for part in first.parts if isinstance(part, Text)]
        if len(texts) == len(first.parts):
            for part in texts:
                if part.cache is not None:
                    losses.lose(Feature.CACHE_CONTROL, part.at)
            instructions = "\n\n".join(part.text for part in texts if part.text)
            messages = messages[1:]
    for message in messages:
        writer.take(message)
    items = list(_list_followed(writer.items))
    if request.output is not None and request.output.kind is OutputKind.JSON:
        items = _name_json(items, request.dialect)
    return {"instructions": instructions, "input": items} if instructions else {"input": items}


def _list_followed(items: list[Json]) -> Iterator[Json]:
    """Yield the items without thoughts that led to nothing, as of a turn that was broken off.

    The API refuses them: "provided without its required following item".
    """
    for item, after in pairwise([*items, {"role": "user"}]):
        is_result = str(after.get("type")).endswith("_output")
        is_last = is_result or after.get("role", "assistant") != "assistant"
        if item.get("type") != "reasoning" or not is_last:
            yield item


def _name_json(items: list[Json], dialect: Dialect) -> list[Json]:
    """Say the word that the API wants to see in the input before it answers in JSON.

    OpenAI's clients know the rule; those of other formats do not.
    """
    if dialect in OPENAI_DIALECTS or "json" in str(items).lower():
        return items
    return [*items, {"role": "system", "content": "Answer with a JSON object."}]


def _dump_tools(request: ChatRequest, losses: Losses) -> Json:
    dumped = [one for tool in request.tools if (one := _dump_tool(tool, request, losses))]
    choice = request.tool_choice
    if choice is not None and choice.mode is ToolMode.NAMED:
        foreign = {tool.name for tool in request.tools if not _is_known(tool, request)}
        if foreign.intersection(choice.names):
            place = find_place(request.dialect, Feature.TOOL_CHOICE_NAMED)
            losses.lose(Feature.TOOL_CHOICE_NAMED, place)
    if not dumped:
        return {}  # a choice among no tools is refused
    chosen = dump_choice(choice, [tool for tool in request.tools if _is_known(tool, request)])
    return {"tools": dumped} if chosen is None else {"tools": dumped, "tool_choice": chosen}


def _is_known(tool: Tool, request: ChatRequest) -> bool:
    is_own = tool.family is Family.OPENAI and request.dialect is Dialect.OPENAI_RESPONSES
    return tool.kind is not ToolKind.HOSTED or is_own


def _dump_tool(tool: Tool, request: ChatRequest, losses: Losses) -> Mapping[str, Any] | None:
    if tool.cache is not None:
        losses.lose(Feature.CACHE_CONTROL, tool.at)
    if not _is_known(tool, request):
        losses.lose(Feature.HOSTED_TOOL, tool.at)
        return None
    for name in tool.extra:
        losses.lose(Feature.EXTRA, f"{tool.at}.{name}")
    if tool.kind is ToolKind.HOSTED:
        return tool.raw
    if tool.kind is ToolKind.CUSTOM:
        return dump_custom(tool)
    silence = None if request.dialect is Dialect.OPENAI_RESPONSES else False
    return dump_function(tool, silence=silence)


def _dump_settings(request: ChatRequest, asks: Asks) -> Json:
    body: Json = {}
    for feature, name, find in _FIELDS:
        value = find(request)
        if value is not None and asks.take(feature):
            body[name] = value
    if request.max_tokens is not None:
        body["max_output_tokens"] = max(request.max_tokens, _LEAST_TOKENS)
    if request.service_tier in _TIERS:
        body["service_tier"] = request.service_tier
    if request.top_logprobs and asks.take(Feature.LOGPROBS):
        body["top_logprobs"] = request.top_logprobs
    return body


def _fit_user(user: str | None) -> str | None:
    return fit_id(user, _USER, _USER_LENGTH) if user else None


def _list_include(request: ChatRequest, to: Destination, asks: Asks) -> list[str]:
    include = []
    if _wants_encrypted(request, to.model) and asks.take(Feature.REASONING_ENCRYPTED):
        include.append(ENCRYPTED)
    if request.logprobs and asks.take(Feature.LOGPROBS):
        include.append(LOGPROBS)
    return include


def _wants_encrypted(request: ChatRequest, model: str) -> bool:
    """Whether thoughts come back: the model thinks by its name, or the client knows it to."""
    asked = request.reasoning
    if asked is not None and asked.encrypted:
        return True
    if PLAIN_MODELS.search(model):
        return False
    if asked is not None and (asked.effort or asked.summary or asked.enabled):
        return True
    return THINKING_MODELS.search(model) is not None or any(
        isinstance(part, Reasoning) and part.encrypted and part.origin is Family.OPENAI
        for message in request.messages
        for part in message.parts
    )


def _add_extra(body: Json, request: ChatRequest, losses: Losses) -> None:
    is_same = request.dialect is Dialect.OPENAI_RESPONSES
    for name, value in request.extra.items():
        outer, _, inner = name.partition(".")
        if is_same and name == "include":
            body["include"] = [*body.get("include", []), *_list_texts(value)]
        elif is_same and inner:
            body[outer] = {**body.get(outer, {}), inner: value}
        elif is_same or (request.dialect in OPENAI_DIALECTS and name in _SHARED):
            body[name] = value
        else:
            losses.lose(Feature.EXTRA, name)


def _list_texts(value: Any) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
