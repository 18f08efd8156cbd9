"""The hub's messages for an OpenAI-compatible provider.

Rule: a message of tools follows the calls that it answers, with text alone; what else a tool gave
back comes in a user's message behind all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    ChatRequest,
    Destination,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.openai_chat.details import dump_details
from gateway.dialects.spec import dump_json
from gateway.entities import ToolIds

Json = dict[str, Any]

# "string too long. Expected a string with maximum length 40" is what OpenAI says of longer ones.
_ANY_ID: Final = re.compile(r"\S{1,40}")
_NINE: Final = re.compile(r"[a-zA-Z0-9]{9}")
_FORMATS: Final = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_THOUGHTFUL: Final = frozenset({"thinking", "enable_thinking"})  # they want their thoughts back
_OPENROUTER: Final = "reasoning"
_SEPARATOR: Final = "\n\n"


class MessagesOut:
    """Writes the messages of one request."""

    __slots__ = ("_losses", "_quirks", "_request")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._quirks = to.quirks
        self._losses = losses

    def dump(self) -> list[Json]:
        """Return the messages.

        Raises:
            NotExpressibleError: one holds what the format has no word for.
        """
        messages: list[Json] = []
        behind: list[Json] = []
        for message in self._request.messages:
            if message.role is not Role.TOOL and behind:
                messages.append({"role": "user", "content": behind})
                behind = []
            if message.role is Role.TOOL:
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        messages.append(self._dump_result(part, behind))
            else:
                messages += self._dump_message(message)
        if behind:
            messages.append({"role": "user", "content": behind})
        return messages

    def _dump_message(self, message: Message) -> Iterator[Json]:
        dumped: Json = {"role": self._find_role(message.role)}
        if message.role is Role.ASSISTANT:
            dumped |= self._dump_assistant(message)
            if len(dumped) == 1:
                return
        else:
            content = [one for part in message.parts for one in self._iter_part(part)]
            if not content:
                return
            dumped["content"] = self._pack(content, message.role)
        if message.name is not None:
            dumped["name"] = message.name
        if self._request.dialect in _OWN:
            dumped |= message.extra
        else:
            for name in message.extra:
                self._losses.lose(Feature.EXTRA, f"{message.at}.{name}")
        yield dumped

    def _find_role(self, role: Role) -> str:
        if role is Role.DEVELOPER and not self._quirks.developer_role:
            return Role.SYSTEM.value
        return role.value

    def _pack(self, content: list[Json], role: Role) -> str | list[Json]:
        """Return content as plain text where it is no more than that."""
        if any(set(part) != {"type", "text"} for part in content):
            return content
        if len(content) == 1:
            return str(content[0]["text"])
        if role is Role.USER and not self._quirks.text_only_content:
            return content
        return _SEPARATOR.join(part["text"] for part in content)

    # --- an assistant's ---------------------------------------------------------------------

    def _dump_assistant(self, message: Message) -> Json:
        dumped: Json = {}
        texts: list[Json] = []
        thoughts: list[Reasoning] = []
        calls: list[Json] = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls.append(self._dump_call(part))
            elif isinstance(part, Reasoning):
                thoughts.append(part)
            elif isinstance(part, Refusal):
                dumped["refusal"] = part.text
            elif isinstance(part, Audio) and part.id is not None:
                dumped["audio"] = {"id": part.id}
            elif isinstance(part, Opaque):
                self._losses.lose(Feature.HOSTED_TOOL, part.at)
            else:
                texts += [one for one in self._iter_part(part) if one.get("text") != ""]
        dumped |= self._dump_thoughts(thoughts)
        if texts:
            dumped["content"] = self._pack(texts, Role.ASSISTANT)
        elif calls or "refusal" in dumped:
            dumped["content"] = None
        elif "audio" not in dumped:
            dumped["content"] = ""
        if calls:
            dumped["tool_calls"] = calls
        return dumped

    def _dump_thoughts(self, thoughts: list[Reasoning]) -> Json:
        """Return thoughts for the servers that want them back; OpenAI refuses the fields."""
        if self._quirks.reasoning_request == _OPENROUTER and thoughts:
            return {"reasoning_details": dump_details(thoughts)}
        if self._quirks.reasoning_request in _THOUGHTFUL:
            text = "".join(one.text for one in thoughts if not one.redacted)
            return {self._quirks.reasoning_field: text} if text else {}
        for one in thoughts:
            self._losses.lose(Feature.REASONING_HISTORY, one.at)
        return {}

    def _dump_call(self, call: ToolCall) -> Json:
        call_id = self._fit(call.id or call.name)
        if call.custom and self._quirks.developer_role:
            custom = {"name": call.name, "input": call.arguments}
            return {"id": call_id, "type": "custom", "custom": custom}
        text = dump_json({"input": call.arguments}).decode() if call.custom else call.arguments
        function = {"name": call.name, "arguments": text or "{}"}
        return {"id": call_id, "type": "function", "function": function}

    def _fit(self, call_id: str) -> str:
        if self._quirks.tool_ids is ToolIds.NINE:
            return fit_id(call_id, _NINE, 9)
        return fit_id(call_id, _ANY_ID, 29, "call_")

    # --- a tool's ---------------------------------------------------------------------------

    def _dump_result(self, result: ToolResult, behind: list[Json]) -> Json:
        texts: list[str] = []
        for part in result.parts:
            if isinstance(part, Text):
                texts.append(part.text)
                continue
            shown = list(self._iter_part(part))
            if shown:
                behind.append({"type": "text", "text": f"[result of the call {result.call_id}]"})
                behind += shown
        if result.structured is not None:
            texts.append(dump_json(result.structured).decode())
        text = _SEPARATOR.join(texts)
        if result.is_error and not text.lower().startswith("error"):
            text = f"Error: {text}"
        return {"role": "tool", "tool_call_id": self._fit(result.call_id), "content": text}

    # --- parts ------------------------------------------------------------------------------

    def _iter_part(self, part: Part) -> Iterator[Json]:
        if isinstance(part, Text):
            if part.cache is not None:
                self._losses.lose(Feature.CACHE_CONTROL, f"{part.at}.cache_control")
            if part.citations:
                self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
            yield {"type": "text", "text": part.text}
        elif isinstance(part, Image):
            yield self._dump_image(part)
        elif isinstance(part, Audio):
            yield self._dump_audio(part)
        elif isinstance(part, Document):
            yield self._dump_document(part)
        elif isinstance(part, Video):
            yield self._dump_video(part)
        elif isinstance(part, Refusal):
            yield {"type": "refusal", "refusal": part.text}
        elif isinstance(part, Opaque):
            if part.family is Family.OPENAI and self._request.dialect in _OWN:
                yield dict(part.value)
            else:
                self._losses.lose(Feature.OPAQUE_PART, part.at)
        elif isinstance(part, Reasoning):
            self._losses.lose(Feature.REASONING_HISTORY, part.at)

    def _dump_image(self, part: Image) -> Json:
        if part.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{part.at}.cache_control")
        if part.media.file_id is not None:
            self._losses.lose(Feature.FILE_ID, part.at)
        url: Json = {"url": dump_url(part.media, "image/png")}
        if part.detail is not None:
            url["detail"] = part.detail
        return {"type": "image_url", "image_url": url}

    def _dump_audio(self, part: Audio) -> Json:
        form = _FORMATS.get(part.media.media_type or "", "")
        if part.media.data is None or not form:
            self._losses.lose(Feature.AUDIO, part.at)
        audio = {"data": part.media.data, "format": form}
        return {"type": "input_audio", "input_audio": audio}

    def _dump_document(self, part: Document) -> Json:
        media = part.media
        for feature, value in (
            (Feature.CACHE_CONTROL, part.cache),
            (Feature.DOCUMENT_CONTEXT, part.context),
            (Feature.CITATIONS, part.citations or None),
        ):
            if value is not None:
                self._losses.lose(feature, f"{part.at}.{feature.value}")
        if media.text is not None:
            title = f"{part.name}\n\n" if part.name else ""
            return {"type": "text", "text": title + media.text}
        if media.file_id is not None and self._request.dialect in _OWN:
            return {"type": "file", "file": {"file_id": media.file_id}}
        if media.data is None:
            feature = Feature.FILE_ID if media.file_id is not None else Feature.DOCUMENT_URL
            self._losses.lose(feature, part.at)
        file = {
            "filename": part.name or "document.pdf",
            "file_data": dump_url(media, "application/pdf"),
        }
        return {"type": "file", "file": file}

    def _dump_video(self, part: Video) -> Json:
        self._losses.lose(Feature.VIDEO, part.at)
        return {"type": "video_url", "video_url": {"url": dump_url(part.media, "video/mp4")}}


def dump_url(media: Media, default_type: str) -> str:
    """Return a URL of media: its own, or one that holds the data."""
    if media.url is not None:
        return media.url
    return f"data:{media.media_type or default_type};base64,{media.data}"


_OWN: Final = frozenset({"openai_chat", "openai_completions"})


def is_own(request: ChatRequest) -> bool:
    """Tell whether a request came in this format."""
    return request.dialect in _OWN


def list_lost(extra: Mapping[str, Any], losses: Losses) -> None:
    """Report the fields of another format that have no name in the hub."""
    for name in extra:
        losses.lose(Feature.EXTRA, name)
