"""OpenAI's chat completions and their legacy, written by hand."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from gateway.entities import Dialect
from tests.translation.asks import PDF, PIXEL, SCHEMA, Ask, Seen, Turn
from tests.translation.client import Client, Json, parse_events


def read_cached(usage: Json, details: str = "prompt_tokens_details") -> tuple[int, int]:
    """Return the tokens read from a cache and written to one."""
    found = usage.get(details) or {}
    return found.get("cached_tokens") or 0, found.get("cache_write_tokens") or 0


class OpenAIChat(Client):
    dialect = Dialect.OPENAI_CHAT
    _path = "/v1/chat/completions"

    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        if any(turn.failed for turn in ask.turns):
            return None
        messages: list[Json] = []
        messages += [{"role": "system", "content": text} for text in ask.system]
        for turn in ask.turns:
            messages += self._turn(turn)
        if ask.image:
            url = {"url": f"data:image/png;base64,{PIXEL}"}
            text = {"type": "text", "text": messages[-1]["content"]}
            messages[-1]["content"] = [text, {"type": "image_url", "image_url": url}]
        if ask.document:
            file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
            text = {"type": "text", "text": messages[-1]["content"]}
            messages[-1]["content"] = [text, {"type": "file", "file": file}]
        body: Json = {"model": endpoint, "messages": messages} | self._options(ask)
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    @staticmethod
    def _options(ask: Ask) -> Json:
        body: Json = {}
        if ask.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
                for name in ask.tools
            ]
        if ask.serial:
            body["parallel_tool_calls"] = False
        if ask.forced:
            body["tool_choice"] = {"type": "function", "function": {"name": ask.forced}}
        if ask.schema:
            schema = {"name": "place", "schema": SCHEMA, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if ask.reasoning:
            body["reasoning_effort"] = "low"
        if ask.stop:
            body["stop"] = [ask.stop]
        if ask.max_tokens:
            body["max_completion_tokens"] = ask.max_tokens
        return body

    @staticmethod
    def _turn(turn: Turn) -> list[Json]:
        if turn.calls:
            calls = [
                {"id": one, "type": "function", "function": {"name": name, "arguments": text}}
                for one, name, text in turn.calls
            ]
            return [{"role": "assistant", "content": None, "tool_calls": calls}]
        if turn.results:
            return [
                {"role": "tool", "tool_call_id": one, "content": text}
                for one, _, text in turn.results
            ]
        return [{"role": turn.role, "content": turn.text}]

    _ENDS: ClassVar = {"content_filter": "filtered"}

    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        if stream:
            assert body.rstrip().endswith("data: [DONE]"), body[-300:]
            return self._read_stream(status, parse_events(body))
        answer = json.loads(body)
        choice, usage = answer["choices"][0], answer["usage"]
        message = choice["message"]
        calls = [one["function"] for one in message.get("tool_calls") or []]
        return Seen(
            status,
            message.get("content") or "",
            tuple((one["name"], json.loads(one["arguments"])) for one in calls),
            self._ENDS.get(choice["finish_reason"], choice["finish_reason"]),
            usage["prompt_tokens"],
            usage["completion_tokens"],
            message.get("reasoning_content") or "",
            bool(message.get("refusal")),
            cached=read_cached(usage),
        )

    def _read_stream(self, status: int, chunks: list[Json]) -> Seen:
        texts, thoughts, calls = [], [], dict[int, Json]()
        finish, refused, usage = "", False, None
        for chunk in chunks:
            # Azure's verdict on the prompt, which comes first, says not what it is.
            assert chunk["object"] == "chat.completion.chunk" or not chunk["choices"], chunk
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                delta = choice["delta"]
                texts.append(delta.get("content") or "")
                thoughts.append(delta.get("reasoning_content") or "")
                refused = refused or bool(delta.get("refusal"))
                finish = choice.get("finish_reason") or finish
                for one in delta.get("tool_calls") or []:
                    call = calls.setdefault(one["index"], {"name": "", "arguments": ""})
                    for name in call:
                        call[name] += one["function"].get(name) or ""
        assert usage is not None, "no usage although it was asked for"
        return Seen(
            status,
            "".join(texts),
            tuple((one["name"], json.loads(one["arguments"])) for one in calls.values()),
            self._ENDS.get(finish, finish),
            usage["prompt_tokens"],
            usage["completion_tokens"],
            "".join(thoughts),
            refused,
            cached=read_cached(usage),
        )

    def read_error(self, body: Json) -> Json:
        assert {"message", "type", "param", "code"} <= set(body["error"])
        return dict(body["error"])


class OpenAICompletions(Client):
    dialect = Dialect.OPENAI_COMPLETIONS
    _path = "/v1/completions"

    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        plain = Ask(turns=ask.turns, stop=ask.stop, max_tokens=ask.max_tokens, fault=ask.fault)
        if len(ask.turns) != 1 or ask != Ask(**_fields(plain, features=ask.features)):
            return None
        body: Json = {"model": endpoint, "prompt": ask.turns[0].text}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if ask.stop:
            body["stop"] = ask.stop
        if ask.max_tokens:
            body["max_tokens"] = ask.max_tokens
        return body

    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        if stream:
            assert body.rstrip().endswith("data: [DONE]"), body[-300:]
        answers = parse_events(body) if stream else [json.loads(body)]
        choices = [choice for answer in answers for choice in answer["choices"]]
        usage = next(answer["usage"] for answer in reversed(answers) if answer.get("usage"))
        finish = next(one["finish_reason"] for one in reversed(choices) if one["finish_reason"])
        return Seen(
            status,
            "".join(choice["text"] for choice in choices),
            finish="filtered" if finish == "content_filter" else finish,
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            cached=read_cached(usage),
        )

    read_error = OpenAIChat.read_error


def _fields(ask: Ask, **more: Any) -> Json:
    return {name: getattr(ask, name) for name in Ask.__dataclass_fields__} | more
