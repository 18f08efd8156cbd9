"""Gemini as a vendor: credential, errors, headers and models.

Formats: Google's published API reference (generativelanguage v1 and v1beta) and recorded
answers, 2026-11.

Rule: an error body is ``{"error": {code, message, status, details}}``; a wrong key is a 400 with
reason API_KEY_INVALID; the retry hint is a RetryInfo in the body, never a header.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.simulator.exchange import (
    UNKNOWN_MODEL_PREFIX,
    Inquiry,
    Json,
    Problem,
    Reply,
    Vendor,
    dump_json,
)
from gateway.simulator.faults import dump_seconds

JSON = "application/json; charset=UTF-8"
MODELS = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001")

_TYPES = "type.googleapis.com/google.rpc."
_INVALID = "INVALID_ARGUMENT"
_NO_MODEL = (
    "models/{model} is not found for API version {version}, or is not supported for {action}. "
    "Call ListModels to see the list of available models and their supported methods."
)
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please "
    "use API Key or other form of API consumer identity to call this API."
)
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_CONTEXT = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
_BUSY = "The model is overloaded. Please try again later."

PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(
        400, _INVALID, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"
    ),
    "no-key": Problem(403, "PERMISSION_DENIED", _NO_KEY),
    "no-model": Problem(404, "NOT_FOUND", _NO_MODEL),
    "no-route": Problem(404, "NOT_FOUND", "Requested entity was not found."),
    "quota": Problem(429, "RESOURCE_EXHAUSTED", _QUOTA),
    "context": Problem(400, _INVALID, _CONTEXT),
    "policy": Problem(400, _INVALID, "The prompt was blocked by the safety policy."),
    "bad-json": Problem(400, _INVALID, "Invalid JSON payload received."),
    "bad-fault": Problem(400, _INVALID, "{detail}"),
    "missing": Problem(400, _INVALID, "* GenerateContentRequest.{name}: {name} is not specified\n"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, _INVALID, "Request contains an invalid argument."),
    401: Problem(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: Problem(403, "PERMISSION_DENIED", "The caller does not have permission."),
    404: Problem(404, "NOT_FOUND", "Requested entity was not found."),
    429: Problem(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    499: Problem(499, "CANCELLED", "The operation was cancelled."),
    500: Problem(500, "INTERNAL", "An internal error has occurred. Please retry."),
    503: Problem(503, "UNAVAILABLE", _BUSY),
    504: Problem(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}


def find_credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Take the key from ``x-goog-api-key`` or the query's ``key``."""
    return headers.get("x-goog-api-key") or query.get("key")


def dump_problem(problem: Problem, _request_id: str, retry_s: float | None) -> bytes:
    """Write Gemini's error body."""
    return dump_json({"error": build_error(problem, retry_s)}, pretty=True)


def build_error(problem: Problem, retry_s: float | None) -> Json:
    """Build the object inside Gemini's error body (google.rpc.Status)."""
    details: list[Json] = []
    if problem.code is not None:
        facts = {"reason": problem.code, "domain": "googleapis.com"}
        details.append({"@type": f"{_TYPES}ErrorInfo", **facts})
    if retry_s is not None:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{dump_seconds(retry_s)}s"})
    error: Json = {
        "code": problem.status,
        "message": problem.message,
        "status": problem.kind,
    }
    return error | {"details": details} if details else error


def dump_error_event(body: bytes, _problem: Problem, _number: int) -> bytes:
    """Write an error as an event of an SSE stream; its data is the error body."""
    lines = b" ".join(line.strip() for line in body.splitlines())
    return b"data: " + lines + b"\r\n\r\n"


def dump_error_item(body: bytes, _problem: Problem, number: int) -> bytes:
    """Write an error as the last item of a stream that is a JSON array."""
    return (b",\r\n" if number else b"[") + body + b"]"


def build_headers(_request_id: str, _serial: int) -> dict[str, str]:
    """Build the headers that Gemini adds to every answer; it names no request id."""
    return {
        "server": "scaffolding on HTTPServer2",
        "server-timing": "gfet4t7; dur=7",
        "vary": "Origin, X-Origin, Referer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "x-xss-protection": "0",
    }


VENDOR = Vendor(
    name="gemini",
    find_credential=find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
    retry_hint_in_body=True,
    content_type=JSON,
)


def find_model_problem(inquiry: Inquiry) -> Problem | None:
    """Find out whether the model is unknown; the sentence names the action and version."""
    if not inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return None
    return VENDOR.build_problem(
        "no-model", model=inquiry.model, version=inquiry.version, action=inquiry.action or "get"
    )


def list_models(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /{version}/models``."""
    page = {"models": [_build_model(name) for name in MODELS]}
    return Reply((dump_json(page, pretty=True),), content_type=JSON)


def get_model(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``GET /{version}/models/{id}``."""
    problem = find_model_problem(inquiry)
    if problem is not None:
        return problem
    return Reply((dump_json(_build_model(inquiry.model), pretty=True),), content_type=JSON)


def _build_model(name: str) -> Json:
    methods = ["embedContent"] if "embedding" in name else ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "description": "A simulated model.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }
