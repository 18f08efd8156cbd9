"""A request for a provider that speaks the format.

Source: Anthropic's API reference, "Create a Message", "Count tokens in a Message"; Vertex AI,
"Use Anthropic's Claude models" (the model stands in the URL, the version in the body).

Temperatures of 0 to 2 are cut at 1, the most that Anthropic knows. The user is
``metadata.user_id``; OpenAI's tier "default" is ``standard_only``.

Rule: each field of the hub is expressed, or its loss is noted at the client's place.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.anthropic_messages.blocks_out import BlockWriter
from gateway.dialects.anthropic_messages.generations import Generation, find_generation
from gateway.dialects.anthropic_messages.thinking_out import Thinking, plan_thinking
from gateway.dialects.anthropic_messages.tools_out import Offer, OfferBuilder
from gateway.dialects.anthropic_messages.turns_out import dump_system, dump_turns
from gateway.dialects.hub import ChatRequest, Destination, Feature, Loss, Losses, LossTable
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.wanted import lose_unknown
from gateway.entities import Dialect

Json = dict[str, Any]
LOSSES: Final[LossTable] = {
    **dict.fromkeys(
        (
            Feature.IMAGE,  # in a form that is not taken
            Feature.IMAGE_URL,  # of a cloud's storage
            Feature.DOCUMENT,
            Feature.DOCUMENT_URL,
            Feature.FILE_ID,  # of another vendor
            Feature.AUDIO,
            Feature.VIDEO,
            Feature.TOOL_CHOICE_REQUIRED,  # of a model that cannot be forced
            Feature.TOOL_CHOICE_NAMED,
            Feature.TOOL_CHOICE_NONE,  # of a server that does not know it
            Feature.JSON_SCHEMA,  # of a server that knows nothing that could stand in
            Feature.STOP,  # at blanks alone
            Feature.MAX_TOKENS,
            Feature.CANDIDATES,
            Feature.LOGPROBS,
            Feature.MODALITIES,
            Feature.PREVIOUS_ID,
        ),
        Loss.REFUSED,
    ),
    **dict.fromkeys(
        (
            Feature.IMAGE_DETAIL,
            Feature.CITATIONS,
            Feature.CACHE_CONTROL,
            Feature.REASONING_HISTORY,
            Feature.OPAQUE_PART,
            Feature.NAME,
            Feature.STRICT_TOOL,
            Feature.TOOL_GRAMMAR,
            Feature.HOSTED_TOOL,
            Feature.SERIAL_CALLS,
            Feature.SCHEMA_KEYWORD,
            Feature.TEMPERATURE,
            Feature.TOP_P,
            Feature.TOP_K,
            Feature.SEED,
            Feature.PRESENCE_PENALTY,
            Feature.FREQUENCY_PENALTY,
            Feature.LOGIT_BIAS,
            Feature.REASONING,
            Feature.REASONING_SUMMARY,
            Feature.VERBOSITY,
            Feature.PREDICTION,
            Feature.USER,
            Feature.METADATA,
            Feature.SERVICE_TIER,
            Feature.STORE,
            Feature.CACHE_KEY,
            Feature.EXTRA,
        ),
        Loss.DROPPED,
    ),
    **dict.fromkeys(
        (
            Feature.CUSTOM_TOOL,  # a function of one text
            Feature.ALLOWED_TOOLS,  # the others are not offered
            Feature.JSON_OBJECT,  # the system prompt asks for it
            Feature.REFUSAL_HISTORY,  # is text
            Feature.LATE_SYSTEM,  # is text of the user's turn, in tags
        ),
        Loss.CHANGED,
    ),
}
_KNOWN: Final = frozenset(
    {
        Feature.MAX_TOKENS,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.TOP_K,
        Feature.STOP,
        Feature.USER,
    }
)
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_COUNTED: Final = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "context_management",
        "mcp_servers",
    }
)


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request.

    Raises:
        NotExpressibleError: it asks for what the format cannot express.
    """
    model = find_generation(to.model)
    writer = BlockWriter(request, to.quirks, losses)
    kept = _lose_unknown(request, to, losses)
    offer = OfferBuilder(request, to, model, writer, losses).build()
    thinking = plan_thinking(
        request, model, to.quirks.default_max_tokens, losses, is_forced=offer.is_forced
    )
    body: Json = {"model": to.model, "max_tokens": thinking.max_tokens}
    system = dump_system(request, writer)
    if offer.told is not None:
        system.append({"type": "text", "text": offer.told})
    if system:
        body["system"] = system
    body["messages"] = dump_turns(request, writer, continues=model.continues)
    body |= _dump_offer(offer)
    body |= _dump_thinking(thinking, offer, request)
    body |= _dump_sampling(request, model, thinking, kept, losses)
    body |= _dump_rest(request, kept, to)
    if not all(map(str.strip, request.stop)):  # "must contain non-whitespace"
        losses.lose(Feature.STOP, find_place(request.dialect, Feature.STOP))
    return _finish(body, to)


def dump_count(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body that asks for a count of the input's tokens."""
    body = dump_request(request, to, losses)
    counted = {name: value for name, value in body.items() if name in _COUNTED}
    return {"model": to.model} | counted


def _lose_unknown(request: ChatRequest, to: Destination, losses: Losses) -> frozenset[Feature]:
    """Note what the format has no field for; return what it has one for."""
    if request.dialect is not Dialect.ANTHROPIC_MESSAGES:
        return lose_unknown(request, _KNOWN, to.quirks, losses)
    for feature in _KNOWN:
        if feature.value in to.quirks.unsupported and _is_asked(request, feature):
            losses.lose(feature, find_place(request.dialect, feature))
    return frozenset(one for one in _KNOWN if one.value not in to.quirks.unsupported)


def _is_asked(request: ChatRequest, feature: Feature) -> bool:
    return getattr(request, feature.value) not in (None, ())


def _dump_offer(offer: Offer) -> Json:
    body: Json = {}
    if offer.tools:
        body["tools"] = offer.tools
        if offer.choice is not None:
            body["tool_choice"] = offer.choice
    return body


def _dump_thinking(thinking: Thinking, offer: Offer, request: ChatRequest) -> Json:
    config: Json = {}
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    if offer.format is not None:
        config["format"] = offer.format
    if request.dialect is Dialect.ANTHROPIC_MESSAGES:
        config |= request.extra.get("output_config") or {}
    body: Json = {"output_config": config} if config else {}
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    return body


def _dump_sampling(
    request: ChatRequest,
    model: Generation,
    thinking: Thinking,
    kept: frozenset[Feature],
    losses: Losses,
) -> Json:
    """Return how the model samples, as far as it lets a client say so.

    Source: "Extended thinking", "Feature compatibility": with thoughts no temperature and no
    top_k, and a top_p of 0.95 at least.
    """
    values: dict[Feature, float | None] = {
        Feature.TEMPERATURE: _cut_temperature(request.temperature),
        Feature.TOP_P: request.top_p,
        Feature.TOP_K: request.top_k,
    }
    sampled: Json = {}
    for feature, value in values.items():
        if value is None or feature not in kept:
            continue
        if _is_default(feature, value) and (thinking.is_on or not model.samples):
            continue
        is_double = feature is Feature.TOP_P and "temperature" in sampled
        if (
            not model.samples
            or _clashes(feature, value, thinking)
            or (is_double and not model.samples_both_ways)
        ):
            losses.lose(feature, find_place(request.dialect, feature))
        else:
            sampled[feature.value] = value
    return sampled


_LEAST_TOP_P: Final = 0.95


def _cut_temperature(value: float | None) -> float | None:
    return None if value is None else min(value, 1)


def _is_default(feature: Feature, value: float) -> bool:
    return value == 1 and feature is not Feature.TOP_K


def _clashes(feature: Feature, value: float, thinking: Thinking) -> bool:
    return thinking.is_on and not (feature is Feature.TOP_P and value >= _LEAST_TOP_P)


def _dump_rest(request: ChatRequest, kept: frozenset[Feature], to: Destination) -> Json:
    body: Json = {}
    if request.stop and Feature.STOP in kept:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None and Feature.USER in kept:
        body["metadata"] = {"user_id": request.user}
    tier = _TIERS.get(request.service_tier or "")
    if tier is not None and Feature.SERVICE_TIER.value not in to.quirks.unsupported:
        body["service_tier"] = tier
    if request.stream:
        body["stream"] = True
    if request.dialect is Dialect.ANTHROPIC_MESSAGES:
        extra = dict(request.extra)
        extra.pop("output_config", None)
        metadata = extra.pop("metadata", {})
        if metadata:
            body["metadata"] = {**metadata, **body.get("metadata", {})}
        body |= extra
    return body


def _finish(body: Json, to: Destination) -> Json:
    """Return a body as an odd server wants it."""
    for name, other in to.quirks.renamed:
        if name in body:
            body[other] = body.pop(name)
    return body
