"""Ollama: ``/api/chat``, ``/api/embed``, ``/api/tags``; one JSON object a line.

Formats: Ollama's published API documentation and recorded answers, 2026-11.

Rule: a stream is the default; its last line has ``done`` and the counts; arguments of tools are
objects; an error body is ``{"error": text}``, also as a line of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.simulator import openai
from gateway.simulator.answers import (
    Answer,
    Finish,
    Question,
    Tool,
    build_answer,
    count_tokens,
)
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import (
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Json,
    Problem,
    Reply,
    Vendor,
    dump_json,
)
from gateway.simulator.media import decode, describe, find_type
from gateway.simulator.openai_chat_question import find_said, list_stops
from gateway.simulator.vectors import build_vector

MODELS = ("llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest")

_JSON = "application/json; charset=utf-8"
_NDJSON = "application/x-ndjson"
_CREATED = "2026-09-21T18:13:20.000000Z"
_DIMENSIONS = 768
_CONTEXT = "the input length exceeds the context length"

_KINDLESS = ""
PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(401, _KINDLESS, "unauthorized"),
    "no-key": Problem(401, _KINDLESS, "unauthorized"),
    "no-model": Problem(404, _KINDLESS, "model '{model}' not found"),
    "no-route": Problem(404, _KINDLESS, "404 page not found"),
    "quota": Problem(429, _KINDLESS, "you have reached your usage limit"),
    "context": Problem(400, _KINDLESS, _CONTEXT),
    "policy": Problem(400, _KINDLESS, "the request was blocked"),
    "bad-json": Problem(400, _KINDLESS, "unexpected EOF"),
    "bad-fault": Problem(400, _KINDLESS, "{detail}"),
    "invalid": Problem(400, _KINDLESS, "{detail}"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, _KINDLESS, "invalid request"),
    401: Problem(401, _KINDLESS, "unauthorized"),
    403: Problem(403, _KINDLESS, "forbidden"),
    404: Problem(404, _KINDLESS, "model not found"),
    429: Problem(429, _KINDLESS, "too many requests"),
    500: Problem(500, _KINDLESS, "an error was encountered while running the model"),
    503: Problem(
        503, _KINDLESS, "server busy, please try again. maximum pending requests exceeded"
    ),
}


def dump_problem(problem: Problem, _request_id: str, _retry_s: float | None) -> bytes:
    """Write Ollama's error body."""
    return dump_json({"error": problem.message})


def dump_error_event(body: bytes, _problem: Problem, _number: int) -> bytes:
    """Write an error as a line of a stream."""
    return body + b"\n"


def build_headers(_request_id: str, _serial: int) -> dict[str, str]:
    """Build the headers that Ollama adds to every answer: none."""
    return {}


VENDOR = Vendor(
    name="ollama",
    find_credential=openai.find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
    keyless=True,
)


def answer_chat(inquiry: Inquiry) -> Reply | Problem:
    """Answer a chat."""
    problem = _find_problem(inquiry)
    if problem is not None:
        return problem
    answer = build_answer(inquiry, _build_question(inquiry.body))
    if inquiry.body.get("stream") is False:
        message = _build_message(answer, answer.text)
        whole = _build_line(inquiry, message) | _build_end(inquiry, answer)
        return Reply((dump_json(whole),), content_type=_JSON)
    lines = [_build_line(inquiry, one) | {"done": False} for one in _list_messages(answer)]
    empty = {"role": "assistant", "content": ""}
    lines.append(_build_line(inquiry, empty) | _build_end(inquiry, answer))
    frames = tuple(dump_json(line) + b"\n" for line in lines)
    return Reply(frames, content_type=_NDJSON, streamed=True)


def answer_embed(inquiry: Inquiry) -> Reply | Problem:
    """Answer an embeddings request."""
    problem = _find_problem(inquiry)
    if problem is not None:
        return problem
    given = inquiry.body["input"]
    texts = [given] if isinstance(given, str) else given
    size = inquiry.body.get("dimensions") or _DIMENSIONS
    answer = {
        "model": inquiry.model,
        "embeddings": [
            build_vector(inquiry.simulator, inquiry.model, text, size) for text in texts
        ],
        "total_duration": 14143917,
        "load_duration": 1019500,
        "prompt_eval_count": count_tokens(texts),
    }
    return Reply((dump_json(answer),), content_type=_JSON)


def list_models(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /api/tags``."""
    models = [
        {
            "name": name,
            "model": name,
            "modified_at": _CREATED,
            "size": 2019393189,
            "digest": "0" * 64,
            "details": {"format": "gguf", "family": "simulated", "parameter_size": "3.2B"},
        }
        for name in MODELS
    ]
    return Reply((dump_json({"models": models}),), content_type=_JSON)


def _find_problem(inquiry: Inquiry) -> Problem | None:
    if not isinstance(inquiry.body.get("model"), str) or not inquiry.model:
        return VENDOR.build_problem("invalid", detail="model is required")
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return None


def _build_question(body: Json) -> Question:
    messages = body.get("messages") or []
    options = body.get("options") or {}
    shape = body.get("format")
    limit = options.get("num_predict")
    return Question(
        prompt=[messages, body.get("tools") or []],
        said=find_said(messages),
        tools=tuple(_build_tool(tool["function"]) for tool in body.get("tools") or []),
        wants_json=bool(shape),
        schema=shape if isinstance(shape, dict) else None,
        max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        turns=tuple(map(_build_turn, messages)),
        stops=list_stops(options.get("stop")),
        thinks=bool(body.get("think")),
    )


def _build_tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("parameters") or {})


def _build_turn(message: Json) -> Turn:
    text = message.get("content") or ""
    if message["role"] == "tool":
        return Turn("user", results=(text,))
    names = tuple(call["function"]["name"] for call in message.get("tool_calls") or [])
    seen = tuple(map(_describe_image, message.get("images") or []))
    return Turn(message["role"], text, names, seen=seen)


def _describe_image(data: str) -> str:
    """Describe an image; its type is read off its bytes, since the format does not name it."""
    return describe(find_type(decode(data) or b"") or "image", data)


def _build_line(inquiry: Inquiry, message: Json) -> Json:
    return {"model": inquiry.model, "created_at": _CREATED, "message": message}


def _build_message(answer: Answer, text: str) -> Json:
    message: Json = {"role": "assistant", "content": text}
    if answer.thought:
        message["thinking"] = answer.thought
    return message | ({"tool_calls": _build_calls(answer)} if answer.calls else {})


def _build_calls(answer: Answer) -> list[Json]:
    return [
        {
            "id": f"call_{call.key[:8]}",
            "function": {"index": index, "name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(answer.calls)
    ]


def _list_messages(answer: Answer) -> list[Json]:
    """List the messages of a stream's lines: thought, calls one by one, pieces of text."""
    start: Json = {"role": "assistant", "content": ""}
    messages = [start | {"thinking": answer.thought}] if answer.thought else []
    messages += [start | {"tool_calls": [call]} for call in _build_calls(answer)]
    return messages + [start | {"content": piece} for piece in answer.pieces]


def _build_end(inquiry: Inquiry, answer: Answer) -> Json:
    reason = "length" if answer.finish is Finish.LENGTH else "stop"
    end: Json = {"done": True, "done_reason": reason}
    if not inquiry.fault.no_usage:
        end |= {
            "total_duration": 1735248334,
            "load_duration": 139246000,
            "prompt_eval_count": answer.input_tokens,
            "prompt_eval_duration": 247164000,
            "eval_count": answer.spent_tokens,
            "eval_duration": 1337032000,
        }
    return end
