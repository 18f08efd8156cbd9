"""Anthropic's messages, written by hand."""

from __future__ import annotations

import json
from typing import ClassVar

from gateway.entities import Dialect
from tests.translation.asks import PDF, PIXEL, SCHEMA, Ask, Seen, Turn
from tests.translation.client import Client, Json, parse_events


class AnthropicMessages(Client):
    dialect = Dialect.ANTHROPIC_MESSAGES
    _path = "/v1/messages"

    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        if any(turn.role == "system" for turn in ask.turns):
            return None
        messages = [self._turn(turn) for turn in ask.turns]
        self._attach(ask, messages)
        body: Json = {
            "model": endpoint,
            "max_tokens": ask.max_tokens or 1000,
            "messages": messages,
            "stream": stream,
        }
        if ask.system:
            body["system"] = [{"type": "text", "text": text} for text in ask.system]
        if ask.tools:
            body["tools"] = [{"name": name, "input_schema": SCHEMA} for name in ask.tools]
        if ask.serial:
            body["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        if ask.forced:
            body["tool_choice"] = {"type": "tool", "name": ask.forced}
        if ask.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if ask.reasoning:
            body["thinking"] = {"type": "enabled", "budget_tokens": 2000}
        if ask.stop:
            body["stop_sequences"] = [ask.stop]
        return body

    @staticmethod
    def _attach(ask: Ask, messages: list[Json]) -> None:
        if ask.image:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            text = {"type": "text", "text": messages[-1]["content"]}
            messages[-1]["content"] = [{"type": "image", "source": source}, text]
        if ask.document:
            source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
            text = {"type": "text", "text": messages[-1]["content"]}
            messages[-1]["content"] = [{"type": "document", "source": source}, text]

    @staticmethod
    def _turn(turn: Turn) -> Json:
        if turn.calls:
            uses = [
                {"type": "tool_use", "id": one, "name": name, "input": json.loads(text)}
                for one, name, text in turn.calls
            ]
            return {"role": "assistant", "content": uses}
        if turn.results:
            results = [
                {"type": "tool_result", "tool_use_id": one, "content": text}
                | ({"is_error": True} if turn.failed else {})
                for one, _, text in turn.results
            ]
            return {"role": "user", "content": results}
        return {"role": turn.role, "content": turn.text}

    _ENDS: ClassVar = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
        "refusal": "filtered",
    }

    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        answer = self._join(parse_events(body)) if stream else json.loads(body)
        blocks = answer["content"]
        usage = answer["usage"]
        cached = [
            usage.get(name) or 0
            for name in ("cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        return Seen(
            status,
            "".join(block["text"] for block in blocks if block["type"] == "text"),
            tuple(
                (block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"
            ),
            self._ENDS[answer["stop_reason"]],
            usage["input_tokens"] + sum(cached),
            usage["output_tokens"],
            "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            answer["stop_reason"] == "refusal",
            cached=(cached[0], cached[1]),
        )

    @staticmethod
    def _join(events: list[Json]) -> Json:
        assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
        answer: Json = dict(events[0]["message"])
        blocks: list[Json] = []
        is_open = False
        for event in events[1:]:
            kind = event["type"]
            if kind == "content_block_start":
                assert not is_open
                assert event["index"] == len(blocks)
                is_open = True
                blocks.append(dict(event["content_block"]) | {"json": ""})
            elif kind == "content_block_stop":
                is_open = False
                if blocks[-1]["type"] == "tool_use":
                    blocks[-1]["input"] = json.loads(blocks[-1]["json"] or "{}")
            elif kind == "content_block_delta":
                assert is_open
                assert event["index"] == len(blocks) - 1
                delta, block = event["delta"], blocks[-1]
                block["json"] += delta.get("partial_json", "")
                for name in ("text", "thinking"):
                    if name in delta:
                        block[name] += delta[name]
            elif kind == "message_delta":
                answer |= event["delta"]
                answer["usage"] |= {
                    name: value for name, value in event["usage"].items() if value is not None
                }
        return answer | {"content": blocks}

    def read_error(self, body: Json) -> Json:
        assert body["type"] == "error"
        return dict(body["error"])
