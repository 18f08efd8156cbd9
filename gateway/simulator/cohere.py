"""Cohere as a vendor: credential, errors and headers, shared by its routes.

Formats: Cohere's published API reference (v2) and recorded answers, 2026-11.

Rule: an error body is ``{"id", "message"}``, whatever the status.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.simulator import openai
from gateway.simulator.exchange import (
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Problem,
    Vendor,
    build_digest,
    dump_json,
)

MODELS = ("command-a-03-2025", "command-r7b-12-2024", "embed-v4.0")

_NO_MODEL = (
    "model '{model}' not found, make sure the correct model ID was used and that you have access "
    "to the model."
)
_CONTEXT = "too many tokens: size limit exceeded by 1371 tokens. Try using shorter or fewer inputs."
_TRIAL = "You are using a Trial key, which is limited to 20 API calls / minute."
_KINDLESS = ""

PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(401, _KINDLESS, "invalid api token"),
    "no-key": Problem(401, _KINDLESS, "no api key supplied"),
    "no-model": Problem(404, _KINDLESS, _NO_MODEL),
    "no-route": Problem(404, _KINDLESS, "404 page not found"),
    "quota": Problem(429, _KINDLESS, _TRIAL),
    "context": Problem(400, _KINDLESS, _CONTEXT),
    "policy": Problem(400, _KINDLESS, "The request was blocked by the safety policy."),
    "bad-json": Problem(400, _KINDLESS, "invalid json syntax"),
    "bad-fault": Problem(400, _KINDLESS, "{detail}"),
    "invalid": Problem(400, _KINDLESS, "invalid request: {detail}"),
    "unprocessable": Problem(422, _KINDLESS, "{detail}"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, _KINDLESS, "invalid request: the request is not valid"),
    401: Problem(401, _KINDLESS, "invalid api token"),
    403: Problem(403, _KINDLESS, "you are not allowed to use this resource"),
    404: Problem(404, _KINDLESS, "the resource was not found"),
    422: Problem(422, _KINDLESS, "the request cannot be processed"),
    429: Problem(429, _KINDLESS, "Please wait and try again later"),
    498: Problem(498, _KINDLESS, "invalid token"),
    499: Problem(499, _KINDLESS, "request cancelled"),
    500: Problem(500, _KINDLESS, "internal server error"),
    503: Problem(503, _KINDLESS, "service unavailable"),
    504: Problem(504, _KINDLESS, "gateway timeout"),
}


def dump_problem(problem: Problem, request_id: str, _retry_s: float | None) -> bytes:
    """Write Cohere's error body."""
    return dump_json({"id": build_id(request_id), "message": problem.message})


def build_id(source: str) -> str:
    """Build an id in the form of a UUID."""
    digits = build_digest(source)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def dump_event(event: dict[str, object]) -> bytes:
    """Write one event, named by its type."""
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), dump_json(event))


def dump_error_event(_body: bytes, problem: Problem, _number: int) -> bytes:
    """Write an error as the end of a stream: Cohere has no other event for it."""
    delta = {"finish_reason": "ERROR", "error": problem.message, "usage": None}
    return dump_event({"type": "message-end", "delta": delta})


def build_headers(request_id: str, _serial: int) -> dict[str, str]:
    """Build the headers that Cohere adds to every answer."""
    return {"x-debug-trace-id": build_digest(request_id)[:32], "x-envoy-upstream-service-time": "7"}


VENDOR = Vendor(
    name="cohere",
    find_credential=openai.find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
)


def find_model_problem(inquiry: Inquiry) -> Problem | None:
    """Find out whether the model is missing or unknown."""
    if not isinstance(inquiry.body.get("model"), str) or not inquiry.model:
        return VENDOR.build_problem("invalid", detail="model is required")
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return None
