"""The classes of outcomes, and what follows from each: docs/failures.md has them as a table.

Rule: what follows stands here and nowhere else. `failure_rows.py` says what belongs to which class.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gateway.entities import RefusalKind
from gateway.errors import (
    CredentialRejectedError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRedirectError,
)
from gateway.routing.health import Blame


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


OK: Final = Decision("ok", next_target=False, pass_on=True)

# --- the request is at fault: no other target, or only where another one might think otherwise ----
CLIENT_FAULT: Final = Decision("client_fault", next_target=False, pass_on=True)
CONTEXT_WINDOW: Final = Decision(
    RefusalKind.CONTEXT_WINDOW_EXCEEDED.value, next_target=False, pass_on=True, opt_in=True
)
CONTENT_POLICY: Final = Decision(
    RefusalKind.CONTENT_POLICY.value, next_target=False, pass_on=True, opt_in=True
)
# The one request is larger than the account's limit or credit allows. Waiting does not help, and
# smaller requests are served: the target is left as it is. Another account may allow more, so the
# next target is tried without being asked for, unlike for a context window, which is the model's.
EXCEEDS_ALLOWANCE: Final = Decision("exceeds_allowance", next_target=True, pass_on=True)
# The server cannot do what was asked for (embeddings of a chat model); another one may.
UNSUPPORTED: Final = Decision("unsupported", next_target=True, pass_on=True)

# The key may do other things (a restricted key without the scope of this route): a client must not
# put it out of service for them by choosing this one. Not passed on: a client would take the 401
# for one of its own key.
OPERATION_FORBIDDEN: Final = Decision(
    "operation_forbidden", next_target=True, pass_on=False, error=CredentialRejectedError
)

# --- nobody's fault that could be told ------------------------------------------------------------
# Also what a provider says to a client that is slow to send: no sign of a broken target.
REQUEST_TIMEOUT: Final = Decision("request_timeout", next_target=True, pass_on=True)
# A firewall in front of the provider, with a page of its own. A word in a prompt is enough for it,
# so it says nothing about the target; the page is no answer of any dialect, so it is not passed on.
BLOCKED: Final = Decision("blocked", next_target=True, pass_on=False, error=UpstreamMalformedError)

# --- the target wants to be left alone ------------------------------------------------------------
RATE_LIMITED: Final = Decision("rate_limited", next_target=True, pass_on=True, blame=Blame.COOL)
OVERLOADED: Final = Decision("overloaded", next_target=True, pass_on=True, blame=Blame.COOL)

# --- the target does not work until somebody mends it ---------------------------------------------
CREDENTIAL_REJECTED: Final = Decision(
    "credential_rejected", True, False, CredentialRejectedError, Blame.QUARANTINE
)
QUOTA_EXHAUSTED: Final = Decision(
    "quota_exhausted", True, False, QuotaExhaustedError, Blame.QUARANTINE
)
# Not there, no longer there, not for this account, not from this country.
MODEL_UNAVAILABLE: Final = Decision(
    "model_unavailable", next_target=True, pass_on=True, blame=Blame.MODEL
)

# --- the target is broken -------------------------------------------------------------------------
SERVER_ERROR: Final = Decision(
    "server_error", next_target=True, pass_on=True, blame=Blame.FAILURE, retry_same=True
)
REDIRECT: Final = Decision("redirect", True, False, UpstreamRedirectError, Blame.FAILURE)

CLASSES: Final = (
    OK,
    CLIENT_FAULT,
    CONTEXT_WINDOW,
    CONTENT_POLICY,
    EXCEEDS_ALLOWANCE,
    UNSUPPORTED,
    OPERATION_FORBIDDEN,
    REQUEST_TIMEOUT,
    BLOCKED,
    RATE_LIMITED,
    OVERLOADED,
    CREDENTIAL_REJECTED,
    QUOTA_EXHAUSTED,
    MODEL_UNAVAILABLE,
    SERVER_ERROR,
    REDIRECT,
)
