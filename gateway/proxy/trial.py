"""Tries credentials at their providers: one call that costs nothing, and what its answer means.

Rule: the same gate as the data plane's decides where a call may go; nothing that a provider says
leaves here but its status; calls are few, so that nobody looks for open ports with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway.clock import SystemClock
from gateway.entities import SealedSecret, Trial, TrialOutcome
from gateway.errors import (
    CredentialRejectedError,
    DeadlineExceededError,
    InvalidValueError,
    TooManyRequestsError,
    UpstreamError,
)
from gateway.ports import Clock, Opener
from gateway.providers import PUBLIC_PORTS, Provider, allowed_origin, get_provider
from gateway.proxy.authorization import Authorizations, authorize
from gateway.proxy.credentials import build_trial
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream import Upstreams
from gateway.routing.failure_classes import (
    BLOCKED,
    CREDENTIAL_REJECTED,
    OPERATION_FORBIDDEN,
    OVERLOADED,
    QUOTA_EXHAUSTED,
    RATE_LIMITED,
)
from gateway.routing.retry import classify_answer
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.vault.envelope import secret_context

_LIMIT_S: Final = 10.0  # in all; who tests a key waits for it
_MAX_ANSWER_BYTES: Final = 8 << 20  # the longest lists of models have some hundred KiB
_BURST: Final = 10  # trials in a row: more than a page of secrets tested by hand
_EVERY_S: Final = 6.0  # then ten a minute: a scan of a thousand ports would take two hours
_MOST_AT_ONCE: Final = 3
_FIRST_OK, _FIRST_REDIRECT = 200, 300
_EMPTY: Final = 2  # different characters of a credential without fields: a pair of braces
# OpenAI's and Anthropic's (also OpenRouter's facts of a key), Gemini's and Cohere's, Vertex AI's,
# Bedrock's, Databricks', Perplexity's.
_LISTS: Final = (
    "data",
    "models",
    "publisherModels",
    "asyncInvokeSummaries",
    "endpoints",
    "requests",
)

_SENTENCES: Final = {
    TrialOutcome.WORKS: "the provider accepts the credential",
    TrialOutcome.REFUSED: "the provider refuses the credential",
    TrialOutcome.FORBIDDEN: (
        "the provider knows the credential and does not let it list models; it may serve requests "
        "all the same"
    ),
    TrialOutcome.LIMITED: (
        "the provider knows the credential and has no room, quota or credit for it now"
    ),
    TrialOutcome.UNKNOWN: (
        "the answer says nothing about the credential: is api_base right, and does the provider "
        "list its models?"
    ),
}
_OUTCOMES: Final = {
    CREDENTIAL_REJECTED.kind: TrialOutcome.REFUSED,
    OPERATION_FORBIDDEN.kind: TrialOutcome.FORBIDDEN,
    QUOTA_EXHAUSTED.kind: TrialOutcome.LIMITED,
    RATE_LIMITED.kind: TrialOutcome.LIMITED,
    OVERLOADED.kind: TrialOutcome.LIMITED,
    BLOCKED.kind: TrialOutcome.UNKNOWN,
}


class UpstreamTrials:
    """`gateway.ports.CredentialTrials` over connections of its own."""

    def __init__(self, opener: Opener, settings: Settings, clock: Clock | None = None) -> None:
        self._opener = opener
        self._clock = clock or SystemClock()
        self._allowed = settings.allowed_private_origins
        self._ports = PUBLIC_PORTS.union(settings.allowed_ports)
        self._left = float(_BURST)
        self._counted_s = now_s()
        self._running = 0

    async def try_stored(self, sealed: SealedSecret, provider: str) -> Trial:
        """Try a stored credential. Raises VaultIntegrityError, TooManyRequestsError."""
        self._take()
        origin = allowed_origin(sealed.provider, sealed.auth_config)
        value = self._opener.open(secret_context(sealed, origin), sealed.record)
        return await self._try(provider, value, sealed.auth_config)

    async def try_value(
        self, provider: str, value: Secret, auth_config: Mapping[str, Any] | None
    ) -> Trial:
        """Try a credential that is stored nowhere. Raises TooManyRequestsError."""
        self._take()
        return await self._try(provider, value, auth_config)

    def _take(self) -> None:
        """Take a trial out of what is left."""
        at_s = now_s()
        self._left = min(_BURST, self._left + (at_s - self._counted_s) / _EVERY_S)
        self._counted_s = at_s
        if self._left < 1 or self._running >= _MOST_AT_ONCE:
            raise TooManyRequestsError(
                "credentials are tested faster than is allowed", retry_after_s=_EVERY_S
            )
        self._left -= 1

    async def _try(
        self, provider: str, value: Secret, auth_config: Mapping[str, Any] | None
    ) -> Trial:
        self._running += 1
        began_s = now_s()
        status: int | None = None
        try:
            row = get_provider(provider)
            status, body = await self._ask(row, value, auth_config, began_s)
            outcome = _judge(row, status, body)
            detail = _describe(row, outcome, status, is_shown=value.count_distinct() > _EMPTY)
        except CredentialRejectedError as error:  # whoever gives tokens has refused it
            outcome, detail = TrialOutcome.REFUSED, error.detail
        except (UpstreamError, DeadlineExceededError) as error:
            outcome, detail = TrialOutcome.UNREACHABLE, error.detail
        except InvalidValueError as error:
            outcome, detail = TrialOutcome.UNKNOWN, f"{error.field}: {error.detail}"
        finally:
            self._running -= 1
        latency_ms = (now_s() - began_s) * 1000
        return Trial(outcome=outcome, status=status, latency_ms=latency_ms, detail=detail)

    async def _ask(
        self,
        row: Provider,
        value: Secret,
        auth_config: Mapping[str, Any] | None,
        began_s: float,
    ) -> tuple[int, bytes]:
        limits = Limits(_LIMIT_S, _LIMIT_S, _LIMIT_S, began_s + _LIMIT_S)
        # Of its own: a connection of a credential that is tried must serve nobody else.
        upstreams = Upstreams(self._allowed, ports=self._ports)
        try:
            authorizations = Authorizations(upstreams, self._allowed, self._clock, self._ports)
            request, authorization = build_trial(
                row, value, auth_config, self._allowed, self._ports, authorizations
            )
            if authorization is not None:
                request = await authorize(request, authorization, limits.end)
            answer = await upstreams.send(request, limits, fresh=True)
            try:
                return answer.status, await answer.read(_MAX_ANSWER_BYTES)
            finally:
                answer.close()
        finally:
            await upstreams.close()


def _judge(row: Provider, status: int, body: bytes) -> TrialOutcome:
    if _FIRST_OK <= status < _FIRST_REDIRECT:
        if row.trial_is_open or not _is_list(body):
            return TrialOutcome.UNKNOWN
        return TrialOutcome.WORKS
    return _OUTCOMES.get(classify_answer(row.name, status, body).kind, TrialOutcome.UNKNOWN)


def _describe(row: Provider, outcome: TrialOutcome, status: int, *, is_shown: bool) -> str:
    is_good = _FIRST_OK <= status < _FIRST_REDIRECT
    if is_good and row.trial_is_open:
        return "the provider is there; it lists its models to anybody, so the key is not proven"
    if outcome is TrialOutcome.WORKS and row.is_self_hosted and not is_shown:
        return "the server is there; it was shown no credential, as none is stored"
    return _SENTENCES[outcome]


def _is_list(body: bytes) -> bool:
    """Tell whether this is what a provider lists: its models, or what else costs nothing."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if isinstance(answer, list):  # some compatible servers leave the envelope out
        return True
    return isinstance(answer, dict) and any(
        isinstance(answer.get(name), list | dict) for name in _LISTS
    )
