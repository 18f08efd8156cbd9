"""Writes of model definitions.

Rule: a definition's provider is its secret's, or the secret has none; with the two of
them there is always a base URL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from gateway.control.represent import represent_model_definition
from gateway.control.schema.model_definitions import ModelDefinitionCreate, ModelDefinitionPatch
from gateway.control.service.change import Change, Stored, new_id
from gateway.control.service.detach import delete_definitions
from gateway.control.service.users import describe_use
from gateway.entities import (
    GatewayModelDefinition,
    GatewaySecretInfo,
    ModelDefinitionId,
    SecretId,
)
from gateway.errors import (
    InUseError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
)
from gateway.providers import check_auth_config, check_stored_fields, get_provider

_KIND = "model_definition"


def describe(row: GatewayModelDefinition) -> Stored:
    """Return the model definition as answers have it."""
    return Stored(
        row_id=row.model_definition_id,
        representation=represent_model_definition(row),
        version=row.version,
    )


async def create_model_definition(change: Change, body: ModelDefinitionCreate) -> Stored:
    """Define a model.

    Raises:
        InvalidValueError: unknown provider or secret, or the two do not fit.
        ConflictError: the name is taken.
    """
    secret = await _get_secret(change, SecretId(body.secret_id))
    check_fit(body.provider, secret.provider, secret.auth_config, secret.masked_values)
    row = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(new_id("d-")),
        name=body.name,
        secret_id=secret.secret_id,
        secret_name=secret.secret_name,
        provider=body.provider,
        model_name=body.model_name,
        **change.stamp_created(),
    )
    await change.tx.model_definitions.insert(row)
    stored = describe(row)
    await change.record("create", _KIND, stored.row_id, row.name, after=stored.representation)
    return stored


async def _get_secret(change: Change, secret_id: SecretId) -> GatewaySecretInfo:
    try:
        return await change.tx.secrets.get(secret_id)
    except NotFoundError:
        raise MissingReferenceError("there is no such secret", field="secret_id") from None


def check_fit(
    provider: str,
    secret_provider: str | None,
    auth_config: Mapping[str, Any] | None,
    fields: Collection[str],
) -> None:
    """Check that a definition of `provider` can use a secret that has these fields.

    Raises InvalidValueError.
    """
    get_provider(provider)
    if secret_provider not in (None, provider):
        raise InvalidValueError(
            f"the secret is one of {secret_provider}, not of {provider}", field="provider"
        )
    try:
        check_auth_config(provider, auth_config)
        if secret_provider is None:  # else it was checked when it was stored
            check_stored_fields(provider, fields, auth_config)
    except InvalidValueError as error:
        raise InvalidValueError(
            f"the secret does not fit {provider}: its {error.field} {error.detail}",
            field="secret_id",
        ) from None


async def update_model_definition(
    change: Change, row_id: ModelDefinitionId, body: ModelDefinitionPatch
) -> Stored:
    """Change a model definition; every endpoint that uses it follows.

    Raises:
        NotFoundError, StaleVersionError, InvalidValueError, ConflictError: as everywhere.
    """
    row = await change.tx.model_definitions.get(row_id)
    before = describe(row)
    change.require_match(before)
    if not body.model_fields_set:
        return before
    wanted = body.secret_id if body.given("secret_id") else row.secret_id
    secret = await _get_secret(change, SecretId(wanted))
    new = replace(
        row,
        **body.changes(),
        secret_name=secret.secret_name,
        **change.stamp_updated(row.version),
    )
    check_fit(new.provider, secret.provider, secret.auth_config, secret.masked_values)
    await change.tx.model_definitions.update(new)
    stored = describe(new)
    await change.record(
        "update",
        _KIND,
        row_id,
        new.name,
        before=before.representation,
        after=stored.representation,
    )
    return stored


async def delete_model_definition(
    change: Change, row_id: ModelDefinitionId, *, force: bool
) -> None:
    """Delete a model definition; with `force` its mappings too.

    Raises:
        NotFoundError, StaleVersionError: as everywhere.
        InUseError: endpoints use it, without `force`.
        ConflictError: an endpoint would be left without a PRIMARY, also with `force`.
    """
    row = await change.tx.model_definitions.get(row_id)
    change.require_match(describe(row))
    users = await change.tx.model_definitions.users(row_id)
    if users.count and not force:
        raise InUseError(
            f"{users.count} endpoint(s) use it; force=true detaches them",
            extra=await describe_use(change, users, [row]),
        )
    await delete_definitions(change, [row])
