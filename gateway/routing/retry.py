"""What an upstream's answer means: pass it on, hide it, try another target.

Rule: the outcomes are data. A row that would blame a target for what a client
sent needs a structured mark from the provider, not a phrase that a client could
have put into its request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from gateway.errors import (
    CredentialRejectedError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamRedirectError,
)

_MAX_PARSED_BYTES: Final = 1 << 20  # no provider's error is longer; a longer body is no error
_MAX_RETRY_AFTER_S: Final = 3_600.0  # longer hints are quota windows, not advice to wait
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with an upstream's answer.

    `pass_on`: the client gets status and body unchanged where no target is left; otherwise
    it gets `error`. `kind` is the stable word for ledger and metrics.
    """

    kind: str
    next_target: bool
    pass_on: bool
    error: type[UpstreamError] | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    decision: Decision
    statuses: range | frozenset[int]
    marks: frozenset[str] = frozenset()  # error.code, .type, .status or details[].reason
    message: re.Pattern[str] | None = None
    providers: frozenset[str] = frozenset()  # empty: all

    def fits(self, provider: str, status: int, marks: frozenset[str], message: str) -> bool:
        if status not in self.statuses or (self.providers and provider not in self.providers):
            return False
        if not self.marks and self.message is None:
            return True
        if self.marks & marks:
            return True
        return self.message is not None and self.message.search(message) is not None


OK: Final = Decision("ok", next_target=False, pass_on=True)
REDIRECT: Final = Decision("redirect", True, False, UpstreamRedirectError)
CREDENTIAL_REJECTED: Final = Decision("credential_rejected", True, False, CredentialRejectedError)
QUOTA_EXHAUSTED: Final = Decision("quota_exhausted", True, False, QuotaExhaustedError)
MODEL_UNAVAILABLE: Final = Decision("model_unavailable", next_target=True, pass_on=True)
CONTEXT_WINDOW: Final = Decision("context_window_exceeded", next_target=False, pass_on=True)
CONTENT_POLICY: Final = Decision("content_policy", next_target=False, pass_on=True)
REQUEST_TIMEOUT: Final = Decision("request_timeout", next_target=True, pass_on=True)
RATE_LIMITED: Final = Decision("rate_limited", next_target=True, pass_on=True)
OVERLOADED: Final = Decision("overloaded", next_target=True, pass_on=True)
SERVER_ERROR: Final = Decision("server_error", next_target=True, pass_on=True)
CLIENT_FAULT: Final = Decision("client_fault", next_target=False, pass_on=True)

_CLIENT_ERRORS: Final = range(400, 500)
_NOTHING_READ: Final[tuple[frozenset[str], str]] = (frozenset(), "")
_REFUSALS: Final = frozenset({400, 403, 404, 410, 422})
_GEMINI: Final = frozenset({"gemini"})

# The first row that fits decides. Codes: OpenAI's error guide, Anthropic's errors page,
# google.rpc.Code and ErrorInfo reasons, and recorded answers of compatible servers.
_RULES: Final = (
    _Rule(OK, range(100, 300)),
    _Rule(REDIRECT, range(300, 400)),
    _Rule(QUOTA_EXHAUSTED, frozenset({402})),
    _Rule(
        QUOTA_EXHAUSTED,
        frozenset({400, 403, 429}),
        marks=frozenset(
            {"insufficient_quota", "billing_error", "billing_not_active", "insufficient_balance"}
            | {"billing_hard_limit_reached", "insufficient_user_quota", "BILLING_DISABLED"}
        ),
    ),
    _Rule(
        QUOTA_EXHAUSTED,
        frozenset({400, 403, 429}),
        message=re.compile(r"^Your (credit balance is too low|prepayment credits are depleted)"),
    ),
    _Rule(
        MODEL_UNAVAILABLE,
        _REFUSALS,
        marks=frozenset(
            {"model_not_found", "model_not_available", "model_decommissioned", "model_deprecated"}
            | {"DeploymentNotFound", "invalid_model", "model_not_supported"}
        ),
    ),
    _Rule(
        MODEL_UNAVAILABLE,
        frozenset({403, 404, 410}),
        message=re.compile(
            r"^model: |^models/\S+ is not (found|supported)|^Publisher Model "
            r"|^Project .{0,80}does not have access to model "
            r"|^((The|This) )?(requested )?[Mm]odel\b.{0,300}"
            r"(does not exist|do(es)? not have access|not found|deprecated|decommissioned"
            r"|no longer (available|supported)|not available)"
        ),
    ),
    # Refused for what the request holds, although the status says 403.
    _Rule(CLIENT_FAULT, frozenset({403}), message=re.compile(r"access (to )?the File\b")),
    _Rule(
        CONTENT_POLICY,
        frozenset({400, 403, 422}),
        marks=frozenset(
            {"content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation"}
            | {"cyber_policy_violation", "moderation_blocked", "sensitive_content"}
        ),
    ),
    _Rule(
        CONTENT_POLICY,
        frozenset({403}),
        message=re.compile(r"requires moderation|input was flagged"),
    ),
    _Rule(CREDENTIAL_REJECTED, frozenset({401, 403})),
    _Rule(
        CREDENTIAL_REJECTED,
        frozenset({400}),
        marks=frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"}),
        message=re.compile(r"^API key (not valid|expired)"),
        providers=_GEMINI,
    ),
    _Rule(
        CONTEXT_WINDOW,
        frozenset({400, 413, 422}),
        marks=frozenset({"context_length_exceeded", "context_window_exceeded"}),
        message=re.compile(
            r"maximum context length|^prompt is too long|^input length and `max_tokens` exceed"
            r"|input token count.{0,80}exceeds the maximum|too large for model with \d+ maximum"
        ),
    ),
    _Rule(REQUEST_TIMEOUT, frozenset({408})),
    _Rule(RATE_LIMITED, frozenset({429})),
    _Rule(OVERLOADED, frozenset({503, 529})),
    _Rule(SERVER_ERROR, range(500, 600)),
)


def classify_answer(provider: str, status: int, body: bytes) -> Decision:
    """Decide what an upstream's status and body mean (docs/errors.md has the outcomes).

    `body` is looked at for statuses of 400 to 499 only. A status that no row names is
    the client's fault: passed on unchanged, no other target.
    """
    marks, message = _read_error(body) if status in _CLIENT_ERRORS else _NOTHING_READ
    for rule in _RULES:
        if rule.fits(provider, status, marks, message):
            return rule.decision
    return CLIENT_FAULT


def parse_retry_after(headers: Mapping[str, str], body: bytes, now_s: float) -> float | None:
    """Return the seconds, 0..3600, after which the provider wants to be asked again, if it said.

    Looks at ``retry-after-ms`` (OpenAI, Azure; 0 means look further), ``retry-after`` (float
    seconds or an HTTP date, RFC 9110 section 10.2.3) and google.rpc.RetryInfo in the body.
    `headers` is case-insensitive or has lower-case names; `now_s` is seconds since the epoch.
    """
    delay_ms = _parse_number(headers.get("retry-after-ms"))
    if delay_ms:
        return _clamp(delay_ms / 1_000)
    given = headers.get("retry-after")
    delay_s = _parse_number(given)
    if delay_s is None and given:
        delay_s = _parse_date(given, now_s)
    if delay_s is None:
        delay_s = _read_retry_info(body)
    return None if delay_s is None else _clamp(delay_s)


def _clamp(delay_s: float) -> float:
    return min(max(delay_s, 0.0), _MAX_RETRY_AFTER_S)


def _parse_number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _parse_date(text: str, now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None


def _read_retry_info(body: bytes) -> float | None:
    details = _load_error(body).get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        match = _DURATION.fullmatch(delay) if isinstance(delay, str) else None
        if match is not None:
            return float(match[1])
    return None


def _read_error(body: bytes) -> tuple[frozenset[str], str]:
    error = _load_error(body)
    marks = [error.get(name) for name in ("code", "type", "status")]
    details = error.get("details")
    if isinstance(details, list):
        marks += [detail.get("reason") for detail in details if isinstance(detail, dict)]
    message = error.get("message")
    return (
        frozenset(mark for mark in marks if isinstance(mark, str)),
        message if isinstance(message, str) else "",
    )


def _load_error(body: bytes) -> Mapping[str, Any]:
    """Return the object that describes the error: all vendors nest it, some servers do not."""
    if len(body) > _MAX_PARSED_BYTES:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(value, list) and value:  # Gemini wraps the error of a stream in an array
        value = value[0]
    error = value.get("error", value) if isinstance(value, dict) else {}
    return error if isinstance(error, dict) else {"message": error}
