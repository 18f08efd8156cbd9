"""Bedrock's Converse: ``POST /model/{id}/converse``, ``/converse-stream`` and ``/count-tokens``.

Formats: the service model of botocore (bedrock-runtime) and recorded answers, 2026-11.

Rule: a stream is messageStart, blocks (only a tool's has a start), messageStop, then metadata
with the usage; events carry padding ``p``.
"""

from __future__ import annotations

import base64

from gateway.simulator.answers import Answer, Finish, build_answer, count_tokens
from gateway.simulator.anthropic_messages import SEAL
from gateway.simulator.bedrock import VENDOR
from gateway.simulator.bedrock_question import build_question
from gateway.simulator.eventstream import CONTENT_TYPE, dump_event
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

_STOPS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.REFUSED: "content_filtered",
    Finish.DECLINED: "guardrail_intervened",
    Finish.STOP_SEQUENCE: "stop_sequence",
}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def answer_converse(inquiry: Inquiry) -> Reply | Problem:
    """Answer a Converse request."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model")
    answer = build_answer(inquiry, build_question(inquiry.body))
    message = {"role": "assistant", "content": _build_blocks(answer)}
    response: Json = {
        "metrics": {"latencyMs": 7},
        "output": {"message": message},
        "stopReason": _STOPS[answer.finish],
    }
    if not inquiry.fault.no_usage:
        response["usage"] = _build_usage(answer)
    return Reply((dump_json(response),))


def answer_converse_stream(inquiry: Inquiry) -> Reply | Problem:
    """Answer a ConverseStream request."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model")
    answer = build_answer(inquiry, build_question(inquiry.body))
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(_build_blocks(answer)):
        events += _build_block_events(index, block, answer)
    events.append(("messageStop", {"stopReason": _STOPS[answer.finish]}))
    metadata: Json = {"metrics": {"latencyMs": 7}}
    if not inquiry.fault.no_usage:
        metadata["usage"] = _build_usage(answer)
    events.append(("metadata", metadata))
    frames = tuple(_dump(number, *event) for number, event in enumerate(events))
    return Reply(frames, content_type=CONTENT_TYPE, streamed=True)


def answer_token_count(inquiry: Inquiry) -> Reply | Problem:
    """Answer how many input tokens a request would have."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model")
    given = inquiry.body["input"]
    asked = build_question(given["converse"]).prompt if "converse" in given else given
    return Reply((dump_json({"inputTokens": count_tokens(asked)}),))


def _dump(number: int, kind: str, payload: Json) -> bytes:
    padding = _PADDING[: 3 + number * 7 % 40]
    return dump_event(kind, dump_json(payload | {"p": padding}))


def _build_usage(answer: Answer) -> Json:
    usage: Json = {
        "inputTokens": answer.fresh_tokens,
        "outputTokens": answer.spent_tokens,
        "totalTokens": answer.input_tokens + answer.spent_tokens,
        "serverToolUsage": {},
    }
    read, written = answer.cache_read_tokens, answer.cache_write_tokens
    if read or written:
        usage |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": written}
        usage |= {"cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": written}
    return usage


def _build_blocks(answer: Answer) -> list[Json]:
    """Build the finished content: reasoning if asked for, then tool calls or text."""
    blocks: list[Json] = []
    if answer.thought:
        signature = build_seal(SEAL, answer.key, answer.thought)
        told = {"text": answer.thought, "signature": signature}
        blocks.append({"reasoningContent": {"reasoningText": told}})
    for call in answer.calls:
        facts = {"toolUseId": _build_id(call.key), "name": call.name, "input": call.arguments}
        blocks.append({"toolUse": facts})
    return blocks if answer.calls else [*blocks, {"text": answer.text}]


def _build_id(key: str) -> str:
    return f"tooluse_{base64.urlsafe_b64encode(key.encode()).decode()[:22]}"


def _build_block_events(index: int, block: Json, answer: Answer) -> list[tuple[str, Json]]:
    place: Json = {"contentBlockIndex": index}
    events: list[tuple[str, Json]] = []
    if "toolUse" in block:
        call = block["toolUse"]
        start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
        events.append(("contentBlockStart", place | {"start": start}))
    events += [("contentBlockDelta", place | {"delta": delta}) for delta in _list(block, answer)]
    return [*events, ("contentBlockStop", place)]


def _list(block: Json, answer: Answer) -> list[Json]:
    """List the deltas of a block."""
    if "toolUse" in block:
        text = dump_json(block["toolUse"]["input"]).decode()
        return [{"toolUse": {"input": piece}} for piece in split_arguments(text)]
    if "reasoningContent" in block:
        told = block["reasoningContent"]["reasoningText"]
        first, comma, rest = told["text"].partition(", ")
        deltas = [{"text": first + comma}, {"text": rest}, {"signature": told["signature"]}]
        return [{"reasoningContent": delta} for delta in deltas]
    return [{"text": piece} for piece in answer.pieces]
