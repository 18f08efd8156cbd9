"""Gemini's generateContent, written by hand."""

from __future__ import annotations

import json
from typing import ClassVar

from gateway.entities import Dialect
from tests.translation.asks import PDF, PIXEL, SCHEMA, Ask, Seen, Turn
from tests.translation.client import Client, Json, parse_events


class Gemini(Client):
    dialect = Dialect.GEMINI

    def path(self, endpoint: str, *, stream: bool) -> str:
        action = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{endpoint}:{action}"

    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        del endpoint, stream
        if ask.serial or any(turn.role == "system" for turn in ask.turns):
            return None
        contents = [self._turn(turn) for turn in ask.turns]
        self._attach(ask, contents)
        config: Json = {}
        body: Json = {"contents": contents}
        if ask.system:
            body["systemInstruction"] = {"parts": [{"text": text} for text in ask.system]}
        if ask.tools:
            declared = [{"name": name, "parametersJsonSchema": SCHEMA} for name in ask.tools]
            body["tools"] = [{"functionDeclarations": declared}]
        if ask.forced:
            calling = {"mode": "ANY", "allowedFunctionNames": [ask.forced]}
            body["toolConfig"] = {"functionCallingConfig": calling}
        if ask.schema:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
        if ask.reasoning:
            config["thinkingConfig"] = {"thinkingBudget": 2000, "includeThoughts": True}
        if ask.stop:
            config["stopSequences"] = [ask.stop]
        if ask.max_tokens:
            config["maxOutputTokens"] = ask.max_tokens
        return body | ({"generationConfig": config} if config else {})

    @staticmethod
    def _attach(ask: Ask, contents: list[Json]) -> None:
        if ask.image:
            contents[-1]["parts"].append({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
        if ask.document:
            pdf = {"mimeType": "application/pdf", "data": PDF}
            contents[-1]["parts"].append({"inlineData": pdf})

    @staticmethod
    def _turn(turn: Turn) -> Json:
        if turn.calls:
            calls = [
                {"functionCall": {"name": name, "args": json.loads(text)}}
                for _, name, text in turn.calls
            ]
            return {"role": "model", "parts": calls}
        if turn.results:
            key = "error" if turn.failed else "result"
            results = [
                {"functionResponse": {"name": name, "response": {key: text}}}
                for _, name, text in turn.results
            ]
            return {"role": "user", "parts": results}
        return {
            "role": {"assistant": "model"}.get(turn.role, "user"),
            "parts": [{"text": turn.text}],
        }

    _ENDS: ClassVar = {"STOP": "stop", "MAX_TOKENS": "length"}

    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        answers = parse_events(body) if stream else [json.loads(body)]
        candidates = [one for answer in answers for one in answer.get("candidates") or []]
        parts = [
            part for one in candidates for part in (one.get("content") or {}).get("parts") or []
        ]
        usage = next(one["usageMetadata"] for one in reversed(answers) if "usageMetadata" in one)
        calls = tuple(
            (part["functionCall"]["name"], part["functionCall"].get("args") or {})
            for part in parts
            if "functionCall" in part
        )
        reasons = [one["finishReason"] for one in candidates if one.get("finishReason")]
        finish = self._ENDS.get(reasons[-1], "filtered") if reasons else "filtered"
        return Seen(
            status,
            "".join(part.get("text", "") for part in parts if not part.get("thought")),
            calls,
            "tool_calls" if calls and finish == "stop" else finish,
            usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0),
            usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
            "".join(part.get("text", "") for part in parts if part.get("thought")),
            finish == "filtered",
            cached=(usage.get("cachedContentTokenCount", 0), None),
        )

    def read_error(self, body: Json) -> Json:
        if isinstance(body, list):
            body = body[0]
        assert {"code", "message", "status"} <= set(body["error"])
        return dict(body["error"])
