"""The conversation as ``/v2/chat`` has it.

Rule: nothing is sent as a document to cite from that the client has not given as one to cite from;
what a document says without that stays in its place, as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.dialects.hub import (
    CacheMark,
    ChatRequest,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.hub.arguments import dump_arguments, parse_arguments
from gateway.dialects.hub.carry import take_from_id
from gateway.dialects.hub.wording import IMAGES_OF_TOOLS, wrap_document, wrap_failure

Json = dict[str, Any]

_ROLES: Final = {Role.DEVELOPER: "system"}
_DETAILS: Final = frozenset({"low", "high", "auto"})
_FEATURES: Final = {"Audio": Feature.AUDIO, "Video": Feature.VIDEO}


class Conversation:
    """Builds the messages of one request, and the documents that it may cite from."""

    __slots__ = ("_held", "_losses", "_request", "_thinks", "documents", "messages")

    def __init__(self, request: ChatRequest, losses: Losses, *, thinks: bool) -> None:
        self._request = request
        self._losses = losses
        self._thinks = thinks
        self._held: list[Json] = []  # images of results, until the last of these is there
        self.messages: list[Json] = []
        self.documents: list[Json] = []

    def build(self) -> None:
        """Fill the messages and documents."""
        for message in self._request.messages:
            results = [part for part in message.parts if isinstance(part, ToolResult)]
            for result in results:
                self._add_result(result)
            others = [part for part in message.parts if not isinstance(part, ToolResult)]
            if others:
                self._release()
                self._add(message, others)
        self._release()

    def _add(self, message: Message, parts: Sequence[Part]) -> None:
        content: list[Json] = []
        calls: list[Json] = []
        plan: list[str] = []
        has_calls = any(isinstance(part, ToolCall) for part in parts)
        for part in parts:
            if isinstance(part, ToolCall):
                self._lose_cache(part.cache, part.at)
                calls.append(_dump_call(part))
            elif isinstance(part, Reasoning):
                self._add_thought(part, content, plan, has_calls=has_calls)
            else:
                content += self._dump(part)
        dumped: Json = {"role": _ROLES.get(message.role, message.role.value)}
        if calls:
            dumped["tool_calls"] = calls
        if plan:
            dumped["tool_plan"] = "".join(plan)
        if content:
            dumped["content"] = _simplify(content)
        if calls or content:
            self.messages.append(dumped)

    def _add_thought(
        self, part: Reasoning, content: list[Json], plan: list[str], *, has_calls: bool
    ) -> None:
        """Add a thought: thinking models take them back as such, the others a plan of calls."""
        if part.origin is not Family.OTHER or not part.text:
            self._losses.lose(Feature.REASONING_HISTORY, part.at)
        elif self._thinks:
            content.append({"type": "thinking", "thinking": part.text})
        elif has_calls:
            plan.append(part.text)
        else:
            self._losses.lose(Feature.REASONING_HISTORY, part.at)

    def _dump(self, part: Part) -> list[Json]:
        if isinstance(part, Text):
            self._lose_cache(part.cache, part.at)
            if part.citations:  # of an earlier turn
                self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
            return [{"type": "text", "text": part.text}] if part.text.strip() else []
        if isinstance(part, Refusal):
            return [{"type": "text", "text": part.text}] if part.text.strip() else []
        if isinstance(part, Image):
            return [self._dump_image(part)]
        if isinstance(part, Document):
            return self._dump_document(part)
        self._losses.lose(_FEATURES.get(type(part).__name__, Feature.OPAQUE_PART), part.at)
        return []

    def _dump_image(self, part: Image) -> Json:
        self._lose_cache(part.cache, part.at)
        media = part.media
        url = media.url or f"data:{media.media_type or 'image/png'};base64,{media.data or ''}"
        if media.data is None and not url.startswith(("http://", "https://")):
            feature = Feature.FILE_ID if media.file_id else Feature.IMAGE_URL
            self._losses.lose(feature, part.at)
        dumped: Json = {"url": url}
        if part.detail in _DETAILS:
            dumped["detail"] = part.detail
        return {"type": "image_url", "image_url": dumped}

    def _dump_document(self, part: Document) -> list[Json]:
        self._lose_cache(part.cache, part.at)
        text = part.media.text
        if text is None:
            by_address = Feature.FILE_ID if part.media.file_id else Feature.DOCUMENT_URL
            self._losses.lose(Feature.DOCUMENT if part.media.data else by_address, part.at)
        if part.context:
            self._losses.lose(Feature.DOCUMENT_CONTEXT, f"{part.at}.context")
        if not part.citations:
            return [{"type": "text", "text": wrap_document(text or "", part.name)}]
        data = {"title": part.name, "text": text} if part.name else {"text": text}
        self.documents.append({"data": data})
        return []

    def _add_result(self, part: ToolResult) -> None:
        self._lose_cache(part.cache, part.at)
        texts = [] if part.structured is None else [dump_arguments(part.structured)]
        for one in part.parts:
            for dumped in self._dump(one):
                if dumped["type"] == "text":
                    texts.append(dumped["text"])
                else:
                    self._held.append(dumped)
        text = "\n".join(texts)
        call_id, _ = take_from_id(part.call_id)
        content = wrap_failure(text) if part.is_error else text
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _release(self) -> None:
        if self._held:
            told = {"type": "text", "text": IMAGES_OF_TOOLS}
            self.messages.append({"role": "user", "content": [told, *self._held]})
            self._held = []

    def _lose_cache(self, mark: CacheMark | None, at: str) -> None:
        if mark is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{at}.cache_control")


def _simplify(content: list[Json]) -> str | list[Json]:
    """Return one text as a string, which all of Cohere's models take."""
    only = content[0]
    return str(only["text"]) if len(content) == 1 and only["type"] == "text" else content


def _dump_call(part: ToolCall) -> Json:
    given = {"input": part.arguments} if part.custom else parse_arguments(part.arguments)
    call_id, _ = take_from_id(part.id)  # a signature of Gemini's is of no use here
    function = {"name": part.name, "arguments": dump_arguments(given)}
    return {"id": call_id, "type": "function", "function": function}
