"""The hub's messages for an OpenAI-compatible provider.

Rule: a message of tools follows the calls that it answers, with text alone; what else a tool, or
the model itself, has made comes in a user's message behind all of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
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
from gateway.dialects.hub.arguments import RAW, parse_arguments
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.openai_chat.details import dump_details, dump_signature
from gateway.dialects.openai_chat.own import OPENROUTER, dump_mark, is_own
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
_SEPARATOR: Final = "\n\n"


class MessagesOut:
    """Writes the messages of one request; `thinks`: the model is one of OpenAI's that do."""

    __slots__ = (
        "_behind",
        "_dumpers",
        "_is_own",
        "_losses",
        "_out",
        "_quirks",
        "_request",
        "_thinks",
        "_to",
    )

    def __init__(
        self, request: ChatRequest, to: Destination, losses: Losses, *, thinks: bool
    ) -> None:
        self._request = request
        self._is_own = is_own(request)
        self._to = to
        self._quirks = to.quirks
        self._losses = losses
        self._thinks = thinks
        self._out: list[Json] = []
        self._behind: list[Json] = []
        self._dumpers: dict[type, Callable[[Any], Json]] = {
            Text: self._dump_text,
            Image: self._dump_image,
            Audio: self._dump_audio,
            Document: self._dump_document,
            Video: self._dump_video,
            Refusal: self._dump_refusal,
        }

    def dump(self) -> list[Json]:
        """Return the messages.

        Raises:
            NotExpressibleError: one holds what the format has no word for.
        """
        for message in self._request.messages:
            results = [part for part in message.parts if isinstance(part, ToolResult)]
            self._out += map(self._dump_result, results)
            if message.role is not Role.TOOL and len(results) < max(len(message.parts), 1):
                self._flush()
                self._add_message(message)
        self._flush()
        return self._out

    def _flush(self) -> None:
        if self._behind:
            self._out.append({"role": "user", "content": self._behind})
            self._behind = []

    def _add_message(self, message: Message) -> None:
        if message.role is Role.ASSISTANT:
            dumped = self._dump_assistant(message)
        else:
            content = [one for part in message.parts for one in self._iter_part(part)]
            dumped = {"content": self._pack(content, message.role)} if content else {}
        if not dumped:  # nothing is left of it
            return
        dumped = {"role": self._find_role(message.role)} | dumped
        if message.name is not None:
            if "name" in self._quirks.unsupported:
                self._losses.lose(Feature.NAME, f"{message.at}.name")
            else:
                dumped["name"] = message.name
        if self._is_own:
            dumped |= message.extra
        else:
            for name in message.extra:
                self._losses.lose(Feature.EXTRA, f"{message.at}.{name}")
        self._out.append(dumped)

    def _find_role(self, role: Role) -> str:
        if role is Role.DEVELOPER and not self._quirks.is_openai:
            return Role.SYSTEM.value
        if role is Role.SYSTEM and self._thinks:  # what it becomes there; both at once are refused
            return Role.DEVELOPER.value
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
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
        dumped = self._dump_thoughts(thoughts, calls)
        texts: list[Json] = []
        for part in message.parts:
            if not isinstance(part, Reasoning | ToolCall | ToolResult):
                texts += self._dump_said(part, dumped)
        if texts:
            dumped["content"] = self._pack(texts, Role.ASSISTANT)
        elif calls or "refusal" in dumped:
            dumped["content"] = None
        elif dumped and "audio" not in dumped:
            dumped["content"] = ""
        if calls:
            dumped["tool_calls"] = [self._dump_call(call) for call in calls]
        return dumped

    def _dump_said(self, part: Part, dumped: Json) -> list[Json]:
        """Return the content that a part of the model's is; what has a field goes into it."""
        if self._quirks.is_openai and isinstance(part, Refusal):
            dumped["refusal"] = dumped.get("refusal", "") + part.text
            return []
        if self._quirks.is_openai and isinstance(part, Audio) and part.id is not None:
            dumped["audio"] = {"id": part.id}
            return []
        if isinstance(part, Audio) and part.transcript:
            part = Text(part.transcript, at=part.at)
        if isinstance(part, Opaque) and not (self._is_own and part.family is Family.OPENAI):
            self._losses.lose(Feature.HOSTED_TOOL, part.at)
            return []
        shown = list(self._iter_part(part))
        if isinstance(part, Text | Refusal | Opaque):
            return [one for one in shown if one.get("text") != ""]
        self._behind += [{"type": "text", "text": "[made by the assistant]"}, *shown]
        return []

    def _dump_thoughts(self, thoughts: list[Reasoning], calls: list[ToolCall]) -> Json:
        """Return thoughts for the servers that want them back; OpenAI refuses the fields."""
        if self._quirks.reasoning_request == OPENROUTER:
            details = dump_details(thoughts)
            for call in calls:
                if call.signature is not None:
                    details.append(dump_signature(call, self._fit(call.id), len(details)))
            return {"reasoning_details": details} if details else {}
        wants_text = self._quirks.reasoning_request in _THOUGHTFUL
        for one in thoughts:
            if not wants_text or not one.text:
                self._losses.lose(Feature.REASONING_HISTORY, one.at)
        text = "".join(one.text for one in thoughts) if wants_text else ""
        return {self._quirks.reasoning_field: text} if text else {}

    def _dump_call(self, call: ToolCall) -> Json:
        if call.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{call.at}.cache_control")
        call_id = self._fit(call.id or call.name)
        if call.custom and self._quirks.is_openai:
            custom = {"name": call.name, "input": call.arguments}
            return {"id": call_id, "type": "custom", "custom": custom}
        dumped: Json = {"id": call_id, "type": "function"}
        dumped["function"] = {"name": call.name, "arguments": self._fit_arguments(call)}
        if call.signature is not None and "gemini" in self._to.model:  # Google's compatible server
            dumped["extra_content"] = {"google": {"thought_signature": call.signature}}
        return dumped

    def _fit_arguments(self, call: ToolCall) -> str:
        """Return arguments that servers can parse: many do, and fail at what a model broke."""
        if call.custom:
            return dump_json({"input": call.arguments}).decode()
        value = parse_arguments(call.arguments)
        is_broken = value == {RAW: call.arguments}
        return dump_json(value).decode() if is_broken else call.arguments.strip() or "{}"

    def _fit(self, call_id: str) -> str:
        if self._quirks.tool_ids is ToolIds.NINE:
            return fit_id(call_id, _NINE, 9)
        return fit_id(call_id, _ANY_ID, 29, "call_")

    # --- a tool's ---------------------------------------------------------------------------

    def _dump_result(self, result: ToolResult) -> Json:
        call_id = self._fit(result.call_id)
        texts: list[str] = []
        for part in result.parts:
            if isinstance(part, Text):
                texts.append(part.text)
                continue
            shown = list(self._iter_part(part))
            if shown:
                self._behind.append({"type": "text", "text": f"[result of the call {call_id}]"})
                self._behind += shown
        if result.structured is not None:
            texts.append(dump_json(result.structured).decode())
        text = _SEPARATOR.join(texts)
        if result.is_error and not text.lower().startswith("error"):
            text = f"Error: {text}"
        marked = next((one for one in (result, *result.parts) if _is_marked(one)), result)
        content = self._pack([self._mark(marked, {"type": "text", "text": text})], Role.TOOL)
        return {"role": "tool", "tool_call_id": call_id, "content": content}

    # --- parts ------------------------------------------------------------------------------

    def _lacks(self, feature: Feature) -> bool:
        return feature.value in self._quirks.unsupported

    def _mark(self, part: Part, dumped: Json) -> Json:
        """Return a part with its cache mark, which OpenRouter takes as Anthropic does."""
        if isinstance(part, _UNMARKED) or part.cache is None:
            return dumped
        if self._quirks.reasoning_request != OPENROUTER:
            self._losses.lose(Feature.CACHE_CONTROL, f"{part.at}.cache_control")
            return dumped
        return dumped | dump_mark(part.cache)

    def _iter_part(self, part: Part) -> Iterator[Json]:
        dump = self._dumpers.get(type(part))
        if dump is not None:
            yield dump(part)
        elif isinstance(part, Reasoning):
            self._losses.lose(Feature.REASONING_HISTORY, part.at)
        elif isinstance(part, Opaque):
            if part.family is Family.OPENAI and self._is_own:
                yield dict(part.value)
            else:
                self._losses.lose(Feature.OPAQUE_PART, part.at)

    def _dump_text(self, part: Text) -> Json:
        if part.citations:
            self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
        return self._mark(part, {"type": "text", "text": part.text})

    def _dump_refusal(self, part: Refusal) -> Json:
        return {"type": "text", "text": part.text}

    def _dump_image(self, part: Image) -> Json:
        media = part.media
        if media.file_id is not None:
            self._losses.lose(Feature.FILE_ID, part.at)
        if self._lacks(Feature.IMAGE) or self._quirks.text_only_content:
            self._losses.lose(Feature.IMAGE, part.at)
        if media.url is not None and (
            self._lacks(Feature.IMAGE_URL) or not media.url.lower().startswith("http")
        ):
            self._losses.lose(Feature.IMAGE_URL, part.at)
        url: Json = {"url": dump_url(media, "image/png")}
        if part.detail is not None:
            if not self._lacks(Feature.IMAGE_DETAIL):
                url["detail"] = part.detail
            elif part.detail != "auto":
                self._losses.lose(Feature.IMAGE_DETAIL, f"{part.at}.image_url.detail")
        return self._mark(part, {"type": "image_url", "image_url": url})

    def _dump_audio(self, part: Audio) -> Json:
        form = _FORMATS.get(part.media.media_type or "", "")
        if part.media.data is None or not form or self._lacks(Feature.AUDIO):
            self._losses.lose(Feature.AUDIO, part.at)
        audio = {"data": part.media.data, "format": form}
        return {"type": "input_audio", "input_audio": audio}

    def _dump_document(self, part: Document) -> Json:
        media = part.media
        for feature, value in (
            (Feature.DOCUMENT_CONTEXT, part.context),
            (Feature.CITATIONS, part.citations or None),
        ):
            if value is not None:
                self._losses.lose(feature, f"{part.at}.{feature.value}")
        text = media.text if media.text is not None else _read_text(media)
        if text is not None:
            title = f"{part.name}\n\n" if part.name else ""
            return self._mark(part, {"type": "text", "text": title + text})
        return self._mark(part, {"type": "file", "file": self._dump_file(part, media)})

    def _dump_file(self, part: Document, media: Media) -> Json:
        if self._lacks(Feature.DOCUMENT) or self._quirks.text_only_content:
            self._losses.lose(Feature.DOCUMENT, part.at)
        if media.file_id is not None and self._is_own:
            return {"file_id": media.file_id}
        name = part.name or "document.pdf"
        if media.data is None:
            if media.url is not None and self._quirks.reasoning_request == OPENROUTER:
                return {"filename": name, "file_data": media.url}
            feature = Feature.FILE_ID if media.file_id is not None else Feature.DOCUMENT_URL
            self._losses.lose(feature, part.at)
        return {"filename": name, "file_data": dump_url(media, "application/pdf")}

    def _dump_video(self, part: Video) -> Json:
        self._losses.lose(Feature.VIDEO, part.at)
        return {"type": "video_url", "video_url": {"url": dump_url(part.media, "video/mp4")}}


_UNMARKED: Final = (Audio, Video, Reasoning, Refusal, Opaque)


def _is_marked(part: Part) -> bool:
    return not isinstance(part, _UNMARKED) and part.cache is not None


def dump_url(media: Media, default_type: str) -> str:
    """Return a URL of media: its own, or one that holds the data."""
    if media.url is not None:
        return media.url
    return f"data:{media.media_type or default_type};base64,{media.data}"


def _read_text(media: Media) -> str | None:
    """Return the text of a document that is plain text in base64: files are PDF there."""
    if media.data is None or not (media.media_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(media.data).decode()
    except (binascii.Error, ValueError):
        return None
