"""Cohere's chat: ``POST /v2/chat``, plain and streamed.

Formats: Cohere's published API reference (v2) and recorded answers, 2026-11.

Rule: a tool call has a ``tool_plan`` before it; a stream is message-start, contents or plan and
calls, citations, message-end with the usage, ``[DONE]``.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import (
    Answer,
    Choice,
    Finish,
    Question,
    Tool,
    ToolCall,
    build_answer,
)
from gateway.simulator.cohere import build_id, dump_event, find_model_problem
from gateway.simulator.conversation import Turn
from gateway.simulator.exchange import Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.media import describe_url
from gateway.simulator.openai_chat import DONE, split_arguments
from gateway.simulator.openai_chat_question import find_content_text, find_said, list_stops

_FINISHES = {
    Finish.STOP: "COMPLETE",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL_CALLS: "TOOL_CALL",
    Finish.REFUSED: "ERROR",
    Finish.DECLINED: "ERROR",
    Finish.STOP_SEQUENCE: "STOP_SEQUENCE",
}
_CHOICES = {"REQUIRED": Choice.REQUIRED, "NONE": Choice.NONE}
_PLAN = "I will use the tools to find the answer."
_TEMPLATE_TOKENS = 0
"""Tokens that the vendor's own template adds; none here, so that counts are as elsewhere."""


def answer_chat(inquiry: Inquiry) -> Reply | Problem:
    """Answer a chat."""
    problem = find_model_problem(inquiry)
    if problem is not None:
        return problem
    answer = build_answer(inquiry, _build_question(inquiry.body))
    if inquiry.body.get("stream"):
        frames = tuple(map(dump_event, _list_events(inquiry, answer)))
        return Reply((*frames, DONE), content_type="text/event-stream", streamed=True)
    response: Json = {
        "id": build_id(answer.key),
        "message": _build_message(answer),
        "finish_reason": _FINISHES[answer.finish],
    }
    if not inquiry.fault.no_usage:
        response["usage"] = _build_usage(answer)
    return Reply((dump_json(response),))


def _build_question(body: Json) -> Question:
    messages = body["messages"]
    shape = body.get("response_format") or {}
    limit = body.get("max_tokens")
    choice = body.get("tool_choice")
    thinking = body.get("thinking") or {}
    return Question(
        prompt=[messages, body.get("tools") or [], body.get("documents") or []],
        said=find_said(messages),
        tools=tuple(_build_tool(one["function"]) for one in body.get("tools") or []),
        wants_json=shape.get("type") == "json_object",
        schema=shape.get("json_schema") or shape.get("schema"),
        max_tokens=limit if isinstance(limit, int) else None,
        turns=tuple(map(_build_turn, messages)),
        choice=_CHOICES.get(choice, Choice.AUTO) if isinstance(choice, str) else Choice.AUTO,
        stops=list_stops(body.get("stop_sequences")),
        thinks=thinking.get("type") == "enabled",
        cites=bool(body.get("documents")),
    )


def _build_tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("parameters") or {})


def _build_turn(message: Json) -> Turn:
    role, content = message["role"], message.get("content")
    if role == "tool":
        return Turn("user", results=(_find_result(content),))
    names = tuple(call["function"]["name"] for call in message.get("tool_calls") or [])
    parts = content if isinstance(content, list) else []
    images = [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
    return Turn(
        role, find_content_text(content, "\n"), names, seen=tuple(map(describe_url, images))
    )


def _find_result(content: Any) -> str:
    """Find what a tool said: a string, text parts or documents."""
    if not isinstance(content, list):
        return str(content)
    documents = [part.get("document") or {} for part in content]
    texts = [str(one.get("data")) for one in documents if one]
    return " ".join([find_content_text(content), *texts]).strip()


def _build_message(answer: Answer) -> Json:
    message: Json = {"role": "assistant"}
    content: list[Json] = []
    if answer.thought:
        content.append({"type": "thinking", "thinking": answer.thought})
    if answer.calls:
        message |= {"tool_plan": _PLAN, "tool_calls": [_build_call(one) for one in answer.calls]}
    else:
        content.append({"type": "text", "text": answer.text})
    if content:
        message["content"] = content
    return message | ({"citations": [_build_citation(answer)]} if _is_cited(answer) else {})


def _build_call(call: ToolCall) -> Json:
    function = {"name": call.name, "arguments": call.dump_arguments()}
    return {"id": _build_call_id(call), "type": "function", "function": function}


def _build_call_id(call: ToolCall) -> str:
    return f"{call.name}_{call.key[:12]}"


def _is_cited(answer: Answer) -> bool:
    return answer.cites and bool(answer.text)


def _build_citation(answer: Answer) -> Json:
    end = min(5, len(answer.text))
    source = {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "text": "The source."}}
    return {
        "start": 0,
        "end": end,
        "text": answer.text[:end],
        "sources": [source],
        "type": "TEXT_CONTENT",
    }


def _build_usage(answer: Answer) -> Json:
    counted = {
        "input_tokens": answer.input_tokens + _TEMPLATE_TOKENS,
        "output_tokens": answer.spent_tokens,
    }
    billed = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
    return {
        "billed_units": billed,
        "tokens": counted,
        "cached_tokens": answer.cache_read_tokens,
    }


def _list_events(inquiry: Inquiry, answer: Answer) -> list[Json]:
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[Json] = [
        {"id": build_id(answer.key), "type": "message-start", "delta": {"message": start}}
    ]
    if answer.thought:
        events += _list_content_events(0, "thinking", [answer.thought])
    if answer.calls:
        events += [
            {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": f"{word} "}}}
            for word in _PLAN.split()
        ]
        for index, call in enumerate(answer.calls):
            events += _list_call_events(index, call)
    else:
        events += _list_content_events(int(bool(answer.thought)), "text", list(answer.pieces))
    end: Json = {"finish_reason": _FINISHES[answer.finish]}
    if not inquiry.fault.no_usage:
        end["usage"] = _build_usage(answer)
    return [*events, *_list_citation_events(answer), {"type": "message-end", "delta": end}]


def _list_content_events(index: int, kind: str, pieces: list[str]) -> list[Json]:
    start = {"message": {"content": {"type": kind, kind: ""}}}
    return [
        {"type": "content-start", "index": index, "delta": start},
        *(
            {
                "type": "content-delta",
                "index": index,
                "delta": {"message": {"content": {kind: piece}}},
            }
            for piece in pieces
        ),
        {"type": "content-end", "index": index},
    ]


def _list_call_events(index: int, call: ToolCall) -> list[Json]:
    function = {"name": call.name, "arguments": ""}
    started = {"id": _build_call_id(call), "type": "function", "function": function}
    return [
        {
            "type": "tool-call-start",
            "index": index,
            "delta": {"message": {"tool_calls": started}},
        },
        *(
            {
                "type": "tool-call-delta",
                "index": index,
                "delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}},
            }
            for piece in split_arguments(call.dump_arguments())
        ),
        {"type": "tool-call-end", "index": index},
    ]


def _list_citation_events(answer: Answer) -> list[Json]:
    if not _is_cited(answer):
        return []
    message = {"message": {"citations": _build_citation(answer)}}
    return [
        {"type": "citation-start", "index": 0, "delta": message},
        {"type": "citation-end", "index": 0},
    ]
