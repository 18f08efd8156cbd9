"""Each row decides at least one answer that its provider is known to give, shortened."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from gateway.errors import (
    LockgateError,
    UpstreamConnectError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamResetError,
    UpstreamStaleError,
)
from gateway.routing.failure_classes import CLASSES
from gateway.routing.failure_rows import FAULTS, ROWS
from gateway.routing.health import Blame
from gateway.routing.retry import blame_error, classify_answer, find_row


def error(message: str = "", **fields: Any) -> bytes:
    return orjson.dumps({"error": {"message": message, **fields}})


def google(status: int, name: str, message: str, *details: dict[str, Any]) -> bytes:
    kind = "type.googleapis.com/google.rpc."
    spelled = [{"@type": kind + "ErrorInfo", **detail} for detail in details]
    return error(message, code=status, status=name, details=spelled)


INVALID = {"type": "invalid_request_error"}
TOKENS = {"type": "tokens", "code": "rate_limit_exceeded"}
PAGE = b'<!DOCTYPE html>\n<html lang="en-US"><head><title>Attention Required! | Cloudflare</title>'
EXCEEDED = "You exceeded your current quota, please check your plan and billing details. "
METRIC = "\n* Quota exceeded for metric: example.com/generate_content_free_tier_requests, limit: "

CASES: list[tuple[str, int, bytes, str]] = [
    ("openai", 200, b"{}", "ok"),
    ("openai", 307, b"", "redirect"),
    # --- this one request is too much for the account ---
    (
        "openai_compatible",
        402,
        error(
            "This request would exceed your available credits given your current requests.",
            code=402,
            metadata={
                "reason": "in_flight_budget_exhausted",
                "limit_source": "openrouter_in_flight_budget",
            },
        ),
        "rate_limited",
    ),
    (
        "openai_compatible",
        402,
        error(
            "Too expensive.",
            code=402,
            metadata={"reason": "weight_exceeds_budget", "limit_source": "openrouter_credits"},
        ),
        "exceeds_allowance",
    ),
    (
        "openai_compatible",
        402,
        error("This request requires more credits, or fewer max_tokens. You requested up to 9"),
        "exceeds_allowance",
    ),
    (
        "openai",
        429,
        error(
            "Request too large for gpt-4o in organization o on tokens per min (TPM): "
            "Limit 30000, Requested 36278. The input or output tokens must be reduced.",
            **TOKENS,
        ),
        "exceeds_allowance",
    ),
    (
        "openai_compatible",
        413,
        error("Request too large for model `llama` on tokens per minute (TPM)", **TOKENS),
        "exceeds_allowance",
    ),
    (
        "anthropic",
        429,
        error("Extra usage is required for long context requests.", type="rate_limit_error"),
        "exceeds_allowance",
    ),
    # --- the account has nothing left ---
    ("openai", 429, error(EXCEEDED, type="insufficient_quota", code=None), "quota_exhausted"),
    (
        "openai",
        429,
        error(type="insufficient_quota", code="project_spend_limit_exceeded"),
        "quota_exhausted",
    ),
    ("openai", 502, error(code="credit_balance_exhausted"), "quota_exhausted"),
    (
        "openai",
        429,
        error("Your account is not active", code="billing_not_active"),
        "quota_exhausted",
    ),
    ("openai_compatible", 401, error(EXCEEDED, type="insufficient_quota"), "quota_exhausted"),
    ("anthropic", 402, error("Payment is due", type="billing_error"), "quota_exhausted"),
    (
        "anthropic",
        429,
        error(
            "Your organization has reached its monthly limit",
            type="rate_limit_error",
            details={"error_code": "enforced_spend_limit_reached"},
        ),
        "quota_exhausted",
    ),
    (
        "anthropic",
        400,
        error("Your credit balance is too low to access the Anthropic API.", **INVALID),
        "quota_exhausted",
    ),
    (
        "anthropic",
        400,
        error("You have reached your specified API usage limits. You will regain", **INVALID),
        "quota_exhausted",
    ),
    (
        "anthropic",
        400,
        error("You have reached your specified workspace API usage limits.", **INVALID),
        "quota_exhausted",
    ),
    (
        "gemini",
        429,
        google(
            429,
            "RESOURCE_EXHAUSTED",
            EXCEEDED + METRIC + "20, model: gemini-2.5-flash\nPlease retry in 58.8s.",
            {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"retryDelay": "58s"},
        ),
        "quota_exhausted",
    ),
    (
        "gemini",
        429,
        google(429, "RESOURCE_EXHAUSTED", EXCEEDED + METRIC + "0, model: gemini-3-pro"),
        "quota_exhausted",
    ),
    (
        "gemini",
        429,
        google(
            429,
            "RESOURCE_EXHAUSTED",
            EXCEEDED + METRIC + "15, model: gemini-2.5-flash",
            {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},
        ),
        "rate_limited",
    ),
    (
        "gemini",
        403,
        google(403, "PERMISSION_DENIED", "Off", {"reason": "BILLING_DISABLED"}),
        "quota_exhausted",
    ),
    (
        "gemini",
        400,
        google(
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing",
        ),
        "quota_exhausted",
    ),
    (
        "openai_compatible",
        403,
        error("Key limit exceeded", code=403, metadata={"limit_source": "openrouter_key_limit"}),
        "quota_exhausted",
    ),
    (
        "openai_compatible",
        429,
        error("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock", code=429),
        "quota_exhausted",
    ),
    (
        "openai_compatible",
        403,
        (
            b'{"code":"The caller does not have permission","error":"Your team 16f2151a has either '
            b'used all available credits or reached its monthly spending limit."}'
        ),
        "quota_exhausted",
    ),
    (
        "openai_compatible",
        412,
        error("Account example is suspended, possibly due to", code="PRECONDITION_FAILED"),
        "quota_exhausted",
    ),
    # --- the model is not there, or not for us ---
    ("openai", 400, error("The requested model 'x'", code="model_not_found"), "model_unavailable"),
    ("openai_compatible", 400, error(code="model_decommissioned"), "model_unavailable"),
    ("openai", 403, error(code="unsupported_country_region_territory"), "model_unavailable"),
    ("openai_compatible", 404, error(code="DeploymentNotFound"), "model_unavailable"),
    (
        "openai_compatible",
        400,
        b'{"object":"error","message":"Invalid model: x","type":"invalid_model","code":"1500"}',
        "model_unavailable",
    ),
    ("anthropic", 404, error("model: claude-x", type="not_found_error"), "model_unavailable"),
    (
        "gemini",
        404,
        google(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
        "model_unavailable",
    ),
    (
        "gemini",
        400,
        google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        "model_unavailable",
    ),
    (
        "openai_compatible",
        403,
        b'{"message":"You don\'t have access to the model with the specified model ID."}',
        "model_unavailable",
    ),
    (
        "openai_compatible",
        404,
        error('model "x" not found, try pulling it first'),
        "model_unavailable",
    ),
    (
        "openai",
        403,
        error("Your organization must be verified to use the model `gpt-5`. Please go to"),
        "model_unavailable",
    ),
    # --- refused for what the request holds ---
    (
        "gemini",
        403,
        google(403, "PERMISSION_DENIED", "You do not have permission to access the File x or it"),
        "client_fault",
    ),
    ("openai", 400, error("Rejected", code="moderation_blocked"), "content_policy"),
    (
        "openai",
        400,
        error("Invalid prompt: your prompt was flagged as potentially", code="invalid_prompt"),
        "content_policy",
    ),
    ("openai_compatible", 400, error("Bad role", code="invalid_prompt"), "client_fault"),
    (
        "openai_compatible",
        400,
        error(
            "The response was filtered",
            code="x",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        "content_policy",
    ),
    (
        "openai_compatible",
        403,
        error(
            "Request blocked: prompt injection patterns detected",
            code=403,
            metadata={"patterns": ["ignore all previous instructions"]},
        ),
        "content_policy",
    ),
    ("openai_compatible", 400, error("Content Exists Risk", **INVALID), "content_policy"),
    (
        "anthropic",
        400,
        error("Output blocked by content filtering policy", **INVALID),
        "content_policy",
    ),
    ("openai", 400, error(code="context_length_exceeded"), "context_window_exceeded"),
    (
        "openai_compatible",
        500,
        error("Context size has been exceeded.", type="server_error"),
        "context_window_exceeded",
    ),
    (
        "openai_compatible",
        400,
        error("request (9 tokens) exceeds", type="exceed_context_size_error"),
        "context_window_exceeded",
    ),
    (
        "openai_compatible",
        403,
        error("Input token count + `max_tokens` parameter must be less than the context length"),
        "context_window_exceeded",
    ),
    (
        "openai_compatible",
        400,
        error("Prompt contains 300000 tokens, too large for model with 131072 maximum context"),
        "context_window_exceeded",
    ),
    (
        "anthropic",
        400,
        error("input length and `max_tokens` exceed context limit: 178959 + 64000", **INVALID),
        "context_window_exceeded",
    ),
    (
        "openai_compatible",
        400,
        (
            b'{"message":"The model returned the following errors: Input is too long for requested '
            b'model."}'
        ),
        "context_window_exceeded",
    ),
    (
        "gemini",
        400,
        google(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of"),
        "context_window_exceeded",
    ),
    ("openai_compatible", 403, PAGE, "blocked"),
    # --- the credential ---
    (
        "openai",
        401,
        error("You have insufficient permissions for this operation. Missing scopes: x", code=None),
        "operation_forbidden",
    ),
    (
        "openai_compatible",
        400,
        google(400, "INVALID_ARGUMENT", "No", {"reason": "API_KEY_INVALID"}),
        "credential_rejected",
    ),
    (
        "gemini",
        400,
        google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "credential_rejected",
    ),
    (
        "anthropic",
        400,
        error("This organization has been disabled.", **INVALID),
        "credential_rejected",
    ),
    (
        "openai_compatible",
        400,
        b'{"code":"x","error":"Incorrect API key provided: na***ys. You can obtain an API key"}',
        "credential_rejected",
    ),
    (
        "openai",
        429,
        error("Your access was terminated due to violation of our policies"),
        "credential_rejected",
    ),
    # --- no room ---
    ("openai_compatible", 498, error(code="capacity_exceeded"), "overloaded"),
    (
        "openai_compatible",
        429,
        (
            b'{"object":"error","message":"Service tier capacity exceeded for this model.",'
            b'"type":"invalid_request_error","param":null,"code":null}'
        ),
        "overloaded",
    ),
    ("gemini", 429, error("No capacity available for model x on the server"), "overloaded"),
    # --- statuses alone ---
    (
        "openai",
        401,
        error("Incorrect API key provided", code="invalid_api_key"),
        "credential_rejected",
    ),
    ("openai_compatible", 403, error(code="AuthenticationTypeDisabled"), "credential_rejected"),
    (
        "gemini",
        403,
        google(403, "PERMISSION_DENIED", "Consumer", {"reason": "CONSUMER_SUSPENDED"}),
        "credential_rejected",
    ),
    ("openai_compatible", 402, error("Insufficient Balance"), "quota_exhausted"),
    ("openai_compatible", 408, error(code=408), "request_timeout"),
    ("gemini", 499, google(499, "CANCELLED", "The operation was cancelled."), "request_timeout"),
    ("openai", 429, error("Rate limit reached for gpt-4o", **TOKENS), "rate_limited"),
    ("openai", 429, error("Slow down", type="rate_limit_error", code="slow_down"), "rate_limited"),
    ("anthropic", 529, error("Overloaded", type="overloaded_error"), "overloaded"),
    ("gemini", 503, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"),
    ("openai_compatible", 501, error("This server does not support embeddings"), "unsupported"),
    ("anthropic", 504, error("Timed out", type="timeout_error"), "server_error"),
    ("openai_compatible", 522, PAGE, "server_error"),
    ("anthropic", 413, error("Too many bytes", type="request_too_large"), "client_fault"),
    ("openai_compatible", 424, error("An MCP server did not answer"), "client_fault"),
    ("openai_compatible", 400, error("No tool call", code="tool_use_failed"), "client_fault"),
]


@pytest.mark.parametrize(("provider", "status", "body", "kind"), CASES)
def test_what_providers_answer(provider: str, status: int, body: bytes, kind: str) -> None:
    assert classify_answer(provider, status, body).kind == kind


def test_no_row_is_dead_and_no_class_is_empty() -> None:
    deciding = {id(find_row(provider, status, body)) for provider, status, body, _ in CASES}
    assert [row for row in ROWS if id(row) not in deciding] == []
    assert {kind for *_, kind in CASES} == {decision.kind for decision in CLASSES}


def read_sentence(body: bytes) -> str:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    nested = value.get("error", value)
    return nested if isinstance(nested, str) else str(nested.get("message", ""))


SENTENCES = sorted({sentence for *_, body, _ in CASES if (sentence := read_sentence(body))})


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "openai_compatible"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_a_client_can_put_into_a_sentence_blames_nobody(provider: str, sentence: str) -> None:
    body = error(f"Invalid value: {sentence}", code="invalid_value", **INVALID)
    decision = classify_answer(provider, 400, body)
    assert decision.kind == "client_fault"


def test_a_row_that_knows_a_status_alone_comes_after_those_that_look_at_the_body() -> None:
    bare = [place for place, row in enumerate(ROWS) if not (row.marks or row.mark or row.phrase)]
    assert bare[:2] == [0, 1]  # the statuses below 400, where nothing is read
    assert bare[2:] == list(range(bare[2], len(ROWS)))


def test_every_row_says_where_it_comes_from() -> None:
    assert all(re.search(r"[a-z]\S*/\S|RFC \d|recorded", row.source) for row in ROWS)


def test_the_faults_agree_with_the_errors() -> None:
    for kind, fault in FAULTS.items():
        assert (fault.kind, fault.next_target) == (kind.code, kind.next_target)


@pytest.mark.parametrize(
    ("fault", "blame"),
    [
        (UpstreamConnectError("x"), Blame.FAILURE),
        (UpstreamMalformedError("x"), Blame.FAILURE),
        (UpstreamResetError("x"), Blame.FAILURE),
        (UpstreamStaleError("x"), Blame.NONE),
        (UpstreamOriginError("x"), Blame.NONE),
        (LockgateError("x"), Blame.NONE),
    ],
)
def test_what_a_fault_says_about_the_target(fault: LockgateError, blame: Blame) -> None:
    assert blame_error(fault) is blame
