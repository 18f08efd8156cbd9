"""Chat completions with the accent of another server: Mistral, DeepSeek, OpenRouter, vLLM.

Formats: recorded answers of these servers, 2026-11.

Rule: a flavour rewrites finished answers and chunks of OpenAI's own format; what is said stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.simulator.answers import Answer
from gateway.simulator.exchange import Json, build_digest, dump_json
from gateway.simulator.flavours import Flavour

COMMENT = b": OPENROUTER PROCESSING\n\n"
"""What OpenRouter sends while it waits."""

_OPENAI_ONLY = ("service_tier", "system_fingerprint", "obfuscation")
_PADDING = "abcdefghijklmnopqrstuvwxyz0123456789"


def build_message_extras(flavour: Flavour, answer: Answer) -> Json:
    """Build the fields in which a server tells its thoughts; OpenAI tells none."""
    if not answer.thought or flavour not in _THOUGHTS:
        return {}
    return _THOUGHTS[flavour](answer.thought)


_THOUGHTS: dict[Flavour, Callable[[str], Json]] = {
    Flavour.DEEPSEEK: lambda text: {"reasoning_content": text},
    Flavour.OPEN: lambda text: {"reasoning_content": text},
    Flavour.OPENROUTER: lambda text: {
        "reasoning": text,
        "reasoning_details": [
            {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
        ],
    },
}


def flavour_completion(flavour: Flavour, completion: Json, answers: list[Answer]) -> Json:
    """Give a plain answer its server's accent."""
    if flavour is Flavour.OPENAI:
        return completion
    whole = {name: value for name, value in completion.items() if name not in _OPENAI_ONLY}
    for choice, answer in zip(whole["choices"], answers, strict=True):
        message = choice["message"]
        for name in ("refusal", "annotations"):
            if not message.get(name):
                message.pop(name, None)
        message |= build_message_extras(flavour, answer)
        if flavour is Flavour.MISTRAL:
            _flavour_mistral(message, answer)
    return whole | ({"provider": "Simulated"} if flavour is Flavour.OPENROUTER else {})


def _flavour_mistral(message: Json, answer: Answer) -> None:
    if message.get("refusal"):
        message["content"] = message.pop("refusal")
    if message["content"] is None:
        message["content"] = ""
    if answer.thought:
        message["content"] = _build_mistral_content(answer.thought, message["content"])
    for call in message.get("tool_calls") or []:
        call["id"] = _build_mistral_id(call["id"])


def _build_mistral_content(thought: str, text: str) -> list[Json]:
    thinking: Json = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
    return [thinking, {"type": "text", "text": text}] if text else [thinking]


def _build_mistral_id(call_id: str) -> str:
    """Build the nine letters and digits that Mistral's ids have."""
    return build_digest("mistral", call_id)[:9]


def flavour_stream(flavour: Flavour, chunks: list[Json], answers: list[Answer]) -> list[bytes]:
    """Give the chunks of a stream their server's accent and write them."""
    if flavour is Flavour.MISTRAL:
        chunks = list(_iterate_mistral(chunks, answers))
    else:
        chunks = list(_iterate_thinking(flavour, chunks, answers))
    frames = [
        b"data: "
        + dump_json({name: value for name, value in chunk.items() if name not in _OPENAI_ONLY})
        + b"\n\n"
        for chunk in chunks
    ]
    return [COMMENT, COMMENT, *frames] if flavour is Flavour.OPENROUTER else frames


def _iterate_thinking(
    flavour: Flavour, chunks: list[Json], answers: list[Answer]
) -> Iterator[Json]:
    """Put the thought of each choice behind the chunk that gives its role."""
    for chunk in chunks:
        yield chunk
        for choice in chunk["choices"]:
            extras = build_message_extras(flavour, answers[choice["index"]])
            if "role" in choice["delta"] and extras:
                delta = {"content": "", **extras}
                yield chunk | {"choices": [choice | {"delta": delta}]}


def _iterate_mistral(chunks: list[Json], answers: list[Answer]) -> Iterator[Json]:
    """Whole tool calls, the reason of the end and the usage come in one last chunk."""
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    for number, chunk in enumerate(chunks):
        padded = chunk | {"p": _PADDING[: 3 + number % 30]}
        padded.pop("usage", None)
        for choice in chunk["choices"]:
            answer, delta = answers[choice["index"]], choice["delta"]
            if "role" in delta:
                yield padded | {"choices": [choice | {"delta": {**delta, "content": ""}}]}
                if answer.thought:
                    thinking = {"content": _build_mistral_content(answer.thought, "")}
                    yield padded | {"choices": [choice | {"delta": thinking}]}
            elif choice["finish_reason"]:
                delta = {"content": ""} | _build_mistral_calls(answer)
                counted = {"usage": usage} if usage else {}
                yield padded | counted | {"choices": [choice | {"delta": delta}]}
            elif "tool_calls" not in delta:
                said = {"content": delta.get("content") or delta.get("refusal") or ""}
                yield padded | {"choices": [choice | {"delta": said}]}


def _build_mistral_calls(answer: Answer) -> Json:
    calls = [
        {
            "id": _build_mistral_id(f"call_{call.key}"),
            "type": "function",
            "function": {"name": call.name, "arguments": call.dump_arguments()},
            "index": index,
        }
        for index, call in enumerate(answer.calls)
    ]
    return {"tool_calls": calls} if calls else {}
