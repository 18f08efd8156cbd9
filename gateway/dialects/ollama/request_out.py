"""A request as the body of ``/api/chat``.

Source: https://docs.ollama.com/api/chat and the server's `api/types.go` (November 2026).

Rule: `stream` is always said: what Ollama does unasked is to stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.dialects.hub import (
    CacheMark,
    ChatRequest,
    Destination,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Message,
    OutputKind,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolMode,
    ToolResult,
)
from gateway.dialects.hub.arguments import dump_arguments, parse_arguments
from gateway.dialects.hub.carry import take_from_id
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.tooling import find_names, find_parameters, list_offered
from gateway.dialects.hub.wanted import lose_unknown
from gateway.dialects.hub.wording import IMAGES_OF_TOOLS, wrap_document, wrap_failure
from gateway.dialects.ollama.features import KNOWN

Json = dict[str, Any]

# The options' names, and how the hub has them.
_OPTIONS: Final[tuple[tuple[str, Feature, Callable[[ChatRequest], Any]], ...]] = (
    ("num_predict", Feature.MAX_TOKENS, lambda asked: asked.max_tokens),
    ("temperature", Feature.TEMPERATURE, lambda asked: asked.temperature),
    ("top_p", Feature.TOP_P, lambda asked: asked.top_p),
    ("top_k", Feature.TOP_K, lambda asked: asked.top_k),
    ("stop", Feature.STOP, lambda asked: list(asked.stop)),
    ("seed", Feature.SEED, lambda asked: asked.seed),
    ("presence_penalty", Feature.PRESENCE_PENALTY, lambda asked: asked.presence_penalty),
    ("frequency_penalty", Feature.FREQUENCY_PENALTY, lambda asked: asked.frequency_penalty),
)
_ROLES: Final = {Role.DEVELOPER: "system"}
# Only these models know how hard to think; others think or do not.
_WITH_LEVELS: Final = "gpt-oss"
_LEVELS: Final = {"minimal": "low", "xhigh": "high", "max": "high"}
_FORCED: Final = {
    ToolMode.REQUIRED: Feature.TOOL_CHOICE_REQUIRED,
    ToolMode.NAMED: Feature.TOOL_CHOICE_NAMED,
}


def dump_request(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request."""
    kept = lose_unknown(request, KNOWN, to.quirks, losses)
    body: Json = {
        "model": to.model,
        "messages": _Conversation(request, losses).dump(),
        "stream": request.stream,
    }
    tools = list_offered(request, losses)
    _lose_choice(request, losses, has_tools=bool(tools))
    if tools:
        body["tools"] = [_dump_tool(tool, losses) for tool in tools]
    options = {name: find(request) for name, feature, find in _OPTIONS if feature in kept}
    if "num_predict" not in options and to.quirks.default_max_tokens is not None:
        options["num_predict"] = to.quirks.default_max_tokens
    if options:
        body["options"] = options
    if Feature.LOGPROBS in kept:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    return body | _dump_format(request) | _dump_think(request, to, losses)


def _lose_choice(request: ChatRequest, losses: Losses, *, has_tools: bool) -> None:
    choice = request.tool_choice
    if choice is not None and choice.mode in _FORCED:
        feature = _FORCED[choice.mode]
        losses.lose(feature, find_place(request.dialect, feature))
    if request.parallel_calls is False and has_tools:
        losses.lose(Feature.SERIAL_CALLS, find_place(request.dialect, Feature.SERIAL_CALLS))


def _dump_tool(tool: Tool, losses: Losses) -> Json:
    if tool.strict:
        losses.lose(Feature.STRICT_TOOL, f"{tool.at}.strict")
    if tool.cache is not None:
        losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {
        "type": "function",
        "function": function | {"parameters": find_parameters(tool, losses)},
    }


def _dump_format(request: ChatRequest) -> Json:
    output = request.output
    if output is None or output.kind is OutputKind.TEXT:
        return {}
    if output.kind is OutputKind.SCHEMA and output.schema:
        return {"format": output.schema}
    return {"format": "json"}


def _dump_think(request: ChatRequest, to: Destination, losses: Losses) -> Json:
    wish = request.reasoning
    if wish is None:
        return {}
    if wish.enabled is False or wish.effort == "none" or wish.budget_tokens == 0:
        return {"think": False}
    if Feature.REASONING.value in to.quirks.unsupported:
        losses.lose(Feature.REASONING, find_place(request.dialect, Feature.REASONING))
        return {}
    if _WITH_LEVELS in to.model and wish.effort is not None:
        return {"think": _LEVELS.get(wish.effort, wish.effort)}
    says = wish.enabled or wish.effort or wish.budget_tokens or wish.adaptive
    return {"think": True} if says else {}


class _Conversation:
    """Builds the messages of one request."""

    __slots__ = ("_held", "_losses", "_messages", "_names", "_request")

    def __init__(self, request: ChatRequest, losses: Losses) -> None:
        self._request = request
        self._losses = losses
        self._names = find_names(request)
        self._messages: list[Json] = []
        self._held: list[str] = []  # images of results, until the last of these is there

    def dump(self) -> list[Json]:
        for message in self._request.messages:
            results = [part for part in message.parts if isinstance(part, ToolResult)]
            for result in results:
                self._add_result(result)
            others = [part for part in message.parts if not isinstance(part, ToolResult)]
            if others or not results:
                self._release()
                self._add(message, others)
        self._release()
        return self._messages

    def _add(self, message: Message, parts: Sequence[Part]) -> None:
        texts: list[str] = []
        images: list[str] = []
        calls: list[Json] = []
        thoughts: list[str] = []
        for part in parts:
            if isinstance(part, ToolCall):
                calls.append(_dump_call(part))
                self._lose_cache(part.cache, part.at)
            elif isinstance(part, Reasoning):
                if part.origin is Family.OTHER and part.text:
                    thoughts.append(part.text)
                else:
                    self._losses.lose(Feature.REASONING_HISTORY, part.at)
            else:
                self._add_part(part, texts, images)
        dumped: Json = {"role": _ROLES.get(message.role, message.role.value)}
        dumped["content"] = "\n".join(texts)
        if thoughts:
            dumped["thinking"] = "".join(thoughts)
        if images:
            dumped["images"] = images
        if calls:
            dumped["tool_calls"] = calls
        if calls or texts or images or not parts:
            self._messages.append(dumped)

    def _add_part(self, part: Part, texts: list[str], images: list[str]) -> None:
        if isinstance(part, Text):
            self._lose_cache(part.cache, part.at)
            if part.citations:  # of an earlier turn
                self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
            texts.append(part.text)
        elif isinstance(part, Refusal):
            texts.append(part.text)
        elif isinstance(part, Image):
            images.append(self._dump_image(part))
        elif isinstance(part, Document):
            texts.append(self._dump_document(part))
        else:
            self._losses.lose(_FEATURES.get(type(part).__name__, Feature.OPAQUE_PART), part.at)

    def _dump_image(self, part: Image) -> str:
        self._lose_cache(part.cache, part.at)
        if part.detail not in {None, "auto"}:
            self._losses.lose(Feature.IMAGE_DETAIL, f"{part.at}.detail")
        if part.media.data is None:
            feature = Feature.FILE_ID if part.media.file_id else Feature.IMAGE_URL
            self._losses.lose(feature, part.at)
        return part.media.data or ""

    def _dump_document(self, part: Document) -> str:
        """Return a document of plain text as text; no other can be read."""
        self._lose_cache(part.cache, part.at)
        if part.context:
            self._losses.lose(Feature.DOCUMENT_CONTEXT, f"{part.at}.context")
        if part.citations:
            self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
        text = part.media.text
        if text is None:
            feature = Feature.FILE_ID if part.media.file_id else Feature.DOCUMENT_URL
            self._losses.lose(Feature.DOCUMENT if part.media.data else feature, part.at)
        return wrap_document(text or "", part.name)

    def _add_result(self, part: ToolResult) -> None:
        texts: list[str] = []
        if part.structured is not None:
            texts.append(dump_arguments(part.structured))
        for one in part.parts:
            self._add_part(one, texts, self._held)
        self._lose_cache(part.cache, part.at)
        text = "\n".join(texts)
        call_id, _ = take_from_id(part.call_id)
        dumped = {"role": "tool", "content": wrap_failure(text) if part.is_error else text}
        name = part.name or self._names.get(part.call_id)
        if name:
            dumped["tool_name"] = name
        if call_id:
            dumped["tool_call_id"] = call_id
        self._messages.append(dumped)

    def _release(self) -> None:
        if self._held:
            held = {"role": "user", "content": IMAGES_OF_TOOLS, "images": self._held}
            self._messages.append(held)
            self._held = []

    def _lose_cache(self, mark: CacheMark | None, at: str) -> None:
        if mark is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{at}.cache_control")


_FEATURES: Final = {"Audio": Feature.AUDIO, "Video": Feature.VIDEO}


def _dump_call(part: ToolCall) -> Json:
    given = {"input": part.arguments} if part.custom else parse_arguments(part.arguments)
    call_id, _ = take_from_id(part.id)  # a signature of Gemini's is of no use here
    dumped: Json = {"id": call_id} if call_id else {}
    return dumped | {"function": {"name": part.name, "arguments": given}}
