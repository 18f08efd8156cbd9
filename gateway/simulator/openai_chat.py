"""OpenAI's Chat Completions: ``POST /v1/chat/completions``, plain and streamed.

Format: OpenAI's published API specification and recorded answers, 2026-11.

Rule: a stream is role, deltas, finish reason, usage if asked for, ``[DONE]``, in this order, for
every choice.
"""

from __future__ import annotations

from gateway.simulator.answers import Answer, Finish, build_answer
from gateway.simulator.exchange import CREATED_AT, Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.flavours import Flavour, find_flavour
from gateway.simulator.openai import SSE, dump_chunk, find_problem
from gateway.simulator.openai_chat_question import build_question
from gateway.simulator.openai_flavours import flavour_completion, flavour_stream

DONE = b"data: [DONE]\n\n"

_REQUIRED = {"messages": (list, "an array of objects")}
_FINISHES = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.REFUSED: "content_filter",
    Finish.DECLINED: "stop",
    Finish.STOP_SEQUENCE: "stop",
}
_OBFUSCATION = "aZ4kQ9mT2xLw7Rb"
_MOST_CHOICES = 128
_ARGUMENT_PIECE = 8
"""Characters of tool arguments per event, so that a call arrives in several."""


def answer_chat(inquiry: Inquiry) -> Reply | Problem:
    """Answer a chat completion."""
    problem = find_problem(inquiry, _REQUIRED)
    if problem is not None:
        return problem
    question = build_question(inquiry.body)
    count = inquiry.body.get("n")
    choices = max(1, min(count, _MOST_CHOICES)) if isinstance(count, int) else 1
    answers = [build_answer(inquiry, question, choice=index) for index in range(choices)]
    if inquiry.body.get("stream"):
        return Reply(_build_stream(inquiry, answers), content_type=SSE, streamed=True)
    completion = _build_completion(inquiry, answers)
    flavoured = flavour_completion(find_flavour(inquiry.model), completion, answers)
    return Reply((dump_json(flavoured, pretty=True),))


def split_arguments(text: str) -> list[str]:
    """Split the arguments of a tool call into the pieces of its events."""
    return [text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE)]


def build_usage(answers: list[Answer]) -> Json:
    """Build the usage of chat and text completions; reasoning is part of the completion."""
    reasoning = answers[0].reasoning_tokens
    prompt = answers[0].input_tokens
    completion = sum(answer.output_tokens for answer in answers) + reasoning
    written = answers[0].cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": answers[0].cache_read_tokens,
            "audio_tokens": 0,
            **({"cache_write_tokens": written} if written else {}),
        },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _build_completion(inquiry: Inquiry, answers: list[Answer]) -> Json:
    completion: Json = {
        "id": f"chatcmpl-{answers[0].key[:29]}",
        "object": "chat.completion",
        "created": CREATED_AT,
        "model": inquiry.model,
        "choices": [_build_choice(index, answer) for index, answer in enumerate(answers)],
    }
    if not inquiry.fault.no_usage:
        completion["usage"] = build_usage(answers)
    return completion | {"service_tier": "default", "system_fingerprint": "fp_simulated"}


def _build_choice(index: int, answer: Answer) -> Json:
    declined = answer.finish is Finish.DECLINED
    message: Json = {
        "role": "assistant",
        "content": None if answer.calls or declined else answer.text,
        "refusal": answer.text if declined else None,
        "annotations": _build_annotations(answer),
    }
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{call.key}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.dump_arguments()},
            }
            for call in answer.calls
        ]
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": _FINISHES[answer.finish],
    }


def _build_annotations(answer: Answer) -> list[Json]:
    """Build the citation of the first words, if the answer has one."""
    if not answer.cites or not answer.text:
        return []
    place = {"start_index": 0, "end_index": min(len(answer.text), 5)}
    cited = {**place, "title": "The source", "url": "https://source.example/page"}
    return [{"type": "url_citation", "url_citation": cited}]


def _build_stream(inquiry: Inquiry, answers: list[Answer]) -> tuple[bytes, ...]:
    options = inquiry.body.get("stream_options") or {}
    flavour = find_flavour(inquiry.model)
    wanted = bool(options.get("include_usage")) or flavour is Flavour.MISTRAL
    with_usage = wanted and not inquiry.fault.no_usage
    obfuscated = options.get("include_obfuscation") is not False
    head: Json = {
        "id": f"chatcmpl-{answers[0].key[:29]}",
        "object": "chat.completion.chunk",
        "created": CREATED_AT,
        "model": inquiry.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }
    chunks = [
        head | {"choices": [choice]}
        for index, answer in enumerate(answers)
        for choice in _build_chunk_choices(index, answer)
    ]
    if with_usage:
        chunks = [chunk | {"usage": None} for chunk in chunks]
        chunks.append(head | {"choices": [], "usage": build_usage(answers)})
    if flavour is not Flavour.OPENAI:
        return (*flavour_stream(flavour, chunks, answers), DONE)
    if obfuscated:
        chunks = [
            chunk | {"obfuscation": _OBFUSCATION[: 1 + number % len(_OBFUSCATION)]}
            for number, chunk in enumerate(chunks)
        ]
    return (*map(dump_chunk, chunks), DONE)


def _build_chunk_choices(index: int, answer: Answer) -> list[Json]:
    content = None if answer.calls else ""
    deltas: list[Json] = [{"role": "assistant", "content": content, "refusal": None}]
    said = "refusal" if answer.finish is Finish.DECLINED else "content"
    deltas += [{said: piece} for piece in answer.pieces]
    if answer.cites and answer.text:
        deltas.append({"annotations": _build_annotations(answer)})
    deltas += [{"tool_calls": [delta]} for delta in _build_call_deltas(answer)]
    choices: list[Json] = [
        {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        for delta in deltas
    ]
    finish = _FINISHES[answer.finish]
    return [*choices, {"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}]


def _build_call_deltas(answer: Answer) -> list[Json]:
    deltas: list[Json] = []
    for number, call in enumerate(answer.calls):
        function: Json = {"name": call.name, "arguments": ""}
        deltas.append(
            {"index": number, "id": f"call_{call.key}", "type": "function", "function": function}
        )
        deltas += [
            {"index": number, "function": {"arguments": piece}}
            for piece in split_arguments(call.dump_arguments())
        ]
    return deltas
