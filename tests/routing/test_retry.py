from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CredentialRejectedError, QuotaExhaustedError, UpstreamRedirectError
from gateway.routing import classify_answer, parse_retry_after
from gateway.routing.failure_classes import CLASSES

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded"
NOW_S = 1_760_000_000.0


def error(**fields: Any) -> bytes:
    return orjson.dumps({"error": fields})


INVALID = {"type": "invalid_request_error"}
NOT_A_MODEL = "The model `x` does not exist or you do not have access to it."

CASES: list[tuple[str, int, bytes, str]] = [
    ("openai", 200, b'{"error": {"code": "model_not_found"}}', "ok"),
    ("openai", 302, b"", "redirect"),
    ("openai", 400, error(**INVALID, message="bad"), "client_fault"),
    ("openai", 409, b"", "client_fault"),
    ("openai", 413, b"", "client_fault"),
    ("openai", 422, b'{"detail": [{"loc": []}]}', "client_fault"),
    ("openai", 401, error(code="invalid_api_key", message="no"), "credential_rejected"),
    ("openai", 403, error(code="account_deactivated", message="no"), "credential_rejected"),
    ("openai_compatible", 401, b'{"detail": "Unauthorized"}', "credential_rejected"),
    ("openai_compatible", 403, b"<html>", "blocked"),
    ("openai_compatible", 401, b"<html>", "credential_rejected"),
    ("openai", 402, b"", "quota_exhausted"),
    ("openai", 429, error(type="insufficient_quota", code="insufficient_quota"), "quota_exhausted"),
    ("openai", 429, error(type="tokens", code="rate_limit_exceeded"), "rate_limited"),
    ("openai", 429, b"slow down", "rate_limited"),
    (
        "anthropic",
        400,
        error(**INVALID, message="Your credit balance is too low to access the Anthropic API."),
        "quota_exhausted",
    ),
    ("anthropic", 403, error(type="permission_error", message="no"), "credential_rejected"),
    (
        "anthropic",
        404,
        error(type="not_found_error", message="model: claude-x"),
        "model_unavailable",
    ),
    ("anthropic", 404, error(type="not_found_error", message="Not found"), "client_fault"),
    ("anthropic", 529, error(type="overloaded_error"), "overloaded"),
    (
        "gemini",
        400,
        error(code=400, status="INVALID_ARGUMENT", message="Bad schema"),
        "client_fault",
    ),
    (
        "gemini",
        400,
        error(code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]),
        "credential_rejected",
    ),
    ("openai", 400, error(message="API key not valid, said the user"), "client_fault"),
    ("gemini", 404, error(message="models/x is not found for API version v1"), "model_unavailable"),
    (
        "gemini",
        403,
        error(message="You do not have permission to access the File x"),
        "client_fault",
    ),
    ("gemini", 429, error(status="RESOURCE_EXHAUSTED"), "rate_limited"),
    ("openai", 404, error(code="model_not_found", message=NOT_A_MODEL), "model_unavailable"),
    (
        "openai",
        403,
        error(code="model_not_found", message="Project has no access"),
        "model_unavailable",
    ),
    ("openai_compatible", 404, error(message="The model `x` does not exist."), "model_unavailable"),
    (
        "openai_compatible",
        404,
        error(message="model 'x' not found, try pulling"),
        "model_unavailable",
    ),
    ("openai_compatible", 400, error(code="model_decommissioned"), "model_unavailable"),
    ("openai", 404, error(message="The file 'model.txt' was not found in x"), "client_fault"),
    ("openai", 404, error(message="Previous response with id 'r' not found."), "client_fault"),
    ("openai", 400, error(**INVALID, message=NOT_A_MODEL), "client_fault"),
    ("openai", 404, b"404 page not found", "client_fault"),
    ("openai", 400, error(code="context_length_exceeded"), "context_window_exceeded"),
    (
        "anthropic",
        400,
        error(**INVALID, message="prompt is too long: 9 > 8"),
        "context_window_exceeded",
    ),
    ("openai", 400, error(code="content_policy_violation"), "content_policy"),
    (
        "openai_compatible",
        403,
        error(message="X requires moderation. Your input was flagged"),
        "content_policy",
    ),
    ("openai", 408, b"", "request_timeout"),
    ("openai", 500, b"", "server_error"),
    ("openai", 502, b"<html>", "server_error"),
    ("openai", 503, b"", "overloaded"),
    ("openai", 504, b"", "server_error"),
    (
        "openai",
        400,
        error(code=["x"], type={"a": 1}, message=7, details=["x", None]),
        "client_fault",
    ),
    ("openai", 400, b'{"error": "words"}', "client_fault"),
    ("openai", 400, b"[]", "client_fault"),
]


@pytest.mark.parametrize(("provider", "status", "body", "kind"), CASES)
def test_outcomes(provider: str, status: int, body: bytes, kind: str) -> None:
    assert classify_answer(provider, status, body).kind == kind


@pytest.mark.parametrize(
    ("status", "body", "next_target", "pass_on", "shown"),
    [
        (200, b"", False, True, None),
        (301, b"", True, False, UpstreamRedirectError),
        (401, b"", True, False, CredentialRejectedError),
        (402, b"", True, False, QuotaExhaustedError),
        (400, b"", False, True, None),
        (404, error(code="model_not_found"), True, True, None),
        (408, b"", True, True, None),
        (429, b"", True, True, None),
        (500, b"", True, True, None),
        (503, b"", True, True, None),
    ],
)
def test_what_the_client_gets(
    status: int, body: bytes, next_target: bool, pass_on: bool, shown: type | None
) -> None:
    decision = classify_answer("openai", status, body)
    assert (decision.next_target, decision.pass_on, decision.error) == (next_target, pass_on, shown)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                sorted(
                    {"error", "response", "message", "code", "type", "status", "details"}
                    | {"reason", "metadata", "violations", "quotaId", "innererror", "headers"}
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["openai", "anthropic", "gemini", "openai_compatible", "unknown"]),
    st.integers(100, 999),
    st.binary(max_size=60)
    | st.text().map(lambda text: error(message=text))
    | ANYTHING.map(lambda value: json.dumps(value).encode()),
)
def test_any_answer_has_a_class(provider: str, status: int, body: bytes) -> None:
    assert classify_answer(provider, status, body) in CLASSES


def test_no_class_hides_an_answer_without_an_error_in_its_place() -> None:
    assert all(decision.pass_on == (decision.error is None) for decision in CLASSES)
    assert len({decision.kind for decision in CLASSES}) == len(CLASSES)


def test_an_error_within_a_failed_response_is_read() -> None:
    event = orjson.dumps(
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "insufficient_quota"}},
        }
    )
    assert classify_answer("openai", 429, event).kind == "quota_exhausted"


# Of the recorded errors, those that their status alone does not tell.
RECORDED_KINDS = {
    ("deepseek", "x03-completions-400"): "context_window_exceeded",
    ("openrouter", "x03-completions-400"): "context_window_exceeded",
    ("openai_responses", "x03-responses-400"): "model_unavailable",
}
KIND_OF_STATUS = {
    400: "client_fault",
    401: "credential_rejected",
    404: "model_unavailable",
    429: "rate_limited",
}
PROVIDER_OF_FOLDER = {"anthropic": "anthropic", "gemini": "gemini"}


def iter_recorded_errors() -> list[Any]:
    if not RECORDED.is_dir():
        reason = pytest.mark.skip(reason="the recorded exchanges are not beside the checkout")
        return [pytest.param(None, marks=reason)]
    exchanges = json.loads((RECORDED / "manifest.json").read_bytes())
    return [
        pytest.param(exchange, id=f"{exchange['provider']}/{exchange['id']}")
        for exchange in exchanges
        if exchange["status"] and exchange["status"] >= 400
    ]


@pytest.mark.parametrize("exchange", iter_recorded_errors())
def test_recorded_errors(exchange: dict[str, Any]) -> None:
    folder, name, status = exchange["provider"], exchange["id"], exchange["status"]
    body = (RECORDED / folder / f"{name}.response.json").read_bytes()
    default = "openai" if folder.startswith("openai") else "openai_compatible"
    decision = classify_answer(PROVIDER_OF_FOLDER.get(folder, default), status, body)
    assert decision.kind == RECORDED_KINDS.get((folder, name), KIND_OF_STATUS[status])


RETRY_INFO = error(
    details=[
        {"@type": "type.googleapis.com/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48.9s"},
    ]
)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b"", None),
        ({"retry-after": "7"}, b"", 7.0),
        ({"retry-after": "0.5"}, b"", 0.5),
        ({"retry-after": "0"}, b"", 0.0),
        ({"retry-after": "-3"}, b"", 0.0),
        ({"retry-after": "1e300"}, b"", 3_600.0),
        ({"retry-after": "inf"}, b"", None),
        ({"retry-after": "nan"}, b"", None),
        ({"retry-after": "soon"}, b"", None),
        ({"retry-after": formatdate(NOW_S + 90, usegmt=True)}, b"", 90.0),
        ({"retry-after": formatdate(NOW_S - 90, usegmt=True)}, b"", 0.0),
        ({"retry-after": "Wed, 99 Foo 2026 00:00:00 GMT"}, b"", None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, b"", 1.5),
        ({"retry-after-ms": "0", "retry-after": "1"}, b"", 1.0),
        ({"x-ms-retry-after-ms": "2500", "retry-after": "9"}, b"", 2.5),
        ({"retry-after-ms": "x"}, RETRY_INFO, 48.9),
        ({}, RETRY_INFO, 48.9),
        ({}, b"[" + RETRY_INFO + b"]", 48.9),
        ({"retry-after": "3"}, RETRY_INFO, 3.0),
        ({}, error(details=[{"retryDelay": "never"}, {"retryDelay": 7}]), None),
        ({}, error(details="x"), None),
    ],
)
def test_when_to_ask_again(headers: dict[str, str], body: bytes, expected: float | None) -> None:
    assert parse_retry_after(headers, body, NOW_S) == expected


@given(st.text(max_size=30), st.binary(max_size=30))
def test_no_hint_breaks_the_parser(text: str, body: bytes) -> None:
    delay_s = parse_retry_after({"retry-after": text, "retry-after-ms": text}, body, NOW_S)
    assert delay_s is None or 0 <= delay_s <= 3_600
