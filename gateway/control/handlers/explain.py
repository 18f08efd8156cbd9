"""Handler of /endpoints/{id}/explain: how requests are routed now, and why.

Rule: computed with the functions that route, never described from memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.control.call import Answer, Call
from gateway.control.handlers.system import list_quarantined
from gateway.control.ids import get_id
from gateway.control.parts import Formats
from gateway.control.service.endpoints import get_strategy
from gateway.entities import (
    Dialect,
    EndpointId,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    LinkageType,
)
from gateway.errors import (
    UpstreamConnectError,
    UpstreamError,
    UpstreamFirstByteTimeoutError,
    UpstreamTruncatedError,
)
from gateway.routing import Blame, blame_error, classify_answer, compute_shares

_EXAMPLES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (400, b"", ""),
    (400, b'{"error":{"code":"context_length_exceeded"}}', ": the context window is exceeded"),
    (400, b'{"error":{"code":"content_policy_violation"}}', ": against its content policy"),
    (401, b"", ""),
    (402, b"", ""),
    (403, b"<html>", " with a page: a firewall before it"),
    (404, b"", ""),
    (404, b'{"error":{"code":"model_not_found"}}', ": the model is not there"),
    (408, b"", ""),
    (429, b"", ""),
    (429, b'{"error":{"code":"insufficient_quota"}}', ": the account is empty"),
    (
        429,
        b'{"error":{"message":"Request too large for model x"}}',
        ": the request alone exceeds the account's limit",
    ),
    (500, b"", ""),
    (503, b"", ""),
    (302, b"", ""),
)
_FAILURES: Final[tuple[tuple[str, type[UpstreamError]], ...]] = (
    ("no connection", UpstreamConnectError),
    ("no first byte in time", UpstreamFirstByteTimeoutError),
    ("the answer breaks off before any content", UpstreamTruncatedError),
)
_THEN: Final = {
    Blame.NONE: "nothing",
    Blame.FAILURE: "circuit opens at 5 in a row, or half of 20 in 10 s",
    Blame.COOL: "cools for Retry-After, 1 to 60 s",
    Blame.QUARANTINE: "quarantined, longer each time",
    Blame.MODEL: "quarantined",
}
_WORDS: Final = {
    "open": "its circuit is open",
    "cooling": "it cools",
    "quarantined": "it is quarantined",
}


@dataclass(frozen=True, slots=True)
class _Now:
    """What is known of the targets at this moment."""

    at_ms: int
    max_attempts: int
    open_s: float  # how long a lone target's circuit keeps it from being asked
    quarantined: dict[str, str]  # credentials that do not open: why, by secret
    formats: dict[str, Formats]  # by model definition
    blocked: dict[str, dict[str, Any]] = field(default_factory=dict)  # the same


async def explain_endpoint(call: Call) -> Answer:
    """Answer with the order of attempts, what is usable, and what follows on which failure."""
    endpoint_id = EndpointId(get_id(call.path, "endpoint_id", "e-"))
    async with call.read() as tx:
        endpoint = await tx.endpoints.get(endpoint_id)
    facts = await call.parts.status()
    now = _Now(
        call.parts.clock.now_ms(),
        call.parts.settings.max_attempts,
        call.parts.settings.circuit_open_ms / 1000,
        list_quarantined(facts),
        _list_formats(call, endpoint),
        {row["model_definition_id"]: row for row in facts.get("targets", ())},
    )
    config = endpoint.fallback_config
    value = {
        "endpoint_id": endpoint.endpoint_id,
        "name": endpoint.name,
        "routing_strategy": get_strategy(endpoint).value,
        "fallback_config": config
        and {"strategy": config.strategy.value, "max_attempts": config.max_attempts},
        "max_attempts": now.max_attempts,
        "hedge": endpoint.resilience.hedge,
        "order": _plan(endpoint, now),
        "outcomes": list_outcomes(endpoint.resilience.fallback_on),
    }
    return Answer(status=200, value=value)


def _list_formats(call: Call, endpoint: GatewayEndpoint) -> dict[str, Formats]:
    """List in which dialect each model is asked, for a client of each."""
    sealed = call.parts.snapshots.current.sealed
    formats: dict[str, Formats] = {}
    for row in endpoint.model_mappings:
        model = row.model_definition
        secret = sealed.get(model.secret_id)  # the snapshot may be a moment older
        config = None if secret is None else secret.auth_config
        formats[row.model_definition_id] = call.parts.formats(
            model.provider, model.model_name, config
        )
    return formats


def _plan(endpoint: GatewayEndpoint, now: _Now) -> list[dict[str, Any]]:
    shares = compute_shares(endpoint.model_mappings)
    config = endpoint.fallback_config
    cap = None if config is None else config.max_attempts
    reached = _list_reached(endpoint, now, cap)
    served = frozenset[Dialect]().union(
        *(_find_dialects(row, now) for row in endpoint.model_mappings)
    )
    planned: list[dict[str, Any]] = []
    # A request counts only what can be asked for it.
    fallbacks: Counter[Dialect] = Counter()
    attempts: Counter[Dialect] = Counter()
    for row in sorted(endpoint.model_mappings, key=lambda row: _rank(row, shares)):
        dialects = _find_dialects(row, now)
        usable, reason = _judge(row, now, _find_alone(row, reached, now))
        is_fallback = row.linkage_type is LinkageType.FALLBACK
        if usable and is_fallback and cap is not None and _count(fallbacks, dialects) >= cap:
            usable, reason = False, f"beyond the {cap} fallback(s) that fallback_config allows"
        if usable and dialects != served:
            reason += f"; not for {_name(served - dialects)}"
        if usable and _count(attempts, dialects) >= now.max_attempts:
            reason += f"; only if one before it is passed over: {now.max_attempts} attempts at most"
        if usable:
            attempts.update(dialects)
            fallbacks.update(dialects if is_fallback else ())
        state = now.blocked.get(row.model_definition_id, {})
        planned.append(
            {
                **_represent(row, len(planned) + 1, shares[row.mapping_id], usable, reason),
                "formats": {
                    client.value: asked
                    for client, asked in now.formats[row.model_definition_id].items()
                },
                "state": state.get("state", "closed"),
                "until": state.get("until"),
            }
        )
    return planned


def _list_reached(
    endpoint: GatewayEndpoint, now: _Now, cap: int | None
) -> list[GatewayEndpointModelMapping]:
    """List what a request looks at when nothing before it can be asked."""
    return [
        row
        for row in endpoint.model_mappings
        if row.model_definition.secret_id not in now.quarantined
        and (cap != 0 or row.linkage_type is not LinkageType.FALLBACK)
    ]


def _find_alone(
    row: GatewayEndpointModelMapping, reached: list[GatewayEndpointModelMapping], now: _Now
) -> frozenset[Dialect]:
    """Find the dialects whose requests have no other model to go to."""
    alone = _find_dialects(row, now) if row in reached else frozenset()
    for other in reached:
        if other.model_definition_id != row.model_definition_id:
            alone -= _find_dialects(other, now)
    return alone


def _find_dialects(row: GatewayEndpointModelMapping, now: _Now) -> frozenset[Dialect]:
    """Find the dialects of clients whose requests a model can be asked."""
    formats = now.formats[row.model_definition_id]
    return frozenset(client for client, asked in formats.items() if asked is not None)


def _count(seen: Counter[Dialect], dialects: frozenset[Dialect]) -> int:
    """Count what comes before a model, for the requests that have the least of it."""
    return min((seen[dialect] for dialect in dialects), default=0)


def _name(dialects: frozenset[Dialect]) -> str:
    return f"requests of {', '.join(sorted(dialects))}"


def _rank(row: GatewayEndpointModelMapping, shares: dict[Any, float]) -> tuple[int, float]:
    if row.linkage_type is LinkageType.FALLBACK:
        return 1, float(row.fallback_order or 0)
    return (2, 0.0) if row.weight == 0 else (0, -shares[row.mapping_id])


def _judge(
    row: GatewayEndpointModelMapping, now: _Now, alone: frozenset[Dialect]
) -> tuple[bool, str]:
    secret_id = row.model_definition.secret_id
    if secret_id in now.quarantined:
        return False, f"its secret does not open: {now.quarantined[secret_id]}"
    state = now.blocked.get(row.model_definition_id)
    if state is None:
        return True, _place(row)
    wait_s = max(0, state["until"] - now.at_ms) / 1000
    if state.get("former_until") is not None:
        return True, f"{_place(row)}; with the former value of its secret: {state['reason']}"
    if state["state"] == "half_open":
        return True, f"{_place(row)}; one request at a time tries it, after {state['reason']}"
    lone = (
        "the only one" if alone == _find_dialects(row, now) else f"the only one for {_name(alone)}"
    )
    if alone and state["state"] != "open":
        return True, f"{_place(row)}; asked although {_WORDS[state['state']]}: it is {lone}"
    reason = f"{_WORDS[state['state']]} for {wait_s:.0f} s more, after {state['reason']}"
    if alone and wait_s > now.open_s:
        reason += f"; one request in {now.open_s:g} s tries it meanwhile: it is {lone}"
    return False, reason


def _place(row: GatewayEndpointModelMapping) -> str:
    if row.linkage_type is LinkageType.FALLBACK:
        return "tried in this order when every PRIMARY has failed"
    if row.weight == 0:
        return "drained: only when everything else has failed"
    return "drawn by weight among the PRIMARYs"


def _represent(
    row: GatewayEndpointModelMapping, position: int, share: float, usable: bool, reason: str
) -> dict[str, Any]:
    definition = row.model_definition
    return {
        "position": position,
        "mapping_id": row.mapping_id,
        "model_definition_id": row.model_definition_id,
        "model_definition_name": definition.name,
        "provider": definition.provider,
        "model_name": definition.model_name,
        "linkage_type": row.linkage_type.value,
        "weight": row.weight,
        "share": share,
        "fallback_order": row.fallback_order,
        "usable": usable,
        "reason": reason,
    }


def list_outcomes(fallback_on: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """List what follows on examples of answers and failures, as the data plane decides it."""
    rows = [_explain_answer(status, body, note, fallback_on) for status, body, note in _EXAMPLES]
    rows += [
        {
            "outcome": error.code,
            "example": example,
            "next_target": error.next_target,
            "retry_alone": False,
            "target_then": _THEN[blame_error(error(""))],
            "client_gets": f"{error.status} {error.code}",
        }
        for example, error in _FAILURES
    ]
    return rows


def _explain_answer(
    status: int, body: bytes, note: str, fallback_on: tuple[str, ...]
) -> dict[str, Any]:
    decision = classify_answer("openai", status, body)
    error = decision.error
    return {
        "outcome": decision.kind,
        "example": f"the provider answers {status}{note}",
        "next_target": decision.goes_on(fallback_on),
        "retry_alone": decision.retry_same,
        "target_then": _THEN[decision.blame],
        "client_gets": (
            f"{error.status} {error.code}" if error is not None else "the provider's own answer"
        ),
    }
