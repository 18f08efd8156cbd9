"""What OpenAI's formats share: counts, error bodies, statuses of errors in streams.

Source: OpenAI's published OpenAPI description and error guide; recorded traffic of
compatible servers for the variants.

Rule: `code` is always ours and stable; `type` is the vendor's word for the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.spec import (
    StreamFailure,
    Usage,
    build_counts,
    dump_json,
    load_last,
    load_part,
    read_object,
)
from gateway.errors import LockgateError, QuotaExhaustedError

VENDOR: Final = "openai"

# What counts are called: input, its details, output, its details.
_CHAT_NAMES: Final = (
    "prompt_tokens",
    "prompt_tokens_details",
    "completion_tokens",
    "completion_tokens_details",
)
_RESPONSES_NAMES: Final = (
    "input_tokens",
    "input_tokens_details",
    "output_tokens",
    "output_tokens_details",
)
_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_SERVER_ERRORS: Final = range(500, 600)
_ERROR_STATUSES: Final = range(400, 600)

# Words that stand in an error event's code or type, and the status they come with otherwise.
_STATUS_OF_WORD: Final[Mapping[str, int]] = {
    **dict.fromkeys(("invalid_request_error", "invalid_prompt", "context_length_exceeded"), 400),
    **dict.fromkeys(("content_filter", "content_policy_violation", "BadRequestError"), 400),
    **dict.fromkeys(("authentication_error", "invalid_api_key"), 401),
    **dict.fromkeys(("permission_error", "permission_denied"), 403),
    **dict.fromkeys(("model_not_found", "not_found_error", "NotFoundError"), 404),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "insufficient_quota"), 429),
    **dict.fromkeys(("tokens", "requests", "too_many_requests"), 429),
    **dict.fromkeys(("server_error", "internal_server_error", "internal_error"), 500),
    **dict.fromkeys(("api_error", "InternalServerError"), 500),
    **dict.fromkeys(("overloaded", "overloaded_error", "engine_overloaded"), 503),
    **dict.fromkeys(("service_unavailable", "service_unavailable_error"), 503),
    **dict.fromkeys(("timeout", "timeout_error", "vector_store_timeout"), 504),
}


def parse_usage(body: bytes) -> Usage | None:
    """Read the counts of a whole answer of any OpenAI format."""
    usage = load_last(body, b'"usage":')
    return build_usage(load_part(body, b"usage") if usage is None else {"usage": usage})


def build_usage(answer: Mapping[str, Any]) -> Usage | None:
    """Read the counts out of an answer, a stream chunk or a Responses object.

    Chat and embeddings say prompt and completion, Responses says input and output; Groq's
    streams put theirs under `x_groq`.
    """
    usage = read_object(answer, "usage") or read_object(read_object(answer, "x_groq"), "usage")
    if not usage:
        return None
    names = _CHAT_NAMES if "prompt_tokens" in usage else _RESPONSES_NAMES
    given = read_object(usage, names[1])
    made = read_object(usage, names[3])
    return build_counts(
        usage.get(names[0]),
        usage.get(names[2]),
        given.get("cached_tokens"),
        given.get("cache_write_tokens"),
        made.get("reasoning_tokens"),
    )


def build_error(error: LockgateError) -> dict[str, Any]:
    """Build the object that stands under ``error``."""
    if isinstance(error, QuotaExhaustedError):
        kind = "insufficient_quota"
    elif error.status in _SERVER_ERRORS:
        kind = "server_error"
    else:
        kind = _TYPES.get(error.status, "invalid_request_error")
    return {"message": error.detail, "type": kind, "param": error.field, "code": error.code}


def dump_error(error: LockgateError, request_id: str) -> bytes:  # noqa: ARG001 - in a header here
    """Return the error body."""
    return dump_json({"error": build_error(error)})


def find_failure(value: Mapping[str, Any], data: bytes) -> StreamFailure | None:
    """Return the failure that an answer or a chunk reports, if it reports one."""
    error = value.get("error")
    if error is None and value.get("object") == "error":  # Mistral's and old vLLM's shape
        error = value
    return build_failure(error, data) if error else None


def build_failure(error: Any, data: bytes) -> StreamFailure:
    """Read what stands under ``error`` in an event: an object, or plain text (Ollama)."""
    if not isinstance(error, dict):
        return StreamFailure(None, "error", str(error), data)
    code, kind = error.get("code"), error.get("type")
    message = error.get("message")
    return StreamFailure(
        status=_find_status(code) or _find_status(kind),
        code=str(code or kind or "error"),
        message=message if isinstance(message, str) else "",
        body=data,
    )


def _find_status(word: object) -> int | None:
    """Return the status that a code is (503, "503") or stands for."""
    if isinstance(word, str) and word.isascii() and word.isdigit():
        word = int(word[:4])
    if isinstance(word, int):
        return word if word in _ERROR_STATUSES else None
    return _STATUS_OF_WORD.get(word) if isinstance(word, str) else None
