"""What an upstream's answer means: pass it on, hide it, try another target.

Rule: the outcomes are data. A row that would blame a target for what a client
sent needs a structured mark from the provider, not a phrase that a client could
have put into its request.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gateway.entities import RefusalKind
from gateway.errors import (
    CredentialRejectedError,
    LockgateError,
    QuotaExhaustedError,
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamError,
    UpstreamFirstByteTimeoutError,
    UpstreamMalformedError,
    UpstreamRedirectError,
    UpstreamResetError,
    UpstreamStalledError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)
from gateway.routing.health import Blame
from gateway.routing.hints import load_error


@dataclass(frozen=True, slots=True)
class Decision:
    """A class of outcomes, and what follows from it.

    Attributes:
        kind: the stable word for ledger, metrics and `fallback_on`.
        next_target: another target is tried.
        pass_on: the client gets status and body unchanged where no target is left; otherwise
            it gets `error`.
        blame: what it says about the target's health.
        opt_in: another target is tried only where the endpoint's `fallback_on` names it.
        retry_same: worth one more try where there is no other target.
    """

    kind: str
    next_target: bool
    pass_on: bool
    error: type[UpstreamError] | None = None
    blame: Blame = Blame.NONE
    opt_in: bool = False
    retry_same: bool = False

    def goes_on(self, fallback_on: Collection[str]) -> bool:
        """Tell whether another target is tried where the endpoint has opted in to these kinds."""
        return self.next_target or (self.opt_in and self.kind in fallback_on)

    @property
    def is_refusal(self) -> bool:
        """Whether the target works: it has read the request and does not want it."""
        return self.pass_on and not self.next_target


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
REDIRECT: Final = Decision("redirect", True, False, UpstreamRedirectError, Blame.FAILURE)
CREDENTIAL_REJECTED: Final = Decision(
    "credential_rejected", True, False, CredentialRejectedError, Blame.QUARANTINE
)
QUOTA_EXHAUSTED: Final = Decision(
    "quota_exhausted", True, False, QuotaExhaustedError, Blame.QUARANTINE
)
MODEL_UNAVAILABLE: Final = Decision(
    "model_unavailable", next_target=True, pass_on=True, blame=Blame.MODEL
)
CONTEXT_WINDOW: Final = Decision(
    RefusalKind.CONTEXT_WINDOW_EXCEEDED.value, next_target=False, pass_on=True, opt_in=True
)
CONTENT_POLICY: Final = Decision(
    RefusalKind.CONTENT_POLICY.value, next_target=False, pass_on=True, opt_in=True
)
# Also what a provider says to a client that is slow to send: no sign of a broken target.
REQUEST_TIMEOUT: Final = Decision("request_timeout", next_target=True, pass_on=True)
RATE_LIMITED: Final = Decision("rate_limited", next_target=True, pass_on=True, blame=Blame.COOL)
OVERLOADED: Final = Decision("overloaded", next_target=True, pass_on=True, blame=Blame.COOL)
SERVER_ERROR: Final = Decision(
    "server_error", next_target=True, pass_on=True, blame=Blame.FAILURE, retry_same=True
)
# A 5xx that says that the request will not be served, ever: 501, 505, ...
REFUSED: Final = Decision("server_error", next_target=True, pass_on=True, blame=Blame.FAILURE)
CLIENT_FAULT: Final = Decision("client_fault", next_target=False, pass_on=True)

# What goes wrong on the way, before the provider has said anything that could be passed on.
_BROKEN: Final[frozenset[type[LockgateError]]] = frozenset(
    {
        UpstreamConnectError,
        UpstreamConnectTimeoutError,
        UpstreamDnsError,
        UpstreamFirstByteTimeoutError,
        UpstreamMalformedError,
        UpstreamResetError,
        UpstreamStalledError,
        UpstreamTlsError,
        UpstreamTruncatedError,
    }
)

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
    _Rule(SERVER_ERROR, frozenset({500, 502, 504})),
    _Rule(REFUSED, range(500, 600)),
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


def blame_error(error: LockgateError) -> Blame:
    """Tell what a call that ended in an error of ours says about the target."""
    return Blame.FAILURE if type(error) in _BROKEN else Blame.NONE


def _read_error(body: bytes) -> tuple[frozenset[str], str]:
    error = load_error(body)
    marks = [error.get(name) for name in ("code", "type", "status")]
    details = error.get("details")
    if isinstance(details, list):
        marks += [detail.get("reason") for detail in details if isinstance(detail, dict)]
    message = error.get("message")
    return (
        frozenset(mark for mark in marks if isinstance(mark, str)),
        message if isinstance(message, str) else "",
    )
