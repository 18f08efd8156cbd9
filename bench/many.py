"""Fills a data directory with many endpoints in one transaction, before a gateway starts on it.

Through REST each endpoint is a write of its own, with an audit row and a new snapshot. Here the
installation is opened as the gateway does it and the rows go through the same store; the snapshot
is built from what was written before the transaction ends, so that nothing is stored that cannot
run.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.rest import TOKEN
from bench.subjects import ENDPOINT
from gateway.clock import SystemClock
from gateway.entities import (
    EndpointId,
    EndpointLimits,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    GracedSecret,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
)
from gateway.installation import Installation, open_installation
from gateway.ports import Transaction
from gateway.providers import allowed_origin
from gateway.routing.snapshot import build_snapshot
from gateway.secret import Secret
from gateway.settings import parse_settings
from gateway.vault.envelope import secret_context

_PROVIDER = "openai_compatible"
FORMER_EVERY = 5  # every fifth secret has a former value whose grace is not over
_GRACE_MS = 86_400_000


async def fill_secrets(data: Path, mock_url: str, count: int) -> None:
    """Make an installation with `count` secrets, each with a model, and an endpoint per pair."""
    await _fill(data, mock_url, count, _write_secrets)


def fill(data: Path, mock_url: str, count: int) -> None:
    """Make an installation with `count` endpoints; the last one is the bench's own."""
    asyncio.run(_fill(data, mock_url, count, _write))


_Write = Callable[[Installation, str, int], Awaitable[None]]


async def _fill(data: Path, mock_url: str, count: int, write: _Write) -> None:
    environ = {"LOCKGATE_ADMIN_TOKEN": TOKEN, "LOCKGATE_ALLOWED_PRIVATE_ORIGINS": mock_url}
    settings = parse_settings({"data": str(data)}, environ, None)
    installation = await open_installation(settings, SystemClock())
    try:
        await write(installation, mock_url, count)
    finally:
        await installation.close()


async def _write(installation: Installation, mock_url: str, count: int) -> None:
    stamps = _build_stamps(installation.clock.now_ms())
    secret, sealed = _build_secret(installation, mock_url, stamps, "bench", "bench-provider-key")
    models = [build_model(secret.secret_id, number, stamps) for number in range(max(count, 2))]
    async with installation.store.write() as tx:
        await tx.vault.add_wraps(sealed.kek_term, 1)
        await tx.secrets.insert(secret, sealed)
        for model in models:
            await tx.model_definitions.insert(model)
        for number in range(count):
            name = ENDPOINT if number == count - 1 else f"endpoint-{number}"
            pair = (models[number], models[(number + 1) % len(models)])
            await tx.endpoints.insert(build_endpoint(name, pair, stamps))
        await tx.bump_epoch()
        build_snapshot(await tx.read_configuration())


async def _write_secrets(installation: Installation, mock_url: str, count: int) -> None:
    stamps = _build_stamps(installation.clock.now_ms())
    made = [
        _build_secret(installation, mock_url, stamps, f"secret-{number}", f"bench-key-{number}")
        for number in range(count)
    ]
    models = [build_model(info.secret_id, n, stamps) for n, (info, _) in enumerate(made)]
    async with installation.store.write() as tx:
        await tx.vault.add_wraps(installation.sealer.active_term, count)
        for number, (info, sealed) in enumerate(made):
            await tx.secrets.insert(info, sealed)
            if number % FORMER_EVERY == 0:
                await _put_former(installation, tx, sealed, f"bench-key-{number}-former")
        for number, model in enumerate(models):
            await tx.model_definitions.insert(model)
            if number % 2:
                pair = (models[number - 1], model)
                await tx.endpoints.insert(build_endpoint(f"endpoint-{number // 2}", pair, stamps))
        await tx.bump_epoch()
        build_snapshot(await tx.read_configuration())


async def _put_former(
    installation: Installation, tx: Transaction, sealed: SealedSecret, key: str
) -> None:
    former = replace(sealed, secret_version=sealed.secret_version - 1)
    context = secret_context(former, allowed_origin(_PROVIDER, sealed.auth_config))
    record = installation.sealer.seal(context, Secret(json.dumps({"api_key": key})))
    await tx.vault.add_wraps(former.kek_term, 1)
    await tx.secrets.put_previous(
        GracedSecret(
            sealed=replace(former, record=record),
            grace_until=installation.clock.now_ms() + _GRACE_MS,
        ),
        {"api_key": "***"},
    )


def _build_stamps(now_ms: int) -> dict[str, Any]:
    return {
        "created_at": now_ms,
        "last_updated_at": now_ms,
        "created_by": "bench",
        "last_updated_by": "bench",
    }


STAMPS = _build_stamps(1_700_000_000_000)


def _id(prefix: str) -> str:
    return prefix + os.urandom(16).hex()


def _build_secret(
    installation: Installation, mock_url: str, stamps: dict[str, Any], name: str, key: str
) -> tuple[GatewaySecretInfo, SealedSecret]:
    auth_config = {"api_base": f"{mock_url}/v1"}
    row = SealedSecret(
        secret_id=SecretId(_id("s-")),
        secret_name=name,
        provider=_PROVIDER,
        auth_config=auth_config,
        secret_version=2,  # so that there may be one before it
        kek_term=installation.sealer.active_term,
        record=b"",
    )
    value = Secret(json.dumps({"api_key": key}))
    context = secret_context(row, allowed_origin(_PROVIDER, auth_config))
    sealed = SealedSecret(
        **{name: getattr(row, name) for name in SealedSecret.__slots__ if name != "record"},
        record=installation.sealer.seal(context, value),
    )
    info = GatewaySecretInfo(
        secret_id=row.secret_id,
        secret_name=row.secret_name,
        masked_values={"api_key": "***"},
        provider=_PROVIDER,
        auth_config=auth_config,
        **stamps,
    )
    return info, sealed


def build_model(
    secret_id: SecretId, number: int, stamps: dict[str, Any] = STAMPS
) -> GatewayModelDefinition:
    """Return a model definition."""
    return GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(_id("d-")),
        name=f"model-{number}",
        secret_id=secret_id,
        secret_name="bench",
        provider=_PROVIDER,
        model_name=f"mock-{number}",
        **stamps,
    )


def build_endpoint(
    name: str, models: tuple[GatewayModelDefinition, ...], stamps: dict[str, Any] = STAMPS
) -> GatewayEndpoint:
    """Return an endpoint that splits 80/20 between two models."""
    endpoint_id = EndpointId(_id("e-"))
    mappings = tuple(
        GatewayEndpointModelMapping(
            mapping_id=MappingId(_id("m-")),
            endpoint_id=endpoint_id,
            model_definition_id=model.model_definition_id,
            model_definition=model,
            weight=weight,
            linkage_type=LinkageType.PRIMARY,
            fallback_order=None,
            created_at=stamps["created_at"],
            created_by="bench",
        )
        for model, weight in zip(models, (80.0, 20.0), strict=True)
    )
    return GatewayEndpoint(
        endpoint_id=endpoint_id,
        name=name,
        model_mappings=mappings,
        tags={},
        routing_strategy=None,
        fallback_config=None,
        usage_tracking=True,
        limits=EndpointLimits(),
        **stamps,
    )
