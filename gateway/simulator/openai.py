"""OpenAI as a vendor: credential, errors, headers and models, shared by its wire formats.

Formats: OpenAI's published API specification and recorded answers, 2026-11.

Rule: an error body is ``{"error": {message, type, param, code}}``, whatever the route.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.simulator.exchange import (
    CREATED_AT,
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Json,
    Problem,
    Reply,
    Vendor,
    dump_json,
)

INVALID = "invalid_request_error"
FLAT_KINDS = frozenset({"invalid_request_message_order", "invalid_function_call"})
"""Kinds of errors of Mistral's, whose error body has no object inside."""
MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5",
    "gpt-5-mini",
    "text-embedding-3-large",
    "text-embedding-3-small",
)
SSE = "text/event-stream; charset=utf-8"

_BAD_KEY = (
    "Incorrect API key provided: {key}. You can find your API key at "
    "https://platform.openai.com/account/api-keys."
)
_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
)
_NO_MODEL = "The model `{model}` does not exist or you do not have access to it."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_CONTEXT = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "131072 tokens. Please reduce the length of the messages."
)
_POLICY = "Your request was rejected as a result of our safety system."
_BUSY = "The server is currently overloaded. Please try again later."
_BROKEN = "The server had an error while processing your request. Sorry about that!"

PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(401, INVALID, _BAD_KEY, "invalid_api_key"),
    "no-key": Problem(401, INVALID, _NO_KEY),
    "no-model": Problem(404, INVALID, _NO_MODEL, "model_not_found"),
    "no-route": Problem(404, INVALID, "Invalid URL ({method} {path})"),
    "quota": Problem(429, "insufficient_quota", _QUOTA, "insufficient_quota"),
    "context": Problem(400, INVALID, _CONTEXT, "context_length_exceeded", "messages"),
    "policy": Problem(400, INVALID, _POLICY, "content_policy_violation"),
    "bad-json": Problem(400, INVALID, "We could not parse the JSON body of your request."),
    "bad-fault": Problem(400, INVALID, "{detail}", "simulator_fault", "model"),
    "model-missing": Problem(400, INVALID, "you must provide a model parameter"),
    "missing": Problem(
        400,
        INVALID,
        "Missing required parameter: '{name}'.",
        "missing_required_parameter",
        "{name}",
    ),
    "wrong-type": Problem(
        400, INVALID, "Invalid type for '{name}': expected {wanted}.", "invalid_type", "{name}"
    ),
    "empty": Problem(
        400,
        INVALID,
        "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        "empty_array",
        "{name}",
    ),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, INVALID, "Your request is not valid.", "invalid_value"),
    401: Problem(401, INVALID, "Incorrect API key provided.", "invalid_api_key"),
    403: Problem(403, "permission_error", "Your project may not use this.", "access_denied"),
    404: Problem(404, INVALID, "The model does not exist.", "model_not_found"),
    408: Problem(408, "timeout", "The request timed out.", "request_timeout"),
    409: Problem(409, "conflict_error", "The resource was changed by another request.", "conflict"),
    413: Problem(413, INVALID, "The request is too large.", "request_too_large"),
    422: Problem(422, INVALID, "The request cannot be processed.", "unprocessable_entity"),
    429: Problem(429, "requests", "Rate limit reached for requests.", "rate_limit_exceeded"),
    500: Problem(500, "server_error", _BROKEN),
    502: Problem(502, "server_error", "Bad gateway."),
    503: Problem(503, "server_error", _BUSY, "server_overloaded"),
    504: Problem(504, "server_error", "Gateway timeout."),
}


def find_credential(headers: Mapping[str, str], _query: Mapping[str, str]) -> str | None:
    """Take the key from ``Authorization: Bearer``."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def dump_problem(problem: Problem, _request_id: str, _retry_s: float | None) -> bytes:
    """Write OpenAI's error body; a list of details stands alone, as Mistral writes it."""
    if problem.details:
        return dump_json({"detail": list(problem.details)})
    if problem.kind in FLAT_KINDS:
        flat = build_error(problem) | {"object": "error", "raw_status_code": problem.status}
        return dump_json(flat)
    return dump_json({"error": build_error(problem)}, pretty=True)


def build_error(problem: Problem) -> Json:
    """Build the object inside OpenAI's error body."""
    return {
        "message": problem.message,
        "type": problem.kind,
        "param": problem.param,
        "code": problem.code,
    }


def dump_chunk(value: object) -> bytes:
    """Write one unnamed event, as the chat and completion streams have them."""
    return b"data: " + dump_json(value) + b"\n\n"


def dump_error_event(_body: bytes, problem: Problem, _number: int) -> bytes:
    """Write an error as an event of a chat or completion stream."""
    return dump_chunk({"error": build_error(problem)})


def build_headers(request_id: str, serial: int) -> dict[str, str]:
    """Build the headers that OpenAI adds to every answer."""
    return {
        "x-request-id": request_id,
        "openai-organization": "simulated",
        "openai-processing-ms": "7",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-requests": str(max(0, 9999 - serial)),
        "x-ratelimit-remaining-tokens": "1999900",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "3ms",
    }


VENDOR = Vendor(
    name="openai",
    find_credential=find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
)


def find_problem(
    inquiry: Inquiry, required: Mapping[str, tuple[type | tuple[type, ...], str]]
) -> Problem | None:
    """Find what a body lacks: the model, then each required field (its types, their words)."""
    if not isinstance(inquiry.body.get("model"), str) or not inquiry.model:
        return VENDOR.build_problem("model-missing")
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    for name, (types, wanted) in required.items():
        value: Any = inquiry.body.get(name)
        if value is None:
            return VENDOR.build_problem("missing", name=name)
        if not isinstance(value, types):
            return VENDOR.build_problem("wrong-type", name=name, wanted=wanted)
        if value == []:
            return VENDOR.build_problem("empty", name=name)
    return None


def list_models(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /v1/models``."""
    listed = [_build_model(name) for name in MODELS]
    return Reply((dump_json({"object": "list", "data": listed}, pretty=True),))


def get_model(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``GET /v1/models/{id}``."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return Reply((dump_json(_build_model(inquiry.model), pretty=True),))


def _build_model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED_AT, "owned_by": "system"}
