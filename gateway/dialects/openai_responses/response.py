"""The Response object that stands around an answer's items.

Source: OpenAI's API reference, "The response object"; openai-python's `Response`, which wants all
fields that have no default there.

Rule: it repeats what the client asked for; where the client said nothing, the API's own default.
`store` is false: the gateway keeps no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.hub import Asked, ChatRequest, Finish, OutputKind, Text
from gateway.dialects.hub.carry import build_id
from gateway.dialects.openai_responses.tools_out import dump_choice, echo_tools
from gateway.dialects.spec import Usage

# What OpenAI's clients know; another vendor's word for a tier is none of these.
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_LENGTH: Final = "max_output_tokens"
_FILTER: Final = "content_filter"
# Why an answer is incomplete; the other ends are complete.
_INCOMPLETE: Final[Mapping[Finish, str]] = {
    Finish.LENGTH: _LENGTH,
    Finish.CONTEXT: _LENGTH,
    Finish.FILTERED: _FILTER,
}


def echo_request(asked: Asked) -> dict[str, Any]:
    """Return the fields of a Response that repeat the request."""
    request = asked.request
    return {
        "object": "response",
        "background": False,
        "instructions": _find_instructions(request),
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": None,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_calls is not False,
        "previous_response_id": request.previous_id,
        "prompt_cache_key": request.cache_key,
        "reasoning": _echo_reasoning(request),
        "safety_identifier": request.user,
        "store": False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": _echo_text(request),
        "tool_choice": dump_choice(request.tool_choice, request.tools) or "auto",
        "tools": echo_tools(request.tools),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": request.extra.get("truncation", "disabled"),
    }


def find_id(given: str, asked: Asked) -> str:
    """Return the id of a Response: the vendor's own if it is one of this format."""
    return given if given.startswith("resp_") else build_id("resp_", asked.request_id, length=48)


def find_tier(tier: str | None) -> str:
    """Return the tier that served the request, in OpenAI's words."""
    return tier if tier in _TIERS else "default"


def build_end(finish: Finish | None, *, refused: bool) -> dict[str, Any]:
    """Return how a Response ends.

    Args:
        finish: why the answer ended; None counts as its natural end.
        refused: the answer holds the model's own words of refusal, which complete it. Without
            them (Anthropic stops in mid-sentence) a refusal is the filter's.
    """
    if finish is Finish.REFUSED and not refused:
        return _build_status("incomplete", reason=_FILTER)
    reason = None if finish is None else _INCOMPLETE.get(finish)
    if reason is not None:
        return _build_status("incomplete", reason=reason)
    if finish is Finish.FAILED:
        message = "the model made an answer that nobody can use"
        return _build_status("failed", error={"code": "server_error", "message": message})
    return _build_status("completed")


def _build_status(
    status: str, *, reason: str | None = None, error: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "status": status,
        "error": error,
        "incomplete_details": None if reason is None else {"reason": reason},
    }


def dump_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return the counts; the SDK's type wants each of them, so what is not said is 0."""
    if usage is None:
        return None
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": given + made,
    }


def dump_logprobs(tokens: Any) -> list[dict[str, Any]]:
    """Return chat's logprobs of a text in this format's form, which has no nulls."""
    if not isinstance(tokens, list):
        return []
    return [
        _dump_token(one) | {"top_logprobs": [_dump_token(top) for top in _list_tops(one)]}
        for one in tokens
        if isinstance(one, dict)
    ]


def _list_tops(token: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    tops = token.get("top_logprobs")
    return [one for one in tops if isinstance(one, dict)] if isinstance(tops, list) else []


def _dump_token(token: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "token": token.get("token") or "",
        "bytes": token.get("bytes") or [],
        "logprob": token.get("logprob") or 0.0,
    }


def _find_instructions(request: ChatRequest) -> str | None:
    for message in request.messages[:1]:
        if message.at == "instructions":
            return "".join(part.text for part in message.parts if isinstance(part, Text))
    return None


def _echo_reasoning(request: ChatRequest) -> dict[str, Any]:
    asked = request.reasoning
    if asked is None:
        return {"effort": None, "summary": None}
    return {"effort": asked.effort, "summary": asked.summary}


def _echo_text(request: ChatRequest) -> dict[str, Any]:
    output = request.output
    form: dict[str, Any] = {"type": "text" if output is None else output.kind.value}
    if output is not None and output.kind is OutputKind.SCHEMA:
        form |= {"name": output.name or "answer", "schema": output.schema, "strict": output.strict}
        if output.description is not None:
            form["description"] = output.description
    return {"format": form, "verbosity": request.verbosity or "medium"}
