"""What a request for a model response asks: OpenAI's items as a question of no wire format.

Rule: lenient; what a real provider refuses is found in ``gateway.simulator.strict``.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Choice, Question, Tool
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Json
from gateway.simulator.media import describe_url
from gateway.simulator.openai_chat_question import find_choice, find_content_text, find_said

CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
_CHOICES = {"none": Choice.NONE, "required": Choice.REQUIRED}
_FREE_TEXT: Json = {"type": "object", "properties": {"input": {"type": "string"}}}
"""A custom tool takes one text; the simulated model calls it with ``input``."""


def build_question(body: Json) -> Question:
    """Build the question of a request for a response."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    shape = (body.get("text") or {}).get("format") or {}
    limit = body.get("max_output_tokens")
    choice = body.get("tool_choice")
    return Question(
        prompt=[body.get("instructions") or "", items, body.get("tools") or []],
        said=find_said(items),
        tools=_list_tools(body),
        wants_json=shape.get("type") in {"json_object", "json_schema"},
        schema=shape.get("schema"),
        max_tokens=limit if isinstance(limit, int) else None,
        turns=tuple(_build_turn(item) for item in items if isinstance(item, dict)),
        choice=find_choice(choice, _CHOICES),
        named=choice.get("name") if isinstance(choice, dict) else None,
        parallel=body.get("parallel_tool_calls") is not False,
        thinks=_wants_reasoning(body.get("reasoning")),
    )


def list_custom_tools(body: Json) -> set[str]:
    """List the names of the tools that take free text."""
    tools = body.get("tools") or []
    return {str(tool.get("name")) for tool in tools if tool.get("type") == "custom"}


def _wants_reasoning(reasoning: Any) -> bool:
    return bool(reasoning) and reasoning.get("effort") != "none"


def _list_tools(body: Json) -> tuple[Tool, ...]:
    tools: list[Json] = []
    for tool in body.get("tools") or []:
        tools += tool.get("tools") or [] if tool.get("type") == "namespace" else [tool]
    return tuple(
        Tool(
            str(tool.get("name")),
            _FREE_TEXT if tool["type"] == "custom" else tool.get("parameters") or {},
        )
        for tool in tools
        if tool.get("type") in {"function", "custom"}
    )


def _build_turn(item: Json) -> Turn:
    kind = item.get("type", "message")
    if kind in CALLS:
        return Turn("assistant", calls=(str(item.get("name")),))
    if kind in OUTPUTS:
        output = item.get("output")
        return Turn("user", results=(find_content_text(output),), seen=_list_seen(output))
    role = str(item.get("role", "assistant"))
    content = item.get("content")
    return Turn(role, find_content_text(content, "\n"), seen=_list_seen(content))


def _list_seen(content: Any) -> tuple[str, ...]:
    parts = content if isinstance(content, list) else []
    found = (_describe(part) for part in parts if isinstance(part, dict))
    return tuple(one for one in found if one)


def _describe(part: Json) -> str:
    if part.get("type") == "input_image":
        return describe_url(part.get("image_url") or f"file {part.get('file_id')}")
    if part.get("type") == "input_file":
        return describe_url(part.get("file_data") or part.get("file_url") or part.get("file_id"))
    return ""
