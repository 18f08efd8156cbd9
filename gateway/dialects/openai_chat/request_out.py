"""The hub's request for an OpenAI-compatible provider.

Sources: OpenAI's API reference; what reasoning models refuse is in OpenAI's guide "Reasoning
models", "Limitations" (2026-11).

Rule: a field that the server is known to refuse never goes there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Family,
    Feature,
    Loss,
    Losses,
    OutputKind,
    Tool,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.dialects.openai_chat.messages_out import MessagesOut, is_own, list_lost
from gateway.dialects.openai_chat.thinking_out import dump_reasoning
from gateway.dialects.spec import dump_json
from gateway.entities import Dialect, SchemaSupport

Json = dict[str, Any]

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
    Feature.OPAQUE_PART: Loss.REFUSED,
    Feature.MEDIA_IN_TOOL_RESULT: Loss.CHANGED,  # shown in a user's message behind the results
    Feature.TOOL_RESULT_ERROR: Loss.CHANGED,  # begins with "Error:"
    Feature.STRICT_TOOL: Loss.DROPPED,
    Feature.CUSTOM_TOOL: Loss.CHANGED,  # a function with one `input`, where custom is not known
    Feature.TOOL_GRAMMAR: Loss.DROPPED,
    Feature.HOSTED_TOOL: Loss.DROPPED,
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

_REASONING_MODELS: Final = re.compile(r"(?:.*/)?(?:o[1-9](?:-|$)|gpt-(?:[5-9]|\d\d))(?!.*-chat)")
_REASONING_REFUSES: Final = (
    Feature.TEMPERATURE,
    Feature.TOP_P,
    Feature.PRESENCE_PENALTY,
    Feature.FREQUENCY_PENALTY,
    Feature.LOGPROBS,
    Feature.LOGIT_BIAS,
)
_MOST_STOPS: Final = 4  # OpenAI's
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


def is_reasoning_model(model: str, *, own: bool) -> bool:
    """Tell whether a model is one of OpenAI's that think; `own`: the server is OpenAI's."""
    return own and _REASONING_MODELS.match(model) is not None


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body for a provider.

    Raises:
        NotExpressibleError: the request holds what the format, or this server, cannot do.
    """
    return _RequestOut(request, to, losses).dump()


class _RequestOut:
    """Writes one request."""

    __slots__ = ("_body", "_losses", "_quirks", "_request", "_thinks", "_to")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._to = to
        self._quirks = to.quirks
        self._losses = losses
        self._thinks = is_reasoning_model(to.model, own=to.quirks.developer_role)
        self._body: Json = {"model": to.model}

    def dump(self) -> Json:
        request, body = self._request, self._body
        body["messages"] = MessagesOut(request, self._to, self._losses).dump()
        self._add_stream()
        self._add_limit()
        self._add_plain()
        self._add_stops()
        self._add_lists()
        self._add_identity()
        self._add_tools()
        self._add_output()
        body |= dump_reasoning(request, self._to, self._losses, thinks=self._thinks)
        if is_own(request):
            body |= request.extra
        else:
            list_lost(request.extra, self._losses)
        if request.previous_id is not None:
            self._lose(Feature.PREVIOUS_ID)
        for name, other in self._quirks.renamed:
            if name in body:
                body[other] = body.pop(name)
        return body

    def _lose(self, feature: Feature) -> None:
        self._losses.lose(feature, find_place(self._request.dialect, feature))

    def _is_refused(self, feature: Feature) -> bool:
        """Tell whether the server or the model takes no such field; it is then reported."""
        refused = feature.value in self._quirks.unsupported or (
            self._thinks and feature in _REASONING_REFUSES
        )
        if refused:
            self._lose(feature)
        return refused

    def _add_stream(self) -> None:
        if not self._request.stream:
            return
        self._body["stream"] = True
        if self._quirks.stream_usage:
            self._body["stream_options"] = {"include_usage": True}

    def _add_limit(self) -> None:
        limit = self._request.max_tokens or self._quirks.default_max_tokens
        if limit is not None:
            name = "max_completion_tokens" if self._thinks else self._quirks.max_tokens_field
            self._body[name] = limit

    def _add_plain(self) -> None:
        for name, feature, field in _PLAIN:
            value = getattr(self._request, name)
            if value is None or (self._thinks and _is_default(feature, value)):
                continue
            if not self._is_refused(feature):
                self._body[field] = value
        if self._request.top_k is not None:
            self._lose(Feature.TOP_K)

    def _add_stops(self) -> None:
        stops = self._request.stop
        if not stops or self._is_refused(Feature.STOP):
            return
        if len(stops) > (self._quirks.max_stop or _MOST_STOPS):
            self._lose(Feature.STOP)
        self._body["stop"] = list(stops)

    def _add_lists(self) -> None:
        request = self._request
        if set(request.modalities) - {"text"} and not self._is_refused(Feature.MODALITIES):
            self._body["modalities"] = list(request.modalities)
        if request.metadata is not None and not self._is_refused(Feature.METADATA):
            self._body["metadata"] = dict(request.metadata)

    def _add_identity(self) -> None:
        user, tier = self._request.user, self._request.service_tier
        if user is not None and not self._is_refused(Feature.USER):
            if len(user) > _USER_LENGTH:  # a digest tells users apart as well
                user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            self._body["user"] = user
        if tier is None or self._is_refused(Feature.SERVICE_TIER):
            return
        if is_own(self._request) or self._request.dialect is Dialect.OPENAI_RESPONSES:
            self._body["service_tier"] = tier
        elif tier != "auto":
            self._lose(Feature.SERVICE_TIER)

    # --- tools ------------------------------------------------------------------------------

    def _add_tools(self) -> None:
        request = self._request
        choice = request.tool_choice
        allowed = choice.names if choice is not None and choice.mode is not ToolMode.NAMED else ()
        tools = [
            dumped
            for tool in request.tools
            if (not allowed or tool.name in allowed)
            and (dumped := self._dump_tool(tool)) is not None
        ]
        if tools:
            self._body["tools"] = tools
            if request.parallel_calls is not None and not self._is_refused(Feature.SERIAL_CALLS):
                self._body["parallel_tool_calls"] = request.parallel_calls
        if choice is None:
            return
        if choice.mode is ToolMode.NAMED:
            self._add_named(choice.names[0])
        elif tools:
            words = {ToolMode.REQUIRED: self._quirks.required_word}
            self._body["tool_choice"] = words.get(choice.mode, choice.mode.value)

    def _add_named(self, name: str) -> None:
        found = next((tool for tool in self._request.tools if tool.name == name), None)
        if found is not None and found.kind is ToolKind.HOSTED and not is_own(self._request):
            self._lose(Feature.TOOL_CHOICE_NAMED)
        kind = "custom" if found is not None and self._is_custom(found) else "function"
        if not self._is_refused(Feature.TOOL_CHOICE_NAMED):
            self._body["tool_choice"] = {"type": kind, kind: {"name": name}}

    def _is_custom(self, tool: Tool) -> bool:
        return tool.kind is ToolKind.CUSTOM and self._quirks.developer_role

    def _dump_tool(self, tool: Tool) -> Json | None:
        if tool.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
        if tool.kind is ToolKind.HOSTED:
            if tool.family is Family.OPENAI and is_own(self._request):
                return dict(tool.raw)
            self._losses.lose(Feature.HOSTED_TOOL, tool.at)
            return None
        inner: Json = {"name": tool.name}
        if tool.description is not None:
            inner["description"] = tool.description
        if self._is_custom(tool):
            return {"type": "custom", "custom": inner | _dump_grammar(tool)}
        if tool.kind is ToolKind.CUSTOM:
            if tool.grammar is not None and tool.grammar.get("type") != "text":
                self._losses.lose(Feature.TOOL_GRAMMAR, f"{tool.at}.format")
            inner["parameters"] = _INPUT
        elif tool.parameters is not None:
            inner["parameters"] = dict(tool.parameters)
        if tool.strict is not None and Feature.STRICT_TOOL.value not in self._quirks.unsupported:
            inner["strict"] = tool.strict
        return {"type": "function", "function": inner}

    # --- the form of the answer -------------------------------------------------------------

    def _add_output(self) -> None:
        output = self._request.output
        if output is None or output.kind is OutputKind.TEXT:
            return
        if output.kind is OutputKind.JSON:
            if not self._is_refused(Feature.JSON_OBJECT):
                self._body["response_format"] = {"type": "json_object"}
            return
        support = self._quirks.schema
        if support is SchemaSupport.NATIVE:
            schema: Json = {"name": output.name or "answer", "schema": output.schema or {}}
            if output.description is not None:
                schema["description"] = output.description
            if output.strict is not None:
                schema["strict"] = output.strict
            self._body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif support is SchemaSupport.JSON_OBJECT:
            self._body["response_format"] = {"type": "json_object"}
            self._tell_schema(dict(output.schema or {}))
        elif support is SchemaSupport.TOOL:
            self._force_answer(dict(output.schema or {}))
        else:
            self._lose(Feature.JSON_SCHEMA)

    def _tell_schema(self, schema: Json) -> None:
        text = f"Answer with a JSON object of this JSON schema: {dump_json(schema).decode()}"
        self._body["messages"].insert(0, {"role": "system", "content": text})

    def _force_answer(self, schema: Json) -> None:
        tool = {"name": ANSWER_TOOL, "description": "Gives the answer.", "parameters": schema}
        self._body["tools"] = [
            *self._body.get("tools", ()),
            {"type": "function", "function": tool},
        ]
        if len(self._body["tools"]) > 1:
            self._body["tool_choice"] = self._quirks.required_word
        else:
            named = {"type": "function", "function": {"name": ANSWER_TOOL}}
            self._body["tool_choice"] = named


# What a custom tool takes where there are only functions.
_INPUT: Final[Json] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}


def _dump_grammar(tool: Tool) -> Json:
    return {} if tool.grammar is None else {"format": dict(tool.grammar)}


def _is_default(feature: Feature, value: Any) -> bool:
    """Tell whether a value is what reasoning models do anyway, and do not refuse."""
    wanted = 1 if feature in (Feature.TEMPERATURE, Feature.TOP_P) else 0
    return feature in _REASONING_REFUSES and value == wanted
