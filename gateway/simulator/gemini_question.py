"""What a generateContent asks: Gemini's contents as a question of no wire format.

Rule: lenient; both camelCase and snake_case names are read, as the vendor does.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Choice, Question, Tool, iterate_text
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Json
from gateway.simulator.media import describe
from gateway.simulator.openai_chat_question import list_stops

_CHOICES = {"ANY": Choice.REQUIRED, "NONE": Choice.NONE}


def find(node: Any, name: str) -> Any:
    """Find a field under its camelCase or its snake_case name; None if it is absent."""
    if not isinstance(node, dict):
        return None
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    return node.get(name, node.get(snake))


def build_question(body: Json) -> Question:
    """Build the question of a request for content."""
    contents = list_contents(body)
    config = find(body, "generationConfig") or {}
    schema = find(config, "responseJsonSchema") or find(config, "responseSchema")
    limit = find(config, "maxOutputTokens")
    calling = find(find(body, "toolConfig"), "functionCallingConfig") or {}
    return Question(
        prompt=[find(body, "systemInstruction"), contents, body.get("tools") or []],
        said=_find_said(contents),
        tools=_list_tools(body, calling),
        wants_json=find(config, "responseMimeType") == "application/json",
        schema=schema,
        max_tokens=limit if isinstance(limit, int) else None,
        turns=tuple(_build_turn(one) for one in contents),
        choice=_CHOICES.get(str(calling.get("mode")), Choice.AUTO),
        stops=list_stops(find(config, "stopSequences")),
        thinks=bool(find(find(config, "thinkingConfig"), "includeThoughts")),
    )


def list_contents(body: Json) -> list[Any]:
    """List the contents; a single one may stand without its list."""
    contents = body.get("contents")
    return contents if isinstance(contents, list) else [contents]


def list_parts(content: Any) -> list[Any]:
    """List the parts of a content; a single one may stand without its list."""
    parts = find(content, "parts")
    return parts if isinstance(parts, list) else [parts]


def _find_said(contents: list[Any]) -> str:
    for content in reversed(contents):
        if isinstance(content, dict) and content.get("role", "user") == "user":
            text = _join_text(content)
            if text:
                return text
    return ""


def _join_text(content: Any, between: str = " ") -> str:
    parts = (part for part in list_parts(content) if not find(part, "thought"))
    texts = (find(part, "text") for part in parts)
    return between.join(text for text in texts if isinstance(text, str))


def _list_tools(body: Json, calling: Json) -> tuple[Tool, ...]:
    declared = [
        one for tool in body.get("tools") or [] for one in find(tool, "functionDeclarations") or []
    ]
    allowed = find(calling, "allowedFunctionNames") or []
    return tuple(
        Tool(one["name"], find(one, "parametersJsonSchema") or one.get("parameters") or {})
        for one in declared
        if not allowed or one["name"] in allowed
    )


def _build_turn(content: Any) -> Turn:
    parts = list_parts(content)
    role = content.get("role", "user") if isinstance(content, dict) else "user"
    calls = [find(part, "functionCall") for part in parts]
    responses = [find(part, "functionResponse") for part in parts]
    inner = [part for one in responses if one for part in list_parts(one)]
    return Turn(
        role={"model": "assistant", "function": "user"}.get(role, role),
        text=_join_text(content, "\n"),
        calls=tuple(str(call.get("name")) for call in calls if call),
        results=tuple(" ".join(iterate_text(one.get("response"))) for one in responses if one),
        seen=tuple(filter(None, map(_describe, [*parts, *inner]))),
    )


def _describe(part: Any) -> str:
    inline, file = find(part, "inlineData"), find(part, "fileData")
    if inline:
        return describe(find(inline, "mimeType"), inline.get("data"))
    return f"media at {find(file, 'fileUri')}" if file else ""
