"""A client's contents, as the hub's messages.

Source: the Generative Language API's reference, `Content` and `Part`; google-genai 3.4's types;
recordings; what gemini-cli sends.

Calls and results belong together by id, and where a client leaves ids out (older SDKs and models)
by name and order; calls without an id get one that is the same in every request of a conversation.

Rule: a part that nobody else knows is an `Opaque`; nothing of a part is left out unsaid but hints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from gateway.dialects.gemini.media import build_file, build_inline
from gateway.dialects.gemini.spelling import spell_fields
from gateway.dialects.gemini.thoughts import unpack
from gateway.dialects.hub import (
    Family,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.hub.arguments import dump_arguments
from gateway.dialects.hub.carry import build_id
from gateway.dialects.hub.fields import check, join_path, read, read_objects, refuse, want

_Object = Mapping[str, Any]
_ROLES: Final = {
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,  # of results, in older SDKs
    "model": Role.ASSISTANT,
}
# Hints that change nothing of what a part says.
_HINTS: Final = frozenset({"thought", "thoughtSignature", "mediaResolution", "partMetadata"})
# The one field that a result's object has where it is a plain text, and whether that is an error
# (API reference, `FunctionResponse`; google-genai's automatic calls say "result").
_PLAIN_RESULTS: Final = {"output": False, "result": False, "error": True}


class ContentsReader:
    """Reads the contents of one request."""

    __slots__ = ("_calls", "_open")

    def __init__(self) -> None:
        self._calls = 0
        self._open: list[tuple[str, str]] = []  # ids and names of calls without a result yet

    def read(self, body: _Object, at: str) -> Iterator[Message]:
        """Yield the messages of the request at a path of the body."""
        contents = read_objects(body, "contents", at)
        if not contents:
            refuse(join_path(at, "contents"), "a list that is not empty")
        answer: Message | None = None  # of the model, while more of it may come
        for path, content in contents:
            role = _ROLES.get(read(content, "role", str, path) or "")
            if role is None:
                refuse(f"{path}.role", "user or model")
            for message in self._read_content(role, content, path):
                if message.role is Role.ASSISTANT:
                    answer = message if answer is None else _join(answer, message)
                    continue
                if answer is not None:
                    yield from _clean(answer)
                answer = None
                yield message
        if answer is not None:
            yield from _clean(answer)

    def _read_content(self, role: Role, content: _Object, at: str) -> Iterator[Message]:
        parts = [
            part for one in read_objects(content, "parts", at) for part in self.read_part(*one)
        ]
        for is_result, group in groupby(parts, lambda one: isinstance(one, ToolResult)):
            yield Message(Role.TOOL if is_result else role, tuple(group), at=at)

    def read_part(self, at: str, given: _Object) -> Iterator[Part]:
        """Yield what a part is: foreign thoughts that it carries, and itself."""
        part = spell_fields(given)
        sealed = read(part, "thoughtSignature", str, at)
        signature, thoughts = (None, ()) if sealed is None else unpack(sealed, at)
        yield from thoughts
        names = [name for name, value in part.items() if value is not None and name not in _HINTS]
        parse = _PARTS.get(names[0]) if len(names) == 1 else None
        if parse is not None:
            yield parse(self, part, signature, at)
        elif names:
            yield Opaque(Family.GEMINI, "+".join(names), given, at=at)
        elif sealed is not None or "thought" in part:
            yield Text("", signature=signature, at=at)
        else:
            refuse(at, "a part with one of text, inlineData, fileData, functionCall and others")

    def _read_text(self, part: _Object, signature: str | None, at: str) -> Part:
        text = want(part, "text", str, at)
        if read(part, "thought", bool, at):
            origin = Family.OTHER if signature is None else Family.GEMINI
            return Reasoning(text, signature, origin=origin, at=at)
        return Text(text, signature=signature, at=at)

    def _read_inline(self, part: _Object, _signature: str | None, at: str) -> Part:
        path = f"{at}.inlineData"
        blob = spell_fields(want(part, "inlineData", dict, at))
        kind, name = read(blob, "mimeType", str, path), read(blob, "displayName", str, path)
        return build_inline(kind, want(blob, "data", str, path), name, at)

    def _read_file(self, part: _Object, _signature: str | None, at: str) -> Part:
        path = f"{at}.fileData"
        file = spell_fields(want(part, "fileData", dict, at))
        kind, name = read(file, "mimeType", str, path), read(file, "displayName", str, path)
        return build_file(kind, want(file, "fileUri", str, path), name, at)

    def _read_call(self, part: _Object, signature: str | None, at: str) -> Part:
        path = f"{at}.functionCall"
        call = spell_fields(want(part, "functionCall", dict, at))
        name = want(call, "name", str, path)
        self._calls += 1
        call_id = read(call, "id", str, path) or build_id("call_", "", name, self._calls)
        self._open.append((call_id, name))
        arguments = dump_arguments(read(call, "args", dict, path))
        return ToolCall(call_id, name, arguments, signature=signature, at=at)

    def _read_result(self, part: _Object, _signature: str | None, at: str) -> Part:
        path = f"{at}.functionResponse"
        result = spell_fields(want(part, "functionResponse", dict, at))
        name = want(result, "name", str, path)
        call_id = self._match(read(result, "id", str, path), name)
        response = read(result, "response", dict, path) or {}
        media = [
            one
            for path_of, value in read_objects(result, "parts", path)
            for one in self.read_part(path_of, value)
        ]
        field = next(iter(response), "")
        text = response.get(field) if len(response) == 1 else None
        if field in _PLAIN_RESULTS and isinstance(text, str):
            is_error = _PLAIN_RESULTS[field]
            return ToolResult(call_id, (Text(text, at=path), *media), name, is_error, at=at)
        is_error = "error" in response and len(response) == 1
        return ToolResult(call_id, tuple(media), name, is_error, structured=response, at=at)

    def _match(self, given: str | None, name: str) -> str:
        """Return the id of the call that a result answers: its own, else of the first fit."""
        found = next((call for call in self._open if call[0] == given), None)
        if found is None:
            found = next((call for call in self._open if call[1] == name), None)
        if found is None:
            return given or build_id("call_", "", name, "result", self._calls)
        self._open.remove(found)
        return found[0]


def _drop_shown(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield parts without thoughts that the next part carries whole: what was shown is a copy."""
    carries = False
    kept: list[Part] = []
    for part in reversed(parts):
        if isinstance(part, Reasoning):
            if carries and _is_bare(part):
                continue
            carries = carries or not _is_bare(part)
        elif not (isinstance(part, Text) and not part.text and part.signature is None):
            carries = False
        kept.append(part)
    return reversed(kept)


def _join(first: Message, second: Message) -> Message:
    """Return two turns of the model as one: SDKs keep each piece of a stream as a turn."""
    *before, last = first.parts or (Text(""),)
    following = second.parts
    joined = _join_parts(last, following[0]) if following else None
    if joined is None:
        return dataclasses.replace(first, parts=(*before, last, *following))
    return dataclasses.replace(first, parts=(*before, joined, *following[1:]))


def _join_parts(first: Part, second: Part) -> Part | None:
    """Return two pieces of a text as one; None where they are not that, or are signed apart."""
    if isinstance(first, Text) and isinstance(second, Text):
        is_signed = first.signature is not None or second.signature is not None
        return None if is_signed else dataclasses.replace(first, text=first.text + second.text)
    if not (isinstance(first, Reasoning) and isinstance(second, Reasoning)):
        return None
    is_plain = _is_bare(first) and _is_bare(second)
    return dataclasses.replace(first, text=first.text + second.text) if is_plain else None


def _clean(message: Message) -> Iterator[Message]:
    """Yield a turn of the model without its empty texts: a stream's last piece is one."""
    parts = tuple(
        part
        for part in _drop_shown(message.parts)
        if not isinstance(part, Text) or part.text or part.signature is not None
    )
    if parts:
        yield dataclasses.replace(message, parts=parts)


def _is_bare(part: Reasoning) -> bool:
    return part.origin is Family.OTHER and part.signature is None and part.encrypted is None


def parse_instruction(body: _Object, at: str) -> Iterator[Message]:
    """Yield the system instruction: a content, or what people write for one."""
    value = body.get("systemInstruction")
    if not value:
        return
    path = join_path(at, "systemInstruction")
    if isinstance(value, str):
        value = {"parts": [{"text": value}]}
    elif isinstance(value, list):
        value = {"parts": value}
    content = spell_fields(check(value, dict, path))
    if "parts" not in content and "text" in content:
        content = {"parts": [content]}
    reader = ContentsReader()
    parts = tuple(
        part for one in read_objects(content, "parts", path) for part in reader.read_part(*one)
    )
    if parts:
        yield Message(Role.SYSTEM, parts, at=path)


_Parse = Callable[[ContentsReader, _Object, str | None, str], Part]
_PARTS: Final[Mapping[str, _Parse]] = {
    "text": ContentsReader._read_text,  # noqa: SLF001  the class's own table
    "inlineData": ContentsReader._read_inline,  # noqa: SLF001
    "fileData": ContentsReader._read_file,  # noqa: SLF001
    "functionCall": ContentsReader._read_call,  # noqa: SLF001
    "functionResponse": ContentsReader._read_result,  # noqa: SLF001
}
