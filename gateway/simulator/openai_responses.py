"""OpenAI's Responses: ``POST /v1/responses``, plain and as the full sequence of events.

Format: OpenAI's published API specification and recorded answers, 2026-11.

Rule: the stream and the plain answer come from the same items, so that ``response.completed``
holds what the events built; ``sequence_number`` counts from zero without a gap; no ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.simulator.answers import Answer, Finish, ToolCall, build_answer
from gateway.simulator.exchange import CREATED_AT, Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.openai import SSE, find_problem
from gateway.simulator.openai_chat import split_arguments
from gateway.simulator.openai_responses_question import build_question, list_custom_tools
from gateway.simulator.seals import build_seal

_REQUIRED = {"input": ((str, list), "a string or an array of items")}
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
    answer = build_answer(inquiry, build_question(inquiry.body))
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
        finished["usage"] = _build_usage(answer)
    return finished


def _build_usage(answer: Answer) -> Json:
    written = answer.cache_write_tokens
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {
            "cached_tokens": answer.cache_read_tokens,
            **({"cache_write_tokens": written} if written else {}),
        },
        "output_tokens": answer.spent_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + answer.spent_tokens,
    }


def _build_items(inquiry: Inquiry, answer: Answer) -> list[Json]:
    """Build the finished output items: reasoning if asked for, then tool calls or a message."""
    items: list[Json] = []
    if answer.thought:
        items.append(_build_reasoning(inquiry.body, answer))
    custom = list_custom_tools(inquiry.body)
    items += [_build_call(call, custom=call.name in custom) for call in answer.calls]
    return items if answer.calls else [*items, _build_message(answer)]


def _build_reasoning(body: Json, answer: Answer) -> Json:
    summary = (body.get("reasoning") or {}).get("summary")
    told = [{"type": "summary_text", "text": _SUMMARY}] if summary else []
    item: Json = {"id": f"rs_{answer.key[:48]}", "type": "reasoning", "summary": told}
    if "reasoning.encrypted_content" in (body.get("include") or []):
        item["encrypted_content"] = build_seal("openai", answer.key)
    return item


def _build_call(call: ToolCall, *, custom: bool) -> Json:
    item: Json = {"status": "completed", "call_id": f"call_{call.key}", "name": call.name}
    if custom:
        text = str(call.arguments.get("input", call.dump_arguments()))
        return {"id": f"ctc_{call.key}", "type": "custom_tool_call", "input": text, **item}
    arguments = call.dump_arguments()
    return {"id": f"fc_{call.key}", "type": "function_call", "arguments": arguments, **item}


def _build_message(answer: Answer) -> Json:
    part: Json = {"type": "refusal", "refusal": answer.text}
    if answer.finish is not Finish.DECLINED:
        notes = _build_annotations(answer)
        part = {"type": "output_text", "annotations": notes, "logprobs": [], "text": answer.text}
    cut = answer.finish in {Finish.LENGTH, Finish.REFUSED}
    return {
        "id": f"msg_{answer.key[:48]}",
        "type": "message",
        "status": "incomplete" if cut else "completed",
        "content": [part],
        "role": "assistant",
    }


def _build_annotations(answer: Answer) -> list[Json]:
    """Build the citation of the first words, if the answer has one."""
    if not answer.cites or not answer.text:
        return []
    place = {"start_index": 0, "end_index": min(len(answer.text), 5)}
    source = {"title": "The source", "url": "https://source.example/page"}
    return [{"type": "url_citation", **place, **source}]


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
    kind = part["type"]
    key = "refusal" if kind == "refusal" else "text"
    extra: Json = {} if kind == "refusal" else {"logprobs": []}
    started = part | {key: ""} | ({} if kind == "refusal" else {"annotations": []})
    events: list[_Event] = [("response.content_part.added", {**place, "part": started})]
    events += [
        (f"response.{kind}.delta", {**place, "delta": piece, **extra}) for piece in answer.pieces
    ]
    events += [
        ("response.output_text.annotation.added", {**place, "annotation_index": n, "annotation": a})
        for n, a in enumerate(part.get("annotations", []))
    ]
    events += [
        (f"response.{kind}.done", {**place, key: part[key], **extra}),
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


def _list_custom_events(item: Json, _answer: Answer) -> tuple[Json, list[_Event]]:
    stem = "response.custom_tool_call_input"
    events: list[_Event] = [
        (f"{stem}.delta", {"delta": piece}) for piece in split_arguments(item["input"])
    ]
    events.append((f"{stem}.done", {"input": item["input"]}))
    return item | {"status": "in_progress", "input": ""}, events


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
    "custom_tool_call": _list_custom_events,
    "reasoning": _list_reasoning_events,
}
"""Item type to what makes its start and the events between its start and its end."""
