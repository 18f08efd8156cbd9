"""The hub's request as Gemini's body.

Sources: the Generative Language API's reference, `models.generateContent`, `GenerationConfig` and
`models.countTokens`; the same of Vertex AI; recordings.

Before the third generation a model answers in a form or calls functions, not both ("Function
calling with a response mime type: 'application/json' is unsupported"): a stand-in tool gives the
answer then.

Rule: a field of another dialect without a word here is lost by its own name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.gemini.contents_out import ContentsOut
from gateway.dialects.gemini.models import is_third
from gateway.dialects.gemini.schema_out import dump_schema
from gateway.dialects.gemini.thinking_out import dump_thinking
from gateway.dialects.gemini.tools_out import ToolsOut, build_loser, wants_subset
from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Feature,
    Loss,
    Losses,
    LossTable,
    OutputKind,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.wanted import lose_unknown
from gateway.entities import Dialect

Json = dict[str, Any]

_DROPPED: Final = (
    Feature.IMAGE_DETAIL,
    Feature.DOCUMENT_CONTEXT,
    Feature.CITATIONS,
    Feature.CACHE_CONTROL,  # Google caches on its own
    Feature.REASONING_HISTORY,
    Feature.OPAQUE_PART,
    Feature.NAME,
    Feature.TOOL_GRAMMAR,
    Feature.HOSTED_TOOL,
    Feature.SERIAL_CALLS,
    Feature.SCHEMA_KEYWORD,
    Feature.TEMPERATURE,  # these only where a server's row says that it refuses them
    Feature.TOP_P,
    Feature.TOP_K,
    Feature.SEED,
    Feature.PRESENCE_PENALTY,
    Feature.FREQUENCY_PENALTY,
    Feature.LOGIT_BIAS,
    Feature.REASONING,  # of a model that cannot be told, or that cannot stop thinking
    Feature.REASONING_SUMMARY,
    Feature.REASONING_ENCRYPTED,
    Feature.VERBOSITY,
    Feature.PREDICTION,
    Feature.USER,
    Feature.METADATA,
    Feature.SERVICE_TIER,
    Feature.STORE,
    Feature.CACHE_KEY,
    Feature.EXTRA,
)
_CHANGED: Final = (
    Feature.LATE_SYSTEM,  # a user's text in tags
    Feature.REFUSAL_HISTORY,  # text
    Feature.MEDIA_IN_TOOL_RESULT,  # behind the results, before the third generation
    Feature.TOOL_RESULT_ERROR,  # the field "error" of the object
    Feature.STRICT_TOOL,  # the mode VALIDATED
    Feature.CUSTOM_TOOL,  # a function with one `input`
    Feature.ALLOWED_TOOLS,
)
_REFUSED: Final = (
    Feature.IMAGE,
    Feature.IMAGE_URL,  # the gateway does not fetch what a client names
    Feature.AUDIO,
    Feature.VIDEO,
    Feature.DOCUMENT,
    Feature.DOCUMENT_URL,
    Feature.FILE_ID,  # a file of another vendor
    Feature.TOOL_CHOICE_NAMED,  # a tool that is not there: another vendor's
    Feature.JSON_OBJECT,  # beside tools, before the third generation
    Feature.JSON_SCHEMA,
    Feature.STOP,  # more of them than five
    Feature.CANDIDATES,
    Feature.LOGPROBS,
    Feature.MAX_TOKENS,
    Feature.MODALITIES,  # a voice of OpenAI's
    Feature.PREVIOUS_ID,
)
LOSSES: Final[LossTable] = MappingProxyType(
    dict.fromkeys(_DROPPED, Loss.DROPPED)
    | dict.fromkeys(_CHANGED, Loss.CHANGED)
    | dict.fromkeys(_REFUSED, Loss.REFUSED)
)

_MOST_STOPS: Final = 5
# Feature, the hub's field, Gemini's in generationConfig.
_PLAIN: Final = (
    (Feature.TEMPERATURE, "temperature", "temperature"),
    (Feature.TOP_P, "top_p", "topP"),
    (Feature.TOP_K, "top_k", "topK"),
    (Feature.CANDIDATES, "candidates", "candidateCount"),
    (Feature.MAX_TOKENS, "max_tokens", "maxOutputTokens"),
    (Feature.SEED, "seed", "seed"),
    (Feature.PRESENCE_PENALTY, "presence_penalty", "presencePenalty"),
    (Feature.FREQUENCY_PENALTY, "frequency_penalty", "frequencyPenalty"),
)
_OTHERS: Final = (Feature.STOP, Feature.LOGPROBS, Feature.MODALITIES, Feature.SERVICE_TIER)
_KNOWN: Final = frozenset({feature for feature, _, _ in _PLAIN}.union(_OTHERS))
_TIERS: Final = frozenset({"flex", "priority"})  # the only ones besides the standard one
_USUAL_TIERS: Final = frozenset({"auto", "default", "standard", "standard_only"})
_MODALITIES: Final = frozenset({"text", "image", "audio"})
_JSON: Final = "application/json"
_COUNTED: Final = ("contents", "systemInstruction", "tools", "generationConfig")


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request for an answer; its path says the model, and whether to stream.

    Raises:
        NotExpressibleError: the request holds what the format, or this model, cannot do.
    """
    return _RequestOut(request, to, losses).dump()


def dump_count(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request for the count of a request's tokens.

    Raises:
        NotExpressibleError: as `dump_request`.
    """
    body = dump_request(request, to, losses)
    if to.quirks.flat_count:
        return {name: body[name] for name in _COUNTED if name in body}
    model = to.model if "/" in to.model else f"models/{to.model}"
    return {"generateContentRequest": {"model": model, **body}}


class _RequestOut:
    """Writes one request."""

    __slots__ = ("_config", "_is_own", "_losses", "_request", "_to")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._to = to
        self._losses = losses
        self._is_own = request.dialect is Dialect.GEMINI
        self._config: Json = {}

    def dump(self) -> Json:
        request = self._request
        contents = ContentsOut(request, self._to, self._losses)
        body: Json = {"contents": contents.contents}
        if contents.system:
            body["systemInstruction"] = {"parts": contents.system}
        if self._is_own and request.previous_id is not None:
            body["cachedContent"] = request.previous_id
        kept = self._lose_unknown()
        self._add_plain(kept)
        tools = ToolsOut(request, self._to, self._losses)
        self._add_output(tools)
        self._add_thinking()
        if dumped := tools.dump():
            body["tools"] = dumped
        if (choice := tools.dump_choice()) is not None:
            body["toolConfig"] = {"functionCallingConfig": choice}
        if self._config:
            body["generationConfig"] = self._config
        if Feature.SERVICE_TIER in kept and request.service_tier in _TIERS:
            body["serviceTier"] = request.service_tier
        if self._is_own:
            _put_extra(body, request.extra)
        return body

    def _lose(self, feature: Feature) -> None:
        self._losses.lose(feature, find_place(self._request.dialect, feature))

    def _lose_unknown(self) -> frozenset[Feature]:
        """Note the fields that are not known here; return those that are."""
        asked, known = self._request, _KNOWN
        if self._is_own:
            asked, known = dataclasses.replace(asked, extra={}), _KNOWN | {Feature.PREVIOUS_ID}
        return lose_unknown(asked, known, self._to.quirks, self._losses)

    def _add_plain(self, kept: frozenset[Feature]) -> None:
        request, config = self._request, self._config
        for feature, field, name in _PLAIN:
            if feature in kept:
                config[name] = getattr(request, field)
        if Feature.STOP in kept:
            if len(request.stop) > (self._to.quirks.max_stop or _MOST_STOPS):
                self._lose(Feature.STOP)
            config["stopSequences"] = list(request.stop)
        if Feature.LOGPROBS in kept:
            config["responseLogprobs"] = True
            if request.top_logprobs:
                config["logprobs"] = request.top_logprobs
        self._add_modalities()
        tier = request.service_tier
        if Feature.SERVICE_TIER in kept and tier not in _TIERS | _USUAL_TIERS:
            self._lose(Feature.SERVICE_TIER)

    def _add_modalities(self) -> None:
        request = self._request
        if request.audio is not None or set(request.modalities) - _MODALITIES:
            self._lose(Feature.MODALITIES)
        if request.modalities and (self._is_own or set(request.modalities) != {"text"}):
            self._config["responseModalities"] = [one.upper() for one in request.modalities]

    def _add_output(self, tools: ToolsOut) -> None:
        output = self._request.output
        if output is None or output.kind is OutputKind.TEXT:
            return
        schema = output.schema or {}
        place = find_place(self._request.dialect, Feature.SCHEMA_KEYWORD)
        if tools.declarations and not is_third(self._to.model):
            if output.kind is OutputKind.JSON:
                self._lose(Feature.JSON_OBJECT)
            tools.stand_in(schema, place)
            return
        self._config["responseMimeType"] = _JSON
        if output.kind is OutputKind.JSON:
            return
        if wants_subset(self._to):
            loser = build_loser(self._losses, place)
            self._config["responseSchema"] = dump_schema(schema, loser)
        else:
            self._config["responseJsonSchema"] = dict(schema)

    def _add_thinking(self) -> None:
        request = self._request
        thinking = dump_thinking(request, self._to, self._losses)
        if thinking is not None:
            self._config["thinkingConfig"] = thinking


def _put_extra(body: Json, extra: Mapping[str, Any]) -> None:
    """Put fields of a Gemini client back where their paths say."""
    for path, value in extra.items():
        outer, dot, inner = path.partition(".")
        if dot:
            body.setdefault(outer, {})[inner] = value
        else:
            body[path] = value
