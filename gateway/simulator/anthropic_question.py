"""What a message asks: Anthropic's messages as a question of no wire format.

Rule: lenient; what a real provider refuses is found in ``gateway.simulator.strict``.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Choice, Question, Tool
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Json
from gateway.simulator.media import describe
from gateway.simulator.openai_chat_question import find_content_text, find_said, list_stops

_CHOICES = {"any": Choice.REQUIRED, "tool": Choice.REQUIRED, "none": Choice.NONE}


def build_question(body: Json) -> Question:
    """Build the question of a message."""
    messages = body["messages"]
    output = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    limit = body.get("max_tokens")
    choice = body.get("tool_choice") or {}
    return Question(
        prompt=[body.get("system") or "", messages, body.get("tools") or []],
        said=_find_said(messages),
        tools=_list_tools(body),
        wants_json=output.get("type") == "json_schema",
        schema=output.get("schema"),
        max_tokens=limit if isinstance(limit, int) else None,
        turns=tuple(_build_turn(one) for one in messages if isinstance(one, dict)),
        choice=_CHOICES.get(str(choice.get("type")), Choice.AUTO),
        named=choice.get("name") if choice.get("type") == "tool" else None,
        parallel=not choice.get("disable_parallel_tool_use"),
        stops=list_stops(body.get("stop_sequences")),
        thinks=(body.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
        cites=any(_is_citable(block) for one in messages for block in list_blocks(one)),
    )


def list_blocks(message: Any) -> list[Json]:
    """List the content blocks of a message; a string is a block of text."""
    content = message.get("content") if isinstance(message, dict) else message
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _find_said(messages: list[Any]) -> str:
    """Find the last words of the user; results of tools alone are none."""
    spoken = [one for one in messages if find_content_text(_get_content(one))]
    return find_said(spoken)


def _get_content(message: Any) -> Any:
    return message.get("content") if isinstance(message, dict) else None


def _is_citable(block: Json) -> bool:
    citations = block.get("citations")
    return isinstance(citations, dict) and bool(citations.get("enabled"))


def _list_tools(body: Json) -> tuple[Tool, ...]:
    return tuple(
        Tool(str(tool.get("name")), tool["input_schema"])
        for tool in body.get("tools") or []
        if isinstance(tool.get("input_schema"), dict)
    )


def _build_turn(message: Json) -> Turn:
    blocks = list_blocks(message)
    results = [block for block in blocks if block.get("type") == "tool_result"]
    inner = [block for result in results for block in list_blocks(result)]
    return Turn(
        role=str(message.get("role")),
        text=find_content_text(message.get("content"), "\n"),
        calls=tuple(str(one.get("name")) for one in blocks if one.get("type") == "tool_use"),
        results=tuple(_build_result(result) for result in results),
        seen=tuple(filter(None, map(_describe, [*blocks, *inner]))),
    )


def _build_result(result: Json) -> str:
    text = " ".join(str(one["text"]) for one in list_blocks(result) if one.get("text"))
    return f"error: {text}" if result.get("is_error") else text


def _describe(block: Json) -> str:
    """Describe an image or a document by its source."""
    source = block.get("source")
    if block.get("type") not in {"image", "document"} or not isinstance(source, dict):
        return ""
    if source.get("type") == "base64":
        return describe(source.get("media_type"), source.get("data"))
    if source.get("type") == "text":
        return f"text/plain of {len(str(source.get('data')).encode())} bytes"
    return f"media at {source.get('url') or source.get('file_id') or 'its content'}"
