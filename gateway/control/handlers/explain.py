"""Handler of /endpoints/{id}/explain: how requests are routed now, and why.

Rule: computed with the functions that route, never described from memory.
"""

from __future__ import annotations

from typing import Any

from gateway.control.call import Answer, Call
from gateway.control.handlers.system import list_quarantined
from gateway.control.ids import get_id
from gateway.control.service.endpoints import get_strategy
from gateway.entities import EndpointId, GatewayEndpoint, GatewayEndpointModelMapping, LinkageType
from gateway.errors import (
    UpstreamConnectError,
    UpstreamError,
    UpstreamFirstByteTimeoutError,
    UpstreamTruncatedError,
)
from gateway.routing import classify_answer, compute_shares

_EXAMPLES = (400, 401, 402, 404, 408, 429, 500, 503, 302)
_MODEL_GONE = b'{"error":{"code":"model_not_found"}}'
_FAILURES: tuple[tuple[str, type[UpstreamError]], ...] = (
    ("no connection", UpstreamConnectError),
    ("no first byte in time", UpstreamFirstByteTimeoutError),
    ("the answer breaks off before any content", UpstreamTruncatedError),
)


async def explain_endpoint(call: Call) -> Answer:
    """Answer with the order of attempts, what is usable, and what follows on which failure."""
    endpoint_id = EndpointId(get_id(call.path, "endpoint_id", "e-"))
    async with call.parts.store.read() as tx:
        endpoint = await tx.endpoints.get(endpoint_id)
    quarantined = list_quarantined(await call.parts.status())
    config = endpoint.fallback_config
    value = {
        "endpoint_id": endpoint.endpoint_id,
        "name": endpoint.name,
        "routing_strategy": get_strategy(endpoint).value,
        "fallback_config": config
        and {"strategy": config.strategy.value, "max_attempts": config.max_attempts},
        "max_attempts": call.parts.settings.max_attempts,
        "order": _plan(endpoint, quarantined, call.parts.settings.max_attempts),
        "outcomes": list_outcomes(),
    }
    return Answer(status=200, value=value)


def _plan(
    endpoint: GatewayEndpoint, quarantined: dict[str, str], max_attempts: int
) -> list[dict[str, Any]]:
    shares = compute_shares(endpoint.model_mappings)
    config = endpoint.fallback_config
    cap = None if config is None else config.max_attempts
    planned: list[dict[str, Any]] = []
    fallbacks = attempts = 0
    for row in sorted(endpoint.model_mappings, key=lambda row: _rank(row, shares)):
        usable, reason = _judge(row, quarantined)
        is_fallback = row.linkage_type is LinkageType.FALLBACK
        if usable and is_fallback and cap is not None and fallbacks >= cap:
            usable, reason = False, f"beyond the {cap} fallback(s) that fallback_config allows"
        if usable and attempts >= max_attempts:
            reason += f"; only if one before it is passed over: {max_attempts} attempts at most"
        fallbacks += usable and is_fallback
        attempts += usable
        planned.append(_represent(row, len(planned) + 1, shares[row.mapping_id], usable, reason))
    return planned


def _rank(row: GatewayEndpointModelMapping, shares: dict[Any, float]) -> tuple[int, float]:
    if row.linkage_type is LinkageType.FALLBACK:
        return 1, float(row.fallback_order or 0)
    return (2, 0.0) if row.weight == 0 else (0, -shares[row.mapping_id])


def _judge(row: GatewayEndpointModelMapping, quarantined: dict[str, str]) -> tuple[bool, str]:
    secret_id = row.model_definition.secret_id
    if secret_id in quarantined:
        return False, f"its secret does not open: {quarantined[secret_id]}"
    if row.linkage_type is LinkageType.FALLBACK:
        return True, "tried in this order when every PRIMARY has failed"
    if row.weight == 0:
        return True, "drained: only when everything else has failed"
    return True, "drawn by weight among the PRIMARYs"


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


def list_outcomes() -> list[dict[str, Any]]:
    """List what follows on examples of answers and failures, as the data plane decides it."""
    rows = [_explain_answer(status, b"") for status in _EXAMPLES]
    rows.insert(4, _explain_answer(404, _MODEL_GONE, " that says the model is not there"))
    rows += [
        {
            "outcome": error.code,
            "example": example,
            "next_target": error.next_target,
            "client_gets": f"{error.status} {error.code}",
        }
        for example, error in _FAILURES
    ]
    return rows


def _explain_answer(status: int, body: bytes, note: str = "") -> dict[str, Any]:
    decision = classify_answer("openai", status, body)
    error = decision.error
    return {
        "outcome": decision.kind,
        "example": f"the provider answers {status}{note}",
        "next_target": decision.next_target,
        "client_gets": (
            f"{error.status} {error.code}" if error is not None else "the provider's own answer"
        ),
    }
