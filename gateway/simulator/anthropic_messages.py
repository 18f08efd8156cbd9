"""Anthropic's Messages: ``POST /v1/messages`` and ``/v1/messages/count_tokens``.

Format: Anthropic's published API reference and recorded answers, 2026-11.

Rule: a stream is message_start, then per block start, deltas and stop (a ping after the first
start), then message_delta with the cumulative usage, then message_stop.
"""

from __future__ import annotations

from gateway.simulator.answers import Answer, Finish, build_answer, count_tokens
from gateway.simulator.anthropic import VENDOR
from gateway.simulator.anthropic_question import build_question
from gateway.simulator.exchange import (
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Json,
    Problem,
    Reply,
    dump_json,
)
from gateway.simulator.openai_chat import split_arguments
from gateway.simulator.seals import build_seal

_SSE = "text/event-stream; charset=utf-8"
_STOPS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.REFUSED: "refusal",
    Finish.DECLINED: "refusal",
    Finish.STOP_SEQUENCE: "stop_sequence",
}
_REQUIRED: dict[str, tuple[type, str]] = {
    "model": (str, "a valid string"),
    "messages": (list, "a valid list"),
    "max_tokens": (int, "a valid integer"),
}
SEAL = "claude"
"""Whose thoughts these are: Anthropic's own, Bedrock's and Vertex's signatures are the same."""


def answer_messages(inquiry: Inquiry) -> Reply | Problem:
    """Answer a message."""
    problem = _find_problem(inquiry, _REQUIRED)
    if problem is not None:
        return problem
    answer = build_answer(inquiry, build_question(inquiry.body))
    if inquiry.body.get("stream"):
        return Reply(_build_stream(inquiry, answer), content_type=_SSE, streamed=True)
    blocks = _build_blocks(answer)
    message = _build_message(inquiry, answer) | {"content": blocks, **_build_stop(answer)}
    if not inquiry.fault.no_usage:
        message["usage"] = _build_usage(answer, answer.spent_tokens)
    return Reply((dump_json(message),))


def answer_token_count(inquiry: Inquiry) -> Reply | Problem:
    """Answer how many input tokens a message would have."""
    required = {name: _REQUIRED[name] for name in ("model", "messages")}
    problem = _find_problem(inquiry, required)
    if problem is not None:
        return problem
    counted = count_tokens(build_question(inquiry.body).prompt)
    return Reply((dump_json({"input_tokens": counted}),))


def _find_problem(inquiry: Inquiry, required: dict[str, tuple[type, str]]) -> Problem | None:
    if "anthropic-version" not in inquiry.headers:
        return VENDOR.build_problem("no-version")
    for name, (wanted_type, wanted) in required.items():
        value = inquiry.body.get(name)
        if value is None:
            return VENDOR.build_problem("missing", name=name)
        if not isinstance(value, wanted_type):
            return VENDOR.build_problem("wrong-type", name=name, wanted=wanted)
    if not inquiry.body["messages"]:
        return VENDOR.build_problem("empty")
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return None


def _build_message(inquiry: Inquiry, answer: Answer) -> Json:
    return {
        "model": inquiry.model,
        "id": f"msg_01{answer.key[:22]}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _build_stop(answer: Answer) -> Json:
    """Build why a message ends; of a refusal the details are told."""
    details = None
    if answer.finish is Finish.DECLINED:
        details = {"type": "refusal", "category": None, "explanation": answer.text}
    reason = _STOPS[answer.finish]
    return {"stop_reason": reason, "stop_sequence": answer.stop, "stop_details": details}


def _build_usage(answer: Answer, output_tokens: int) -> Json:
    written = answer.cache_write_tokens
    return {
        "input_tokens": answer.fresh_tokens,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": answer.cache_read_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
        "inference_geo": "global",
    }


def _build_blocks(answer: Answer) -> list[Json]:
    """Build the finished content: thinking if asked for, then tool calls or text."""
    blocks: list[Json] = []
    if answer.thought:
        signature = build_seal(SEAL, answer.key, answer.thought)
        blocks.append({"type": "thinking", "thinking": answer.thought, "signature": signature})
    blocks += [
        {
            "type": "tool_use",
            "id": f"toolu_01{call.key[:22]}",
            "name": call.name,
            "input": call.arguments,
        }
        for call in answer.calls
    ]
    if not answer.calls:
        text: Json = {"type": "text", "text": answer.text}
        blocks.append(text | {"citations": [_CITATION]} if answer.cites else text)
    return blocks


_CITATION: Json = {
    "type": "char_location",
    "cited_text": "The source.",
    "document_index": 0,
    "document_title": "The source",
    "start_char_index": 0,
    "end_char_index": 11,
}
"""What an answer cites when asked to."""


def _build_stream(inquiry: Inquiry, answer: Answer) -> tuple[bytes, ...]:
    message = _build_message(inquiry, answer)
    end: Json = {"type": "message_delta", "delta": _build_stop(answer)}
    if not inquiry.fault.no_usage:
        message["usage"] = _build_usage(answer, 1)
        spent = _build_usage(answer, answer.spent_tokens)
        counted = (name for name in spent if name.endswith("_tokens"))
        end["usage"] = {name: spent[name] for name in counted}
    events: list[Json] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(_build_blocks(answer)):
        events += _build_block_events(index, block, answer)
    events.insert(2, {"type": "ping"})
    events += [end, {"type": "message_stop"}]
    return tuple(_dump_event(number, event) for number, event in enumerate(events))


def _build_block_events(index: int, block: Json, answer: Answer) -> list[Json]:
    empty, deltas = _STREAMED[block["type"]](block, answer)
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _stream_text(block: Json, answer: Answer) -> tuple[Json, list[Json]]:
    deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
    noted = block.get("citations", [])
    deltas += [{"type": "citations_delta", "citation": one} for one in noted]
    return {"type": "text", "text": ""} | ({"citations": []} if noted else {}), deltas


def _stream_thinking(block: Json, _answer: Answer) -> tuple[Json, list[Json]]:
    first, comma, rest = block["thinking"].partition(", ")
    deltas = [
        {"type": "thinking_delta", "thinking": first + comma},
        {"type": "thinking_delta", "thinking": rest},
        {"type": "signature_delta", "signature": block["signature"]},
    ]
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


def _stream_tool_use(block: Json, _answer: Answer) -> tuple[Json, list[Json]]:
    """The first delta is empty and the rest join to the JSON of the input, as recorded."""
    pieces = ["", *split_arguments(dump_json(block["input"]).decode())]
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block | {"input": {}}, deltas


_STREAMED = {"text": _stream_text, "thinking": _stream_thinking, "tool_use": _stream_tool_use}


def _dump_event(number: int, event: Json) -> bytes:
    """Write one named event; like the vendor, pad its data with blanks before the last brace."""
    name = event["type"]
    padding = b"" if name == "ping" else b" " * (number * 5 % 13)
    return b"event: %b\ndata: %b%b}\n\n" % (name.encode(), dump_json(event)[:-1], padding)
