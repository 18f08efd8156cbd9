"""Anthropic as a vendor: credential, errors, headers and models.

Formats: Anthropic's published API reference and recorded answers, 2026-11.

Rule: an error body is ``{"type": "error", "error": {type, message}, "request_id"}`` and its
request id is the one in the header.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.simulator import openai
from gateway.simulator.exchange import (
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Json,
    Problem,
    Reply,
    Vendor,
    dump_json,
)

MODELS = ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5")

_INVALID = "invalid_request_error"
_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to "
    "upgrade or purchase credits."
)
_POLICY = "Output blocked by content filtering policy"
_LIMIT = "This request would exceed your organization's rate limit. Please try again later."

PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(401, "authentication_error", "invalid x-api-key"),
    "no-key": Problem(401, "authentication_error", "x-api-key header is required"),
    "no-model": Problem(404, "not_found_error", "model: {model}"),
    "no-route": Problem(404, "not_found_error", "Not found"),
    "quota": Problem(400, _INVALID, _CREDIT),
    "context": Problem(400, _INVALID, "prompt is too long: 208310 tokens > 200000 maximum"),
    "policy": Problem(400, _INVALID, _POLICY),
    "bad-json": Problem(400, _INVALID, "The request body is not valid JSON."),
    "bad-fault": Problem(400, _INVALID, "{detail}"),
    "missing": Problem(400, _INVALID, "{name}: Field required"),
    "wrong-type": Problem(400, _INVALID, "{name}: Input should be {wanted}"),
    "empty": Problem(400, _INVALID, "messages: at least one message is required"),
    "no-version": Problem(400, _INVALID, "anthropic-version: header is required"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, _INVALID, "Your request is not valid."),
    401: Problem(401, "authentication_error", "invalid x-api-key"),
    402: Problem(402, "billing_error", _CREDIT),
    403: Problem(403, "permission_error", "Your API key may not use this resource."),
    404: Problem(404, "not_found_error", "Not found"),
    409: Problem(409, _INVALID, "The resource was changed by another request."),
    413: Problem(413, "request_too_large", "Request exceeds the maximum size"),
    429: Problem(429, "rate_limit_error", _LIMIT),
    500: Problem(500, "api_error", "Internal server error"),
    504: Problem(504, "timeout_error", "Request timed out"),
    529: Problem(529, "overloaded_error", "Overloaded"),
}


def find_credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Take the key from ``x-api-key``, or from the bearer header that newer SDKs send."""
    return headers.get("x-api-key") or openai.find_credential(headers, query)


def dump_problem(problem: Problem, request_id: str, _retry_s: float | None) -> bytes:
    """Write Anthropic's error body."""
    error = {"type": problem.kind, "message": problem.message}
    return dump_json({"type": "error", "error": error, "request_id": request_id})


def dump_error_event(body: bytes, _problem: Problem, _number: int) -> bytes:
    """Write an error as an event of a stream; its data is the error body."""
    return b"event: error\ndata: " + body + b"\n\n"


def build_headers(request_id: str, serial: int) -> dict[str, str]:
    """Build the headers that Anthropic adds to every answer."""
    reset = "2026-11-23T12:00:00Z"
    kinds = {"requests": 4000, "tokens": 480_000, "input-tokens": 400_000, "output-tokens": 80_000}
    headers = {"request-id": request_id, "anthropic-organization-id": "simulated"}
    for kind, limit in kinds.items():
        stem = f"anthropic-ratelimit-{kind}"
        headers[f"{stem}-limit"] = str(limit)
        headers[f"{stem}-remaining"] = str(max(0, limit - 1 - serial))
        headers[f"{stem}-reset"] = reset
    return headers


VENDOR = Vendor(
    name="anthropic",
    find_credential=find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
)


def list_models(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /v1/models`` for a client that sends ``anthropic-version``."""
    page = {
        "data": [_build_model(name) for name in MODELS],
        "has_more": False,
        "first_id": MODELS[0],
        "last_id": MODELS[-1],
    }
    return Reply((dump_json(page),))


def get_model(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``GET /v1/models/{id}`` for a client that sends ``anthropic-version``."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return Reply((dump_json(_build_model(inquiry.model)),))


def _build_model(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
    }
