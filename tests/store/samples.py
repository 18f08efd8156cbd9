"""Rows to store: valid, distinct by number, created in the order of their numbers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.entities import (
    AdminToken,
    ApiKeyId,
    AuditRow,
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    IdempotentAnswer,
    KekState,
    KekTerm,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    PageRequest,
    RoutingStrategy,
    SealedSecret,
    SecretId,
    StoredApiKey,
    UsageRow,
    VaultMeta,
)
from gateway.ports import Store, Transaction

OpenStore = Callable[[], Awaitable[Store]]
ALL = PageRequest(limit=500)
START = 1_800_000_000_000
AUDIT_KEY = b"k" * 32


class SetClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at_ms = START

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


def trail(n: int = 0) -> dict[str, Any]:
    return {
        "created_at": START + n,
        "last_updated_at": START + n,
        "created_by": "ada",
        "last_updated_by": "ada",
    }


def term(n: int = 1, state: KekState = KekState.ACTIVE) -> KekTerm:
    return KekTerm(
        term=n, state=state, wrapped_key=b"wrapped", check_value=b"check", created_at=START
    )


def meta() -> VaultMeta:
    return VaultMeta(
        installation_id="0" * 32,
        root_kind="passphrase",
        kdf="argon2id",
        kdf_params={"m": 262144, "t": 3, "p": 4},
        salt=b"\x00salt",
        root_check=b"check\xff",
        wrapped_root=b"wrapped",
        created_at=START,
    )


def secret(n: int = 0, **changes: Any) -> GatewaySecretInfo:
    values = {
        "secret_id": SecretId(f"s-{n:032x}"),
        "secret_name": f"secret-{n}",
        "masked_values": {"api_key": "can...0001"},
        "provider": "openai",
        "auth_config": {"api_base": "https://api.example/v1"},
        **trail(n),
    }
    return GatewaySecretInfo(**(values | changes))


def sealed(info: GatewaySecretInfo, **changes: Any) -> SealedSecret:
    values = {
        "secret_id": info.secret_id,
        "secret_name": info.secret_name,
        "provider": info.provider,
        "auth_config": info.auth_config,
        "secret_version": 1,
        "kek_term": 1,
        "record": b"\x00record\xff" + info.secret_id.encode(),
    }
    return SealedSecret(**(values | changes))


def model(
    n: int = 0, of: GatewaySecretInfo | None = None, **changes: Any
) -> GatewayModelDefinition:
    info = of or secret()
    values = {
        "model_definition_id": ModelDefinitionId(f"d-{n:032x}"),
        "name": f"model-{n}",
        "secret_id": info.secret_id,
        "secret_name": info.secret_name,
        "provider": info.provider or "openai",
        "model_name": "mini",
        **trail(n),
    }
    return GatewayModelDefinition(**(values | changes))


def mapping(
    n: int, to: GatewayModelDefinition, endpoint_id: str = "e-0", **changes: Any
) -> GatewayEndpointModelMapping:
    values = {
        "mapping_id": MappingId(f"m-{n:032x}"),
        "endpoint_id": EndpointId(endpoint_id),
        "model_definition_id": to.model_definition_id,
        "model_definition": to,
        "weight": 1.0,
        "linkage_type": LinkageType.PRIMARY,
        "fallback_order": None,
        "created_at": START,
        "created_by": "ada",
    }
    return GatewayEndpointModelMapping(**(values | changes))


def endpoint(n: int = 0, *, to: tuple[GatewayModelDefinition, ...] = (), **changes: Any) -> Any:
    endpoint_id = EndpointId(f"e-{n:032x}")
    values = {
        "endpoint_id": endpoint_id,
        "name": f"endpoint-{n}",
        "model_mappings": tuple(
            mapping(n * 100 + place, target, endpoint_id) for place, target in enumerate(to)
        ),
        "tags": {"team": "search", "n": str(n)},
        "routing_strategy": RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT,
        "fallback_config": FallbackConfig(max_attempts=1),
        "usage_tracking": True,
        "limits": EndpointLimits(max_body_bytes=1024, total_timeout_ms=5000),
        **trail(n),
    }
    return GatewayEndpoint(**(values | changes))


def binding(n: int, of: GatewayEndpoint, **changes: Any) -> GatewayEndpointBinding:
    values = {
        "endpoint_id": of.endpoint_id,
        "resource_type": "scorer",
        "resource_id": f"r{n}",
        "endpoint_name": of.name,
        "display_name": None,
        **trail(n),
    }
    return GatewayEndpointBinding(**(values | changes))


def api_key(n: int = 0, **changes: Any) -> StoredApiKey:
    values = {
        "key_id": ApiKeyId(f"k-{n:032x}"),
        "name": f"key-{n}",
        "masked_value": "lg-...0001",
        "allowed_endpoints": ("chat*", "search"),
        "expires_at": None,
        "disabled": False,
        **trail(n),
    }
    return StoredApiKey(key=GatewayApiKey(**(values | changes)), digest=b"digest\x00%d" % n)


def token(n: int = 0) -> AdminToken:
    return AdminToken(token_id=f"t-{n}", name=f"token-{n}", digest=b"d%d" % n, created_at=START + n)


def audit(n: int = 0, **changes: Any) -> AuditRow:
    values = {
        "at": START + n,
        "actor": "ada",
        "action": "create",
        "entity_type": "secret",
        "entity_id": f"s-{n}",
        "entity_name": f"secret-{n}",
        "before": None,
        "after": {"secret_name": f"secret-{n}"},
        "request_id": f"r-{n}",
        "source_address": "127.0.0.1",
    }
    return AuditRow(**(values | changes))


def answer(n: int = 0) -> IdempotentAnswer:
    return IdempotentAnswer(
        key=f"key-{n}",
        caller="ada",
        route="POST /api/v1/secrets",
        body_mac=b"mac",
        status=201,
        location="/api/v1/secrets/s-1",
        body=b'{"a":1}',
        created_at=START + n,
    )


def usage(n: int = 0, **changes: Any) -> UsageRow:
    values = {
        "request_id": f"request-{n}",
        "attempt": 1,
        "endpoint_id": f"e-{1:032x}",
        "endpoint_name": "chat",
        "model_definition_id": f"d-{1:032x}",
        "model_definition_name": "mini",
        "provider": "openai",
        "api_key_id": "k-1",
        "client_dialect": "openai_chat",
        "upstream_dialect": "openai_chat",
        "started_at": START + n,
        "status": 200,
        "first_byte_ms": 12.5,
        "duration_ms": 20.25,
        "input_tokens": 10,
        "output_tokens": 5,
    }
    return UsageRow(**(values | changes))


async def add_secret(transaction: Transaction, n: int = 0, **changes: Any) -> GatewaySecretInfo:
    """Insert a secret, and term 1 before the first."""
    if not await transaction.vault.list_terms():
        await transaction.vault.insert_term(term())
    info = secret(n, **changes)
    await transaction.secrets.insert(info, sealed(info))
    return info


async def add_model(
    transaction: Transaction, n: int = 0, of: GatewaySecretInfo | None = None, **changes: Any
) -> GatewayModelDefinition:
    """Insert a model definition, and secret 0 unless one is given."""
    info = of or await add_secret(transaction)
    row = model(n, info, **changes)
    await transaction.model_definitions.insert(row)
    return row
