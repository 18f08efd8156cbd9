"""Gemini's actions on a model: generateContent, streamGenerateContent, countTokens, embeddings.

Formats: Google's published API reference and recorded answers, 2026-11. Both camelCase and
snake_case names are read, as the vendor does.

Rule: every event of a stream is a whole GenerateContentResponse with cumulative usage; there is
no end marker; a tool call arrives whole and ends with STOP.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Answer, Finish, build_answer, count_tokens, iterate_text
from gateway.simulator.exchange import Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.gemini import JSON, VENDOR, find_model_problem
from gateway.simulator.gemini_question import build_question, find
from gateway.simulator.seals import build_seal
from gateway.simulator.vectors import build_vector

_STOPS = {
    Finish.STOP: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL_CALLS: "STOP",
    Finish.REFUSED: "SAFETY",
    Finish.DECLINED: "SAFETY",
    Finish.STOP_SEQUENCE: "STOP",
}
SEAL = "gemini"
_DIMENSIONS = 3072


def answer_action(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``POST /{version}/models/{model}:{action}``."""
    action = _ACTIONS.get(inquiry.action)
    if action is None:
        return VENDOR.build_problem("no-route")
    answer, required = action
    problem = find_model_problem(inquiry)
    if problem is not None:
        return problem
    if not find(_unwrap(inquiry.body), required):
        return VENDOR.build_problem("missing", name=required)
    return answer(inquiry)


def _unwrap(body: Any) -> Any:
    """Return the request that is to be counted, which a count may have as a whole."""
    return find(body, "generateContentRequest") or body


def _answer_generate(inquiry: Inquiry) -> Reply:
    answer = build_answer(inquiry, build_question(inquiry.body))
    response = _build_response(inquiry, answer, _build_parts(answer), answer.output_tokens)
    return Reply((dump_json(_end(response, answer), pretty=True),), content_type=JSON)


def _answer_stream(inquiry: Inquiry) -> Reply:
    answer = build_answer(inquiry, build_question(inquiry.body))
    responses = _build_responses(inquiry, answer)
    if inquiry.query.get("alt") == "sse":
        frames = tuple(b"data: " + dump_json(one) + b"\r\n\r\n" for one in responses)
        return Reply(frames, content_type="text/event-stream", streamed=True)
    pieces = [dump_json(one, pretty=True) for one in responses]
    frames = (b"[" + pieces[0], *(b",\r\n" + piece for piece in pieces[1:]), b"]")
    return Reply(frames, content_type=JSON, streamed=True)


def _answer_count(inquiry: Inquiry) -> Reply:
    asked = _unwrap(inquiry.body)
    counted = count_tokens([find(asked, "contents"), find(asked, "systemInstruction")])
    details = [{"modality": "TEXT", "tokenCount": counted}]
    answer = {"totalTokens": counted, "promptTokensDetails": details}
    return Reply((dump_json(answer, pretty=True),), content_type=JSON)


def _answer_embed(inquiry: Inquiry) -> Reply:
    answer = {"embedding": _build_embedding(inquiry, inquiry.body)}
    return Reply((dump_json(answer, pretty=True),), content_type=JSON)


def _answer_batch_embed(inquiry: Inquiry) -> Reply:
    embeddings = [_build_embedding(inquiry, one) for one in inquiry.body["requests"]]
    return Reply((dump_json({"embeddings": embeddings}, pretty=True),), content_type=JSON)


def _build_embedding(inquiry: Inquiry, request: Any) -> Json:
    content = find(request, "content")
    text = " ".join(iterate_text(find(content, "parts")))
    wanted = find(request, "outputDimensionality")
    size = max(1, min(wanted, _DIMENSIONS)) if isinstance(wanted, int) else _DIMENSIONS
    return {"values": build_vector(inquiry.simulator, inquiry.model, text, size)}


def _build_parts(answer: Answer) -> list[Json]:
    """Build the finished parts: a thought if asked for, then tool calls or text."""
    parts: list[Json] = []
    if answer.thought:
        parts.append({"text": answer.thought, "thought": True})
    signature = build_seal(SEAL, answer.key)
    parts += [
        {
            "functionCall": {"name": call.name, "args": call.arguments},
            **({} if index else {"thoughtSignature": signature}),
        }
        for index, call in enumerate(answer.calls)
    ]
    if answer.finish is Finish.DECLINED:
        return []
    return parts if answer.calls else [*parts, {"text": answer.text}]


def _build_responses(inquiry: Inquiry, answer: Answer) -> list[Json]:
    """Build the events of a stream; usage grows with the text, the last one says why it ends."""
    finished = _build_parts(answer)
    groups = [finished] if answer.calls else [[part] for part in finished[:-1]]
    if answer.finish is Finish.DECLINED:
        groups = [[]]
    elif not answer.calls:
        groups += [[{"text": piece}] for piece in answer.pieces]
    spent, responses = 0, []
    for group in groups:
        spent += count_tokens(group)
        total = min(spent, answer.output_tokens)
        responses.append(_build_response(inquiry, answer, group, total))
    responses[-1] = _end(_build_response(inquiry, answer, groups[-1], answer.output_tokens), answer)
    return responses


def _build_response(inquiry: Inquiry, answer: Answer, parts: list[Json], spent: int) -> Json:
    response: Json = {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "usageMetadata": _build_usage(answer, spent),
        "modelVersion": inquiry.model,
        "responseId": answer.key[:23],
    }
    if inquiry.fault.no_usage:
        del response["usageMetadata"]
    if answer.finish is Finish.REFUSED:
        del response["candidates"]
        response["promptFeedback"] = {"blockReason": "SAFETY"}
    return response


def _end(response: Json, answer: Answer) -> Json:
    """Add the reason why the answer ends to its last response; a blocked prompt has none."""
    for candidate in response.get("candidates", []):
        candidate["finishReason"] = _STOPS[answer.finish]
        if answer.calls:
            candidate["finishMessage"] = "Model generated function call(s)."
    return response


def _build_usage(answer: Answer, spent: int) -> Json:
    thoughts = answer.reasoning_tokens
    usage: Json = {
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": spent,
        "totalTokenCount": answer.input_tokens + spent + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.input_tokens}],
        "serviceTier": "standard",
    }
    if answer.cache_read_tokens:
        usage["cachedContentTokenCount"] = answer.cache_read_tokens
    return usage | {"thoughtsTokenCount": thoughts} if thoughts else usage


_ACTIONS = {
    "generateContent": (_answer_generate, "contents"),
    "streamGenerateContent": (_answer_stream, "contents"),
    "countTokens": (_answer_count, "contents"),
    "embedContent": (_answer_embed, "content"),
    "batchEmbedContents": (_answer_batch_embed, "requests"),
}
"""Action name to what answers it and the field that its body must have."""
