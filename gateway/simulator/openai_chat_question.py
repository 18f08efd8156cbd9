"""What a chat completion asks: OpenAI's messages as a question of no wire format.

Rule: lenient; what a real provider refuses is found in ``gateway.simulator.strict``.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Choice, Question, Tool
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Json
from gateway.simulator.media import describe, describe_url

_CHOICES = {"none": Choice.NONE, "required": Choice.REQUIRED, "any": Choice.REQUIRED}


def build_question(body: Json) -> Question:
    """Build the question of a chat completion."""
    messages = body["messages"]
    response_format = body.get("response_format") or {}
    schema = (response_format.get("json_schema") or {}).get("schema")
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    choice = body.get("tool_choice")
    named = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    return Question(
        prompt=[messages, body.get("tools") or []],
        said=find_said(messages),
        tools=_list_tools(body),
        wants_json=response_format.get("type") in {"json_object", "json_schema"},
        schema=schema,
        max_tokens=limit if isinstance(limit, int) else None,
        turns=tuple(_build_turn(one) for one in messages if isinstance(one, dict)),
        choice=find_choice(choice, _CHOICES),
        named=named,
        parallel=body.get("parallel_tool_calls") is not False,
        stops=list_stops(body.get("stop")),
        thinks=wants_reasoning(body),
    )


def find_choice(choice: Any, words: dict[str, Choice]) -> Choice:
    """Find whether tools may be called; an object that names a tool requires it."""
    if isinstance(choice, dict):
        return Choice.REQUIRED
    return words.get(choice, Choice.AUTO) if isinstance(choice, str) else Choice.AUTO


def list_stops(stop: Any) -> tuple[str, ...]:
    """List the stop sequences of a string, a list or nothing."""
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return tuple(one for one in stops if isinstance(one, str))


def wants_reasoning(body: Json) -> bool:
    """Find out whether a request asks for reasoning, in OpenAI's or a compatible server's way."""
    if body.get("prompt_mode") == "reasoning" or "reasoner" in str(body.get("model")):
        return True
    thinking = body.get("thinking") or body.get("reasoning") or {}
    asked = isinstance(thinking, dict) and thinking.get("type", "enabled") == "enabled"
    return body.get("reasoning_effort") not in {None, "none"} or (asked and bool(thinking))


def find_said(messages: list[Any]) -> str:
    """Find the text of the last user message, also in content parts."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return find_content_text(message.get("content"))
    return ""


def find_content_text(content: Any, between: str = " ") -> str:
    """Join the text of a message's content, a string or a list of parts.

    Agents put their reminders in parts of their own: with a line break between, a line stays one.
    """
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return between.join(
        str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text")
    )


def _list_tools(body: Json) -> tuple[Tool, ...]:
    declared = [tool.get(tool.get("type", "function")) or {} for tool in body.get("tools") or []]
    return tuple(Tool(str(one.get("name")), _find_schema(one)) for one in declared)


def _find_schema(declared: Json) -> Json:
    """Find the arguments' schema; a custom tool takes free text, here one string ``input``."""
    schema = declared.get("parameters") or {}
    return schema if isinstance(schema, dict) else {}


def _build_turn(message: Json) -> Turn:
    role, content = str(message.get("role")), message.get("content")
    text = find_content_text(content, "\n")
    if role == "tool":
        return Turn("user", results=(text,), seen=_list_seen(content))
    calls = [call.get("function") or call.get("custom") or {} for call in _list_calls(message)]
    names = tuple(str(call.get("name")) for call in calls)
    return Turn(role, text, calls=names, seen=_list_seen(content))


def _list_calls(message: Json) -> list[Json]:
    return [call for call in message.get("tool_calls") or [] if isinstance(call, dict)]


def _list_seen(content: Any) -> tuple[str, ...]:
    parts = content if isinstance(content, list) else []
    found = (_describe(part) for part in parts if isinstance(part, dict))
    return tuple(one for one in found if one)


def _describe(part: Json) -> str:
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        return describe_url(image.get("url") if isinstance(image, dict) else image)
    if kind == "input_audio":
        audio = part.get("input_audio") or {}
        return describe(f"audio/{audio.get('format')}", audio.get("data"))
    if kind == "file":
        file = part.get("file") or {}
        return describe_url(file["file_data"]) if file.get("file_data") else str(file)
    return ""
