"""OpenAI's Responses: ``POST /v1/responses``, plain and as the full sequence of events.

Format: OpenAI's published API specification and recorded answers, 2026-11.

Rule: the stream and the plain answer come from the same items, so that ``response.completed``
holds what the events built; ``sequence_number`` counts from zero without a gap; no ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.simulator.answers import Answer, Finish, Question, Tool, build_answer, choose_tools
from gateway.simulator.exchange import CREATED_AT, Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.openai import SSE, find_problem
from gateway.simulator.openai_chat import find_said, split_arguments

_REQUIRED = {"input": ((str, list), "a string or an array of items")}
_REASONING_TOKENS = 16
_SUMMARY = "I read the request and answer it."

_ECHOED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Fields of the answer that repeat the request, with what they are when it is silent."""


def answer_response(inquiry: Inquiry) -> Reply | Problem:
    """Answer a request for a model response."""
    problem = find_problem(inquiry, _REQUIRED)
    if problem is not None:
        return problem
    answer = build_answer(inquiry, _build_question(inquiry.body))
    if inquiry.body.get("stream"):
        frames = tuple(
            dump_event({"type": kind, "sequence_number": number, **facts})
            for number, (kind, facts) in enumerate(_iterate_events(inquiry, answer))
        )
        return Reply(frames, content_type=SSE, streamed=True)
    return Reply((dump_json(_build_finished(inquiry, answer), pretty=True),))


def dump_event(event: Json) -> bytes:
    """Write one event, named by its type."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dump_json(event))


def dump_error_event(_body: bytes, problem: Problem, number: int) -> bytes:
    """Write an error as an event of the stream."""
    facts = {"code": problem.code or problem.kind, "message": problem.message}
    return dump_event({"type": "error", "sequence_number": number, **facts, "param": problem.param})


def _build_question(body: Json) -> Question:
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    shape = (body.get("text") or {}).get("format") or {}
    limit = body.get("max_output_tokens")
    return Question(
        prompt=[body.get("instructions") or "", items, body.get("tools") or []],
        said=find_said(items),
        tools=_find_tools(body, items[-1]),
        wants_json=shape.get("type") in {"json_object", "json_schema"},
        schema=shape.get("schema"),
        max_tokens=limit if isinstance(limit, int) else None,
    )


def _find_tools(body: Json, last: Any) -> tuple[Tool, ...]:
    """Choose the tools to call now: none if forbidden or if their result was just given."""
    choice = body.get("tool_choice")
    given = isinstance(last, dict) and last.get("type") == "function_call_output"
    if choice == "none" or given:
        return ()
    tools = tuple(
        Tool(str(tool.get("name")), tool.get("parameters") or {})
        for tool in body.get("tools") or []
        if tool.get("type") == "function"
    )
    named = choice.get("name") if isinstance(choice, dict) else None
    return choose_tools(tools, named=named, parallel=body.get("parallel_tool_calls") is not False)


def _build_head(inquiry: Inquiry, answer: Answer) -> Json:
    """Build the response as it is when it starts."""
    given = {name: inquiry.body.get(name) for name in _ECHOED}
    repeated = {
        name: default if given[name] is None else given[name] for name, default in _ECHOED.items()
    }
    return {
        "id": f"resp_{answer.key[:48]}",
        "object": "response",
        "created_at": CREATED_AT,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": inquiry.model,
        "output": [],
        "usage": None,
        **repeated,
    }


def _build_finished(inquiry: Inquiry, answer: Answer) -> Json:
    """Build the response as it is when it ends."""
    reason = {Finish.LENGTH: "max_output_tokens", Finish.REFUSED: "content_filter"}.get(
        answer.finish
    )
    finished = _build_head(inquiry, answer) | {
        "status": "incomplete" if reason else "completed",
        "completed_at": None if reason else CREATED_AT + 1,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": _build_items(inquiry, answer),
    }
    if not inquiry.fault.no_usage:
        finished["usage"] = _build_usage(inquiry, answer)
    return finished


def _build_usage(inquiry: Inquiry, answer: Answer) -> Json:
    reasoning = _REASONING_TOKENS if inquiry.body.get("reasoning") else 0
    spent = answer.output_tokens + reasoning
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": spent,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": answer.input_tokens + spent,
    }


def _build_items(inquiry: Inquiry, answer: Answer) -> list[Json]:
    """Build the finished output items: reasoning if asked for, then tool calls or a message."""
    items: list[Json] = []
    reasoning = inquiry.body.get("reasoning")
    if reasoning:
        told = [{"type": "summary_text", "text": _SUMMARY}] if reasoning.get("summary") else []
        items.append({"id": f"rs_{answer.key[:48]}", "type": "reasoning", "summary": told})
    items += [
        {
            "id": f"fc_{call.key}",
            "type": "function_call",
            "status": "completed",
            "arguments": call.dump_arguments(),
            "call_id": f"call_{call.key}",
            "name": call.name,
        }
        for call in answer.calls
    ]
    return items if answer.calls else [*items, _build_message(answer)]


def _build_message(answer: Answer) -> Json:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    return {
        "id": f"msg_{answer.key[:48]}",
        "type": "message",
        "status": "completed" if answer.finish is Finish.STOP else "incomplete",
        "content": [part],
        "role": "assistant",
    }


_Event = tuple[str, Json]


def _iterate_events(inquiry: Inquiry, answer: Answer) -> Iterator[_Event]:
    head = _build_head(inquiry, answer)
    finished = _build_finished(inquiry, answer)
    yield "response.created", {"response": head}
    yield "response.in_progress", {"response": head}
    for index, item in enumerate(finished["output"]):
        started, events = _ITEM_EVENTS[item["type"]](item, answer)
        place = {"output_index": index}
        yield "response.output_item.added", {**place, "item": started}
        for kind, facts in events:
            yield kind, {"item_id": item["id"], **place, **facts}
        yield "response.output_item.done", {**place, "item": item}
    yield f"response.{finished['status']}", {"response": finished}


def _list_message_events(item: Json, answer: Answer) -> tuple[Json, list[_Event]]:
    part = item["content"][0]
    place = {"content_index": 0}
    events: list[_Event] = [("response.content_part.added", {**place, "part": part | {"text": ""}})]
    events += [
        ("response.output_text.delta", {**place, "delta": piece, "logprobs": []})
        for piece in answer.pieces
    ]
    events += [
        ("response.output_text.done", {**place, "text": part["text"], "logprobs": []}),
        ("response.content_part.done", {**place, "part": part}),
    ]
    return item | {"status": "in_progress", "content": []}, events


def _list_call_events(item: Json, _answer: Answer) -> tuple[Json, list[_Event]]:
    stem = "response.function_call_arguments"
    events: list[_Event] = [
        (f"{stem}.delta", {"delta": piece}) for piece in split_arguments(item["arguments"])
    ]
    events.append((f"{stem}.done", {"arguments": item["arguments"], "name": item["name"]}))
    return item | {"status": "in_progress", "arguments": ""}, events


def _list_reasoning_events(item: Json, _answer: Answer) -> tuple[Json, list[_Event]]:
    events: list[_Event] = []
    for index, part in enumerate(item["summary"]):
        place = {"summary_index": index}
        stem = "response.reasoning_summary"
        events += [
            (f"{stem}_part.added", {**place, "part": part | {"text": ""}}),
            (f"{stem}_text.delta", {**place, "delta": part["text"]}),
            (f"{stem}_text.done", {**place, "text": part["text"]}),
            (f"{stem}_part.done", {**place, "part": part}),
        ]
    return item | {"summary": []}, events


_ITEM_EVENTS = {
    "message": _list_message_events,
    "function_call": _list_call_events,
    "reasoning": _list_reasoning_events,
}
"""Item type to what makes its start and the events between its start and its end."""
