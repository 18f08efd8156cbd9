"""MLflow's secrets/..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.control import represent as own
from gateway.control.call import Answer, Call
from gateway.control.mlflow import vendors
from gateway.control.mlflow.handlers import answers
from gateway.control.mlflow.represent import represent_secret
from gateway.control.mlflow.schema import SecretUpdate
from gateway.control.schema import secrets as schema
from gateway.control.service import secrets as service
from gateway.entities import GatewaySecretInfo, SecretId
from gateway.errors import NotFoundError
from gateway.ports import Transaction

_FIELD = "secret"


def _show(row: GatewaySecretInfo) -> dict[str, Any]:
    return represent_secret(own.represent_secret(row))


def _normalize(
    provider: str | None, config: Mapping[str, str | None] | None
) -> dict[str, str | None] | None:
    """Drop settings without a value, as MLflow does; none left are none at all."""
    given = {name: value for name, value in (config or {}).items() if value}
    return vendors.find_settings(provider, given) or None


async def create_secret(call: Call) -> Answer:
    """Create a secret."""
    provider = vendors.find_provider(call.body.provider)
    body = schema.SecretCreate(
        secret_name=call.body.secret_name,
        provider=provider,
        secret_value=vendors.find_fields(provider, call.body.secret_value),
        auth_config=_normalize(provider, call.body.auth_config),
    )
    with vendors.name_fields(provider):
        stored = await answers.write(call, lambda change: service.create_secret(change, body))
    return answers.answer(_FIELD, represent_secret(stored.representation))


async def get_secret(call: Call) -> Answer:
    """Answer with the secret of an id or a name."""
    secret_id, name = answers.get_one_of(call.query, "secret_id", "secret_name")
    async with call.parts.store.read() as tx:
        row = await _get(tx, secret_id, name)
    return answers.answer(_FIELD, _show(row))


async def _get(tx: Transaction, secret_id: str | None, name: str | None) -> GatewaySecretInfo:
    if secret_id is not None:
        return await tx.secrets.get(SecretId(secret_id))
    found = await answers.get_only(lambda page: tx.secrets.list_page(page, name=name))
    if found is None:
        raise NotFoundError("there is no such secret", field="secret_name")
    return found


async def update_secret(call: Call) -> Answer:
    """Change a secret: what is absent stays, settings that are all empty are removed."""
    body: SecretUpdate = call.body
    async with call.parts.store.read() as tx:
        provider = (await tx.secrets.get(SecretId(body.secret_id))).provider
    changes: dict[str, Any] = {}
    if body.secret_value is not None:
        changes["secret_value"] = vendors.find_fields(provider, body.secret_value)
    if body.auth_config is not None:
        changes["auth_config"] = _normalize(provider, body.auth_config)
    patch = schema.SecretPatch(**changes)
    with vendors.name_fields(provider):
        stored = await answers.write(
            call, lambda change: service.update_secret(change, SecretId(body.secret_id), patch)
        )
    return answers.answer(_FIELD, represent_secret(stored.representation))


async def delete_secret(call: Call) -> Answer:
    """Delete a secret that no model definition uses."""
    secret_id = SecretId(call.body.secret_id)
    await answers.write(call, lambda change: service.delete_secret(change, secret_id, force=False))
    return answers.answer()


async def list_secrets(call: Call) -> Answer:
    """Answer with all secrets, of one provider if it is named."""
    provider = vendors.find_provider(answers.get_filter(call.query, "provider"))
    return await answers.answer_list(
        call, "secrets", lambda tx, page: tx.secrets.list_page(page, provider=provider), _show
    )
