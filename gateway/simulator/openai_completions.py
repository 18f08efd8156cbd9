"""OpenAI's older text completions: ``POST /v1/completions``, plain and streamed.

Format: OpenAI's published API specification, 2026-11.

Rule: one choice per prompt and ``n``, in the order of the prompts.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import Answer, Finish, Question, build_answer
from gateway.simulator.exchange import CREATED_AT, Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.openai import SSE, dump_chunk, find_problem
from gateway.simulator.openai_chat import DONE, build_usage
from gateway.simulator.openai_chat_question import list_stops

_REQUIRED = {"prompt": ((str, list), "a string or an array")}
_DEFAULT_MAX_TOKENS = 16
"""The default of ``max_tokens`` in the specification of this route."""
_FINISHES = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.DECLINED: "stop",
    Finish.LENGTH: "length",
    Finish.REFUSED: "content_filter",
}


def answer_completion(inquiry: Inquiry) -> Reply | Problem:
    """Answer a text completion."""
    problem = find_problem(inquiry, _REQUIRED)
    if problem is not None:
        return problem
    answers = [
        build_answer(inquiry, _build_question(inquiry.body, prompt), choice=index)
        for index, prompt in enumerate(_list_prompts(inquiry.body))
    ]
    if inquiry.body.get("stream"):
        return Reply(_build_stream(inquiry, answers), content_type=SSE, streamed=True)
    completion = _build_head(inquiry, answers) | {
        "choices": [
            _build_choice(index, answer.text, answer.finish) for index, answer in enumerate(answers)
        ]
    }
    if not inquiry.fault.no_usage:
        completion["usage"] = _build_usage(answers)
    return Reply((dump_json(completion, pretty=True),))


def _list_prompts(body: Json) -> list[str]:
    prompt = body["prompt"]
    count = body.get("n") if isinstance(body.get("n"), int) else 1
    texts = [prompt] if isinstance(prompt, str) or _is_tokens(prompt) else prompt
    return [str(text) for text in texts for _ in range(max(1, count or 1))]


def _is_tokens(prompt: list[Any]) -> bool:
    return all(isinstance(token, int) for token in prompt)


def _build_question(body: Json, prompt: str) -> Question:
    limit = body.get("max_tokens")
    tokens = limit if isinstance(limit, int) else _DEFAULT_MAX_TOKENS
    stops = list_stops(body.get("stop"))
    return Question(prompt=prompt, said=prompt, max_tokens=tokens, stops=stops)


def _build_head(inquiry: Inquiry, answers: list[Answer]) -> Json:
    return {
        "id": f"cmpl-{answers[0].key[:29]}",
        "object": "text_completion",
        "created": CREATED_AT,
        "model": inquiry.model,
    }


def _build_choice(index: int, text: str, finish: Finish | None) -> Json:
    reason = None if finish is None else _FINISHES[finish]
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def _build_usage(answers: list[Answer]) -> Json:
    usage = build_usage(answers)
    return {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _build_stream(inquiry: Inquiry, answers: list[Answer]) -> tuple[bytes, ...]:
    head = _build_head(inquiry, answers)
    choices = [
        _build_choice(index, piece, None)
        for index, answer in enumerate(answers)
        for piece in answer.pieces
    ]
    choices += [_build_choice(index, "", one.finish) for index, one in enumerate(answers)]
    chunks = [head | {"choices": [choice]} for choice in choices]
    options = inquiry.body.get("stream_options") or {}
    if options.get("include_usage") and not inquiry.fault.no_usage:
        chunks = [chunk | {"usage": None} for chunk in chunks]
        chunks.append(head | {"choices": [], "usage": _build_usage(answers)})
    return (*map(dump_chunk, chunks), DONE)
