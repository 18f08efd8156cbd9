"""What a Converse request asks: Bedrock's messages as a question of no wire format.

Rule: lenient; what the real service refuses is found in ``gateway.simulator.strict``.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.simulator.answers import Choice, Question, Tool, iterate_text
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Json
from gateway.simulator.media import describe
from gateway.simulator.openai_chat_question import list_stops


def build_question(body: Json) -> Question:
    """Build the question of a Converse request."""
    messages = body["messages"]
    settings = body.get("inferenceConfig") or {}
    tool_config = body.get("toolConfig") or {}
    choice = tool_config.get("toolChoice") or {}
    limit = settings.get("maxTokens")
    extra = body.get("additionalModelRequestFields") or {}
    shape = _find_format(body, extra)
    turns = tuple(_build_turn(one) for one in messages)
    return Question(
        prompt=[body.get("system") or [], messages, tool_config.get("tools") or []],
        said=next((one.text for one in reversed(turns) if one.role == "user" and one.text), ""),
        tools=tuple(_build_tool(one["toolSpec"]) for one in _list_specs(tool_config)),
        wants_json=shape.get("type") == "json_schema",
        schema=shape.get("schema"),
        max_tokens=limit if isinstance(limit, int) else None,
        turns=turns,
        choice=Choice.REQUIRED if "any" in choice or "tool" in choice else Choice.AUTO,
        parallel=not (extra.get("tool_choice") or {}).get("disable_parallel_tool_use"),
        named=(choice.get("tool") or {}).get("name"),
        stops=list_stops(settings.get("stopSequences")),
        thinks=wants_thinking(extra),
    )


def _find_format(body: Json, extra: Json) -> Json:
    """Find the schema of the answer: Converse's own, where it is JSON in a text, or Claude's."""
    own = (body.get("outputConfig") or {}).get("textFormat")
    if own is None:
        return (extra.get("output_config") or {}).get("format") or {}
    try:
        schema = json.loads(own["structure"]["jsonSchema"]["schema"])
    except (KeyError, TypeError, ValueError):
        return {}
    return {"type": own.get("type"), "schema": schema}


def wants_thinking(extra: Json) -> bool:
    """Find out whether the model's own fields ask for thoughts (Claude's and Nova's names)."""
    thinking = extra.get("thinking") or extra.get("reasoning_config") or {}
    nova = extra.get("reasoningConfig") or {}
    return thinking.get("type") in {"enabled", "adaptive"} or nova.get("type") == "enabled"


def list_blocks(message: Any) -> list[Json]:
    """List the content blocks of a message."""
    return [block for block in message["content"] if isinstance(block, dict)]


def _list_specs(tool_config: Json) -> list[Json]:
    return [one for one in tool_config.get("tools") or [] if "toolSpec" in one]


def _build_tool(spec: Json) -> Tool:
    return Tool(spec["name"], (spec.get("inputSchema") or {}).get("json") or {})


def _build_turn(message: Json) -> Turn:
    blocks = list_blocks(message)
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    inner = [block for result in results for block in result["content"]]
    return Turn(
        role=message["role"],
        text="\n".join(block["text"] for block in blocks if "text" in block),
        calls=tuple(block["toolUse"]["name"] for block in blocks if "toolUse" in block),
        results=tuple(_build_result(result) for result in results),
        seen=tuple(filter(None, map(_describe, [*blocks, *inner]))),
    )


def _build_result(result: Json) -> str:
    parts = [block.get("text", block.get("json")) for block in result["content"]]
    text = " ".join(iterate_text(parts))
    return f"error: {text}" if result.get("status") == "error" else text


def _describe(block: Json) -> str:
    for kind, family in (("image", "image"), ("document", "document"), ("video", "video")):
        if kind in block:
            source = block[kind].get("source") or {}
            name = f"{family}/{block[kind].get('format')}"
            if "text" in source:
                return f"{name} of {len(source['text'].encode())} bytes"
            return describe(name, source.get("bytes"))
    return ""
