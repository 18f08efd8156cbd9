"""The hub's request for an OpenAI-compatible provider.

Sources: OpenAI's API reference; what reasoning models refuse is in OpenAI's guide "Reasoning
models", "Limitations" (2026-11).

Rule: a field that the server is known to refuse never goes there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Feature,
    Loss,
    Losses,
    OutputFormat,
    OutputKind,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.dialects.openai_chat.messages_out import MessagesOut
from gateway.dialects.openai_chat.models import find_efforts
from gateway.dialects.openai_chat.own import is_own
from gateway.dialects.openai_chat.thinking_out import dump_reasoning
from gateway.dialects.openai_chat.tools_out import ToolsOut
from gateway.dialects.spec import dump_json
from gateway.entities import Dialect, SchemaSupport

Json = dict[str, Any]

# What the format has words for does not stand here, though some servers have none (images, tools):
# it is refused for those.
LOSSES: Final[Mapping[Feature, Loss]] = {
    Feature.IMAGE_DETAIL: Loss.DROPPED,
    Feature.AUDIO: Loss.REFUSED,
    Feature.VIDEO: Loss.REFUSED,
    Feature.DOCUMENT_URL: Loss.REFUSED,
    Feature.DOCUMENT_CONTEXT: Loss.DROPPED,
    Feature.FILE_ID: Loss.REFUSED,  # a file of another vendor
    Feature.CITATIONS: Loss.DROPPED,
    Feature.CACHE_CONTROL: Loss.DROPPED,  # these servers cache on their own
    Feature.REASONING_HISTORY: Loss.DROPPED,
    Feature.OPAQUE_PART: Loss.DROPPED,
    Feature.MEDIA_IN_TOOL_RESULT: Loss.CHANGED,  # shown in a user's message behind the results
    Feature.TOOL_RESULT_ERROR: Loss.CHANGED,  # begins with "Error:"
    Feature.REFUSAL_HISTORY: Loss.CHANGED,  # plain text for servers other than OpenAI's
    Feature.STRICT_TOOL: Loss.DROPPED,
    Feature.CUSTOM_TOOL: Loss.CHANGED,  # a function with one `input`, where custom is not known
    Feature.TOOL_GRAMMAR: Loss.DROPPED,
    Feature.HOSTED_TOOL: Loss.DROPPED,
    Feature.TOOL_CHOICE_NONE: Loss.CHANGED,  # no tools at all
    Feature.TOOL_CHOICE_NAMED: Loss.REFUSED,
    Feature.ALLOWED_TOOLS: Loss.CHANGED,  # the others are left out
    Feature.JSON_SCHEMA: Loss.REFUSED,
    Feature.JSON_OBJECT: Loss.REFUSED,
    Feature.STOP: Loss.REFUSED,  # more of them than the server takes
    Feature.CANDIDATES: Loss.REFUSED,
    Feature.LOGPROBS: Loss.REFUSED,
    Feature.MODALITIES: Loss.REFUSED,
    Feature.PREVIOUS_ID: Loss.REFUSED,
    Feature.REASONING_SUMMARY: Loss.DROPPED,
    Feature.REASONING_ENCRYPTED: Loss.DROPPED,
    **dict.fromkeys(
        (
            Feature.TEMPERATURE,
            Feature.TOP_P,
            Feature.TOP_K,
            Feature.SEED,
            Feature.PRESENCE_PENALTY,
            Feature.FREQUENCY_PENALTY,
            Feature.LOGIT_BIAS,
            Feature.SERIAL_CALLS,
            Feature.REASONING,
            Feature.VERBOSITY,
            Feature.PREDICTION,
            Feature.USER,
            Feature.METADATA,
            Feature.SERVICE_TIER,
            Feature.STORE,
            Feature.CACHE_KEY,
            Feature.NAME,
            Feature.EXTRA,
        ),
        Loss.DROPPED,
    ),
}

# What thinking models do anyway, and then do not refuse, nor miss where it cannot be said.
_DEFAULTS: Final[Mapping[Feature, Any]] = {
    Feature.TEMPERATURE: 1,
    Feature.TOP_P: 1,
    Feature.PRESENCE_PENALTY: 0,
    Feature.FREQUENCY_PENALTY: 0,
    Feature.LOGPROBS: False,
    Feature.LOGIT_BIAS: {},
    Feature.CANDIDATES: 1,
    Feature.STORE: False,
}
_THINKING_REFUSES: Final = frozenset(
    {
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.PRESENCE_PENALTY,
        Feature.FREQUENCY_PENALTY,
        Feature.LOGPROBS,
        Feature.LOGIT_BIAS,
        Feature.STOP,
    }
)
_USER_LENGTH: Final = 64  # characters that OpenAI takes
# The hub's field, the feature, the field on the wire.
_PLAIN: Final = (
    ("temperature", Feature.TEMPERATURE, "temperature"),
    ("top_p", Feature.TOP_P, "top_p"),
    ("seed", Feature.SEED, "seed"),
    ("presence_penalty", Feature.PRESENCE_PENALTY, "presence_penalty"),
    ("frequency_penalty", Feature.FREQUENCY_PENALTY, "frequency_penalty"),
    ("logit_bias", Feature.LOGIT_BIAS, "logit_bias"),
    ("logprobs", Feature.LOGPROBS, "logprobs"),
    ("top_logprobs", Feature.LOGPROBS, "top_logprobs"),
    ("candidates", Feature.CANDIDATES, "n"),
    ("store", Feature.STORE, "store"),
    ("cache_key", Feature.CACHE_KEY, "prompt_cache_key"),
    ("verbosity", Feature.VERBOSITY, "verbosity"),
    ("prediction", Feature.PREDICTION, "prediction"),
    ("audio", Feature.MODALITIES, "audio"),
)


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body for a provider.

    Raises:
        NotExpressibleError: the request holds what the format, or this server, cannot do.
    """
    return _RequestOut(request, to, losses).dump()


class _RequestOut:
    """Writes one request."""

    __slots__ = ("_body", "_efforts", "_losses", "_quirks", "_request", "_to")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._to = to
        self._quirks = to.quirks
        self._losses = losses
        self._efforts = find_efforts(to.model) if to.quirks.is_openai else None
        self._body: Json = {"model": to.model}

    def dump(self) -> Json:
        request, body = self._request, self._body
        thinks = self._efforts is not None
        body["messages"] = MessagesOut(request, self._to, self._losses, thinks=thinks).dump()
        self._add_stream()
        self._add_limit()
        self._add_plain()
        self._add_stops()
        self._add_lists()
        self._add_identity()
        body |= ToolsOut(request, self._to, self._losses).dump()
        self._add_output()
        body |= dump_reasoning(request, self._to, self._losses, self._efforts)
        if is_own(request):
            body |= request.extra
        else:
            for name in request.extra:
                self._losses.lose(Feature.EXTRA, name)
        if request.previous_id is not None:
            self._lose(Feature.PREVIOUS_ID)
        for name, other in self._quirks.renamed:
            if name in body:
                body[other] = body.pop(name)
        return body

    def _lose(self, feature: Feature) -> None:
        self._losses.lose(feature, find_place(self._request.dialect, feature))

    def _takes(self, feature: Feature, value: Any = None) -> bool:
        """Tell whether a field may be sent; where not, it is reported if it says something."""
        if feature.value not in self._quirks.unsupported and (
            self._efforts is None or feature not in _THINKING_REFUSES
        ):
            return True
        if feature not in _DEFAULTS or value != _DEFAULTS[feature]:
            self._lose(feature)
        return False

    def _add_stream(self) -> None:
        if not self._request.stream:
            return
        self._body["stream"] = True
        if self._quirks.stream_usage:
            self._body["stream_options"] = {"include_usage": True}

    def _add_limit(self) -> None:
        limit = self._request.max_tokens or self._quirks.default_max_tokens
        if limit is not None:
            name = (
                "max_completion_tokens"
                if self._efforts is not None
                else self._quirks.max_tokens_field
            )
            self._body[name] = limit

    def _add_plain(self) -> None:
        for name, feature, field in _PLAIN:
            value = getattr(self._request, name)
            if value is not None and self._takes(feature, value):
                self._body[field] = value
        if self._request.top_k is not None:
            self._lose(Feature.TOP_K)

    def _add_stops(self) -> None:
        stops = self._request.stop
        if not stops or not self._takes(Feature.STOP):
            return
        if self._quirks.max_stop is not None and len(stops) > self._quirks.max_stop:
            self._lose(Feature.STOP)
        self._body["stop"] = list(stops)

    def _add_lists(self) -> None:
        request = self._request
        if set(request.modalities) - {"text"} and self._takes(Feature.MODALITIES):
            self._body["modalities"] = list(request.modalities)
        if request.metadata is not None and self._takes(Feature.METADATA):
            self._body["metadata"] = dict(request.metadata)

    def _add_identity(self) -> None:
        user, tier = self._request.user, self._request.service_tier
        if user is not None and self._takes(Feature.USER):
            if len(user) > _USER_LENGTH:  # a digest tells users apart as well
                user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            self._body["user"] = user
        if tier is None or not self._takes(Feature.SERVICE_TIER):
            return
        if is_own(self._request) or self._request.dialect is Dialect.OPENAI_RESPONSES:
            self._body["service_tier"] = tier
        elif tier != "auto":
            self._lose(Feature.SERVICE_TIER)

    # --- the form of the answer -------------------------------------------------------------

    def _add_output(self) -> None:
        output = self._request.output
        if output is None or output.kind is OutputKind.TEXT:
            return
        support = self._quirks.schema
        if output.kind is OutputKind.JSON:
            if self._takes(Feature.JSON_OBJECT):
                self._ask_for_object(_SAY_JSON)
        elif support is SchemaSupport.NATIVE:
            self._body["response_format"] = _dump_format(output)
        elif support is SchemaSupport.JSON_OBJECT:
            self._ask_for_object("")
            self._tell(_SAY_SCHEMA + dump_json(output.schema or {}).decode())
        elif support is SchemaSupport.TOOL:
            self._force_answer(dict(output.schema or {}))
        else:
            self._lose(Feature.JSON_SCHEMA)

    def _ask_for_object(self, words: str) -> None:
        """Ask for JSON; OpenAI refuses to where no message speaks of it, so that one then does."""
        self._body["response_format"] = {"type": "json_object"}
        if words and b"json" not in dump_json(self._body["messages"]).lower():
            self._tell(words)

    def _tell(self, text: str) -> None:
        """Add to the system's text; a second one at the beginning is too much for some servers."""
        messages = self._body["messages"]
        first = messages[0] if messages else {}
        if first.get("role") not in ("system", "developer"):
            role = "system" if self._efforts is None else "developer"
            messages.insert(0, {"role": role, "content": text})
        elif isinstance(first["content"], str):
            first["content"] += f"\n\n{text}"
        else:
            first["content"] = [*first["content"], {"type": "text", "text": text}]

    def _force_answer(self, schema: Json) -> None:
        tool = {"name": ANSWER_TOOL, "description": "Gives the answer.", "parameters": schema}
        tools = [*self._body.get("tools", ()), {"type": "function", "function": tool}]
        named = {"type": "function", "function": {"name": ANSWER_TOOL}}
        self._body["tools"] = tools
        self._body["tool_choice"] = named if len(tools) == 1 else self._quirks.required_word


_SAY_JSON: Final = "Answer with a JSON object."
_SAY_SCHEMA: Final = "Answer with a JSON object of this JSON schema: "


def _dump_format(output: OutputFormat) -> Json:
    schema: Json = {"name": output.name or "answer", "schema": output.schema or {}}
    if output.description is not None:
        schema["description"] = output.description
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}
