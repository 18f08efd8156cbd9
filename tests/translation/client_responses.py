"""OpenAI's responses, written by hand."""

from __future__ import annotations

import json

from gateway.entities import Dialect
from tests.translation.asks import PDF, PIXEL, SCHEMA, Ask, Seen, Turn
from tests.translation.client import Client, Json, parse_events
from tests.translation.client_chat import OpenAIChat, read_cached


class OpenAIResponses(Client):
    dialect = Dialect.OPENAI_RESPONSES
    _path = "/v1/responses"

    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        if ask.stop or any(turn.failed for turn in ask.turns):
            return None
        items: list[Json] = [{"role": "developer", "content": text} for text in ask.system[1:]]
        for turn in ask.turns:
            items += self._turn(turn)
        self._attach(ask, items)
        body: Json = {"model": endpoint, "input": items, "store": False, "stream": stream}
        if ask.system:
            body["instructions"] = ask.system[0]
        if ask.serial:
            body["parallel_tool_calls"] = False
        if ask.tools:
            body["tools"] = [
                {"type": "function", "name": name, "parameters": SCHEMA, "strict": True}
                for name in ask.tools
            ]
        if ask.forced:
            body["tool_choice"] = {"type": "function", "name": ask.forced}
        if ask.schema:
            form = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}
            body["text"] = {"format": form}
        if ask.reasoning:
            body["reasoning"] = {"effort": "low", "summary": "auto"}
        if ask.max_tokens:
            body["max_output_tokens"] = ask.max_tokens
        return body

    @staticmethod
    def _attach(ask: Ask, items: list[Json]) -> None:
        if ask.image:
            text = {"type": "input_text", "text": items[-1]["content"]}
            image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
            items[-1]["content"] = [text, image | {"detail": "auto"}]
        if ask.document:
            text = {"type": "input_text", "text": items[-1]["content"]}
            data = f"data:application/pdf;base64,{PDF}"
            file = {"type": "input_file", "filename": "a.pdf", "file_data": data}
            items[-1]["content"] = [text, file]

    @staticmethod
    def _turn(turn: Turn) -> list[Json]:
        if turn.calls:
            return [
                {"type": "function_call", "call_id": one, "name": name, "arguments": text}
                for one, name, text in turn.calls
            ]
        if turn.results:
            return [
                {"type": "function_call_output", "call_id": one, "output": text}
                for one, _, text in turn.results
            ]
        return [{"role": turn.role, "content": turn.text}]

    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        answer = self._last(parse_events(body)) if stream else json.loads(body)
        texts, thoughts, calls, refused = [], [], [], False
        for item in answer["output"]:
            if item["type"] == "function_call":
                calls.append((item["name"], json.loads(item["arguments"])))
            elif item["type"] == "reasoning":
                thoughts += [
                    one["text"] for one in (*item["summary"], *(item.get("content") or []))
                ]
            elif item["type"] == "message":
                refused = refused or any(one["type"] == "refusal" for one in item["content"])
                texts += [one["text"] for one in item["content"] if one["type"] == "output_text"]
        reason = (answer.get("incomplete_details") or {}).get("reason")
        ends = {"max_output_tokens": "length", "content_filter": "filtered"}
        finish = ends[reason] if reason else "tool_calls" if calls else "stop"
        if answer["status"] == "failed":
            finish = "failed"
        assert (answer["status"] == "incomplete") == bool(reason), answer
        return Seen(
            status,
            "".join(texts),
            tuple(calls),
            finish,
            answer["usage"]["input_tokens"],
            answer["usage"]["output_tokens"],
            "".join(thoughts),
            refused,
            cached=read_cached(answer["usage"], "input_tokens_details"),
        )

    @staticmethod
    def _last(events: list[Json]) -> Json:
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        last = events[-1]
        assert last["type"] in {"response.completed", "response.incomplete", "response.failed"}, (
            last
        )
        streamed = "".join(
            event["delta"] for event in events if event["type"] == "response.output_text.delta"
        )
        whole = "".join(
            part["text"]
            for item in last["response"]["output"]
            if item["type"] == "message"
            for part in item["content"]
            if part["type"] == "output_text"
        )
        assert streamed == whole
        return dict(last["response"])

    read_error = OpenAIChat.read_error
