"""The hub's messages as Gemini's contents.

Source: the Generative Language API's reference, `Content` and `Part`;
ai.google.dev/gemini-api/docs/thought-signatures; recordings.

Turns alternate and begin with the user; a system message within the conversation is a user's text
in tags. What a tool gave back is an object with the name of the call; media in it stand in the
result from the third generation on, before that behind the results.

Rule: a signature goes back with the part that it came with, and to its issuer alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.dialects.gemini.media import MediaPart, find_type, is_own_file, is_youtube
from gateway.dialects.gemini.models import is_third
from gateway.dialects.gemini.thoughts import NO_SIGNATURE
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
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.carry import take_from_id
from gateway.entities import Dialect

Json = dict[str, Any]
_BLANK: Final = " "  # where a turn must stand and nobody said anything: "" is refused
_UNKNOWN: Final = "unknown"  # a result must name its call
_SEPARATOR: Final = "\n\n"
_DEFAULT_TYPES: Final = {
    Image: "image/png",
    Audio: "audio/wav",
    Video: "video/mp4",
    Document: "application/pdf",
}
_DATA: Final = {Image: Feature.IMAGE, Audio: Feature.AUDIO, Video: Feature.VIDEO}
_URLS: Final = {Image: Feature.IMAGE_URL, Document: Feature.DOCUMENT_URL}


class ContentsOut:
    """Writes the messages of one request.

    Attributes:
        contents: the turns.
        system: the parts of the system instruction.
    """

    __slots__ = (
        "_has_ids",
        "_is_own",
        "_is_third",
        "_losses",
        "_names",
        "_results_end",
        "contents",
        "system",
    )

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._losses = losses
        self._is_own = request.dialect is Dialect.GEMINI
        self._is_third = is_third(to.model)
        self._has_ids = to.quirks.call_ids
        self._names = {
            part.id: part.name
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall)
        }
        self.contents: list[Json] = []
        self._results_end = 0  # behind the last result of the last turn; 0: it has none
        self.system: list[Json] = []
        for message in request.messages:
            self._add(message)
        if not self.contents or self.contents[0]["role"] == "model":
            self.contents.insert(0, {"role": "user", "parts": [{"text": _BLANK}]})
        if self._is_third:
            _sign_steps(self.contents)

    def _add(self, message: Message) -> None:
        if message.role in {Role.SYSTEM, Role.DEVELOPER}:
            self._add_system(message)
        elif message.role is Role.TOOL:
            self._add_results(message.parts)
        else:
            role = "model" if message.role is Role.ASSISTANT else "user"
            self._append(role, [one for part in message.parts for one in self._dump(part)])

    def _append(self, role: str, parts: Sequence[Json]) -> None:
        """Add parts, to the last turn if it is of the same role."""
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": list(parts)})
            self._results_end = 0

    def _add_system(self, message: Message) -> None:
        parts = [one for part in message.parts for one in self._dump(part)]
        if not self.contents:
            self.system += parts
            return
        texts = [part["text"] for part in parts if "text" in part]
        others = [part for part in parts if "text" not in part]
        told = f"<system>\n{_SEPARATOR.join(texts)}\n</system>"
        self._append("user", [*([{"text": told}] if texts else []), *others])

    # --- results ----------------------------------------------------------------------------

    def _add_results(self, parts: Sequence[Part]) -> None:
        behind: list[Json] = []
        results = [
            self._dump_result(part, behind) for part in parts if isinstance(part, ToolResult)
        ]
        at = self._results_end
        if at:  # results stand together
            self.contents[-1]["parts"][at:at] = results
            self._results_end += len(results)
        elif results:
            self._append("user", results)
            self._results_end = len(self.contents[-1]["parts"])
        self._append("user", behind)

    def _dump_result(self, result: ToolResult, behind: list[Json]) -> Json:
        if result.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{result.at}.cache_control")
        name = result.name or self._names.get(result.call_id) or _UNKNOWN
        texts: list[str] = []
        media: list[Json] = []
        for part in result.parts:
            for shown in self._dump(part):
                if "text" in shown:
                    texts.append(shown["text"])
                else:
                    media.append(shown)
        response: Json = {"name": name, "response": self._build_response(result, texts)}
        if self._has_ids and result.call_id:
            response = {"id": take_from_id(result.call_id)[0], **response}
        if media and self._is_third:
            response["parts"] = media
        elif media:
            behind += [{"text": f"[result of {name}]"}, *media]
        return {"functionResponse": response}

    def _build_response(self, result: ToolResult, texts: Sequence[str]) -> Json:
        text = _SEPARATOR.join(texts)
        if result.structured is None:
            return {"error" if result.is_error else "output": text}
        response = dict(result.structured)
        if text:
            response.setdefault("output", text)
        return response

    # --- parts ------------------------------------------------------------------------------

    def _dump(self, part: Part) -> Iterator[Json]:
        cache = getattr(part, "cache", None)
        if cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{part.at}.cache_control")
        dump = _DUMPERS.get(type(part))
        if dump is not None:
            yield from dump(self, part)

    def _dump_text(self, part: Text) -> Iterator[Json]:
        if part.citations:
            self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
        if part.text or part.signature is not None:
            yield _sign({"text": part.text}, part.signature)

    def _dump_refusal(self, part: Refusal) -> Iterator[Json]:
        if part.text:
            yield {"text": part.text}

    def _dump_opaque(self, part: Opaque) -> Iterator[Json]:
        if part.family is Family.GEMINI:
            yield dict(part.value)
        else:
            self._losses.lose(Feature.OPAQUE_PART, part.at)

    def _dump_call(self, call: ToolCall) -> Iterator[Json]:
        own_id, carried = take_from_id(call.id)
        arguments = {"input": call.arguments} if call.custom else parse_arguments(call.arguments)
        made: Json = {"name": call.name, "args": arguments}
        if self._has_ids and own_id:
            made = {"id": own_id, **made}
        yield _sign({"functionCall": made}, call.signature or carried)

    def _dump_thought(self, part: Reasoning) -> Iterator[Json]:
        is_unsigned = part.signature is None and part.encrypted is None
        if part.origin is Family.GEMINI or (self._is_own and is_unsigned):
            if part.text or part.signature is not None:
                yield _sign({"text": part.text, "thought": True}, part.signature)
        else:
            self._losses.lose(Feature.REASONING_HISTORY, part.at)

    def _dump_media(self, part: MediaPart) -> Iterator[Json]:
        if isinstance(part, Image) and part.detail not in {None, "auto"}:
            self._losses.lose(Feature.IMAGE_DETAIL, f"{part.at}.detail")
        if isinstance(part, Document):
            if part.context is not None:
                self._losses.lose(Feature.DOCUMENT_CONTEXT, f"{part.at}.context")
            if part.citations:
                self._losses.lose(Feature.CITATIONS, f"{part.at}.citations")
        media = part.media
        data = media.data
        if media.text is not None:
            data = base64.b64encode(media.text.encode("utf-8", "replace")).decode()
        if data is not None:
            kind = media.media_type or ("text/plain" if media.text is not None else find_type(data))
            inline = {"mimeType": kind or _DEFAULT_TYPES[type(part)], "data": data}
            if self._is_own and isinstance(part, Document) and part.name is not None:
                inline["displayName"] = part.name
            yield {"inlineData": inline}
        else:
            yield {"fileData": self._dump_file(part, media)}

    def _dump_file(self, part: MediaPart, media: Media) -> Json:
        uri = media.url or media.file_id or ""
        is_known = is_own_file(uri) or (isinstance(part, Video) and is_youtube(uri))
        if media.file_id is not None and not (is_known or self._is_own):
            self._losses.lose(Feature.FILE_ID, part.at)
        elif media.url is not None and not is_known:
            feature = _URLS.get(type(part)) or _DATA[type(part)]
            self._losses.lose(feature, part.at)
        file: Json = {"fileUri": uri}
        if media.media_type is not None:
            file = {"mimeType": media.media_type, **file}
        return file


_DUMPERS: Final[Mapping[type, Callable[[ContentsOut, Any], Iterator[Json]]]] = {
    Text: ContentsOut._dump_text,  # noqa: SLF001  the class's own table
    Refusal: ContentsOut._dump_refusal,  # noqa: SLF001
    Opaque: ContentsOut._dump_opaque,  # noqa: SLF001
    ToolCall: ContentsOut._dump_call,  # noqa: SLF001
    Reasoning: ContentsOut._dump_thought,  # noqa: SLF001
    **dict.fromkeys(_DEFAULT_TYPES, ContentsOut._dump_media),  # noqa: SLF001
}


def _sign(part: Json, signature: str | None) -> Json:
    if signature is not None:
        part["thoughtSignature"] = signature
    return part


def _sign_steps(contents: list[Json]) -> None:
    """Give each step's first call the signature that says there is none, where it has none."""
    for content in contents:
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is not None and content["role"] == "model":
            first.setdefault("thoughtSignature", NO_SIGNATURE)
