"""Writes of secrets: checked, sealed, masked.

Rule: a credential is wrapped before anything else happens to it; a change of what its
record is bound to needs the credential again.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.control.parts import ControlParts
from gateway.control.represent import represent_secret, represent_use
from gateway.control.schema.secrets import SecretCreate, SecretPatch, SecretTest
from gateway.control.service.change import MASKED, Change, Stored, new_id
from gateway.control.service.detach import delete_definitions, list_definitions
from gateway.control.service.users import describe_use
from gateway.entities import GatewayModelDefinition, GatewaySecretInfo, SealedSecret, SecretId
from gateway.errors import (
    ConflictError,
    CredentialRebindError,
    InUseError,
    InvalidValueError,
    KeyRotatedError,
)
from gateway.providers import (
    PUBLIC_PORTS,
    allowed_origin,
    check_auth_config,
    check_secret,
    check_stored_fields,
    is_origin_allowed,
)
from gateway.secret import Secret, mask
from gateway.settings import Settings
from gateway.vault.envelope import check_wraps, secret_context

KIND = "secret"
_MAC_PURPOSE = "secret-value"
_API_BASE = "auth_config.api_base"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential on its way into the vault."""

    value: Secret
    masked: dict[str, str]
    mac: bytes


def describe(info: GatewaySecretInfo) -> Stored:
    """Return the secret as answers have it."""
    return Stored(
        row_id=info.secret_id,
        representation=represent_secret(info),
        version=info.version,
        unversioned=represent_use(info),
    )


async def create_secret(change: Change, body: SecretCreate) -> Stored:
    """Seal a new credential.

    Raises:
        InvalidValueError: unknown provider or field, or an origin that is not allowed.
        ConflictError: the name is taken.
    """
    check_secret(body.provider, body.secret_value, body.auth_config)
    check_origin(change.parts.settings, body.provider, body.auth_config)
    secret_id = SecretId(new_id("s-"))
    credential = wrap(change, secret_id, body.secret_value)
    info = GatewaySecretInfo(
        secret_id=secret_id,
        secret_name=body.secret_name,
        masked_values=credential.masked,
        provider=body.provider,
        auth_config=body.auth_config,
        expires_at=body.expires_at,
        **change.stamp_created(),
    )
    sealed = await seal(change, info, credential, secret_version=1)
    await change.tx.secrets.insert(info, sealed)
    stored = describe(info)
    after = stored.representation | {"secret_value": MASKED}
    await change.record("create", KIND, info.secret_id, info.secret_name, after=after)
    return stored


def wrap(change: Change, secret_id: SecretId, fields: Mapping[str, str]) -> Credential:
    """Wrap the fields of a credential before anything else happens to them."""
    return Credential(
        dump_value(fields),
        {name: mask(value) for name, value in fields.items()},
        compute_mac(change.parts, secret_id, fields),
    )


def compute_mac(parts: ControlParts, secret_id: str, fields: Mapping[str, str]) -> bytes:
    """Compute what tells whether a value is the stored one: keyed, and bound to the secret."""
    content = orjson.dumps([secret_id, dict(fields)], option=orjson.OPT_SORT_KEYS)
    return hmac.digest(parts.deriver.derive(_MAC_PURPOSE), content, "sha256")


def check_value(settings: Settings, body: SecretTest) -> Secret:
    """Check a value that is not to be stored as one that is; return it wrapped.

    Raises:
        InvalidValueError: unknown provider or field, or an origin that is not allowed.
    """
    check_secret(body.provider, body.secret_value, body.auth_config)
    check_origin(settings, body.provider, body.auth_config)
    return dump_value(body.secret_value)


def dump_value(fields: Mapping[str, str]) -> Secret:
    """Return the fields of a credential as they are sealed."""
    return Secret(orjson.dumps(dict(fields)))


def check_origin(
    settings: Settings, provider: str | None, auth_config: Mapping[str, Any] | None
) -> None:
    """Check that the operator lets a credential go where its `api_base` says.

    Raises InvalidValueError.
    """
    if (auth_config or {}).get("api_base") is None:
        return
    origin = allowed_origin(provider, auth_config)
    ports = PUBLIC_PORTS.union(settings.allowed_ports)
    if not is_origin_allowed(origin, settings.allowed_private_origins, ports):
        raise InvalidValueError(
            "must be https and a public host, at port 443 or 8443; an operator can allow others "
            "with LOCKGATE_ALLOWED_PRIVATE_ORIGINS, and more ports with LOCKGATE_ALLOWED_PORTS",
            field=_API_BASE,
        )


async def seal(
    change: Change, info: GatewaySecretInfo, credential: Credential, *, secret_version: int
) -> SealedSecret:
    """Seal a credential for its row. Raises ConflictError where the key term has no wraps left."""
    await count_wraps(change, 1)
    return seal_counted(change, info, credential, secret_version=secret_version)


async def count_wraps(change: Change, count: int) -> None:
    """Count wraps that are about to be made. Raises ConflictError as `seal`."""
    sealer = change.parts.sealer
    term = sealer.active_term
    check_wraps(await change.tx.vault.add_wraps(term, count))
    if sealer.active_term != term:
        raise KeyRotatedError("the key-encryption key was rotated meanwhile", field="kek_term")


def seal_counted(
    change: Change, info: GatewaySecretInfo, credential: Credential, *, secret_version: int
) -> SealedSecret:
    """Seal a credential whose wrap is counted already."""
    sealer = change.parts.sealer
    empty = SealedSecret(
        secret_id=info.secret_id,
        secret_name=info.secret_name,
        provider=info.provider,
        auth_config=info.auth_config,
        secret_version=secret_version,
        kek_term=sealer.active_term,
        record=b"",
        value_mac=credential.mac,
    )
    context = secret_context(empty, allowed_origin(info.provider, info.auth_config))
    return replace(empty, record=sealer.seal(context, credential.value))


async def update_secret(change: Change, secret_id: SecretId, body: SecretPatch) -> Stored:
    """Change a credential or what belongs to it.

    Raises:
        NotFoundError, StaleVersionError, InvalidValueError: as everywhere.
        CredentialRebindError: origin or provider would change without the credential.
        ConflictError: model definitions would be of another provider, or without base URL.
    """
    info = await change.tx.secrets.get(secret_id)
    before = describe(info)
    change.require_match(before)
    if not body.model_fields_set:
        return before
    new = replace(
        info,
        provider=body.provider if body.given("provider") else info.provider,
        auth_config=body.auth_config if body.given("auth_config") else info.auth_config,
        expires_at=_plan_expiry(info, body),
        **change.stamp_updated(info.version),
    )
    if body.given("secret_value"):
        check_secret(new.provider, body.secret_value, new.auth_config)
    else:
        check_binding_of((info.provider, info.auth_config), (new.provider, new.auth_config))
        if new.provider is not None:
            check_stored_fields(new.provider, info.masked_values, new.auth_config)
    check_origin(change.parts.settings, new.provider, new.auth_config)
    await _check_definitions(change, info, new)
    stored = await _store(change, new, body)
    after = stored.representation
    if body.given("secret_value"):
        after = after | {"secret_value": MASKED}
    await change.record(
        "update", KIND, secret_id, info.secret_name, before=before.representation, after=after
    )
    return stored


def _plan_expiry(info: GatewaySecretInfo, body: SecretPatch) -> int | None:
    """Return when the value ends; it is the value's own, so that a new one does not inherit it."""
    if body.given("expires_at") or body.given("secret_value"):
        return body.expires_at
    return info.expires_at


def check_binding_of(
    old: tuple[str | None, Mapping[str, Any] | None],
    new: tuple[str | None, Mapping[str, Any] | None],
) -> None:
    """Check that a credential which stays goes nowhere else: provider and settings, old and new.

    Raises:
        CredentialRebindError: another provider or origin may see it only if it is given again.
        InvalidValueError: the new settings cannot be.
    """
    if new[0] != old[0]:
        raise CredentialRebindError(
            "another provider may see the credential only if it is given again: "
            "send secret_value too",
            field="provider",
        )
    check_auth_config(*new)
    if allowed_origin(*new) != allowed_origin(*old):
        raise CredentialRebindError(
            "another origin may see the credential only if it is given again: "
            "send secret_value too",
            field=_API_BASE,
        )


def is_binding_kept(
    old: tuple[str | None, Mapping[str, Any] | None],
    new: tuple[str | None, Mapping[str, Any] | None],
) -> bool:
    """Tell whether a stored credential may be used with other settings; see `check_binding_of`.

    Raises InvalidValueError: the new settings cannot be.
    """
    try:
        check_binding_of(old, new)
    except CredentialRebindError:
        return False
    return True


async def _check_definitions(
    change: Change, old: GatewaySecretInfo, new: GatewaySecretInfo
) -> None:
    if (new.provider, new.auth_config) == (old.provider, old.auth_config):
        return
    for row in await list_definitions(change, old.secret_id):
        if new.provider not in (None, row.provider):
            raise ConflictError(
                f"model definition {row.name!r} uses it with provider {row.provider}",
                field="provider",
            )
        _check_settings(row, new.auth_config)


def _check_settings(row: GatewayModelDefinition, auth_config: Mapping[str, Any] | None) -> None:
    try:
        check_auth_config(row.provider, auth_config)
    except InvalidValueError as error:
        raise ConflictError(
            f"model definition {row.name!r} uses it with {row.provider}: {error.detail}",
            field=error.field,
        ) from None


async def _store(change: Change, new: GatewaySecretInfo, body: SecretPatch) -> Stored:
    if not body.given("secret_value"):
        await change.tx.secrets.update(new, None)
        return describe(new)
    new, _ = await store_value(change, new, body.secret_value)
    await change.tx.secrets.delete_previous(new.secret_id)  # of a key that leaked, neither is used
    return describe(replace(new, previous_value=None))


async def store_value(
    change: Change, info: GatewaySecretInfo, fields: Mapping[str, str]
) -> tuple[GatewaySecretInfo, SealedSecret]:
    """Put a new value in; return what may be shown, and the row as it was."""
    credential = wrap(change, info.secret_id, fields)
    info = replace(info, masked_values=credential.masked)
    known = await change.tx.secrets.get_sealed(info.secret_id)
    sealed = await seal(change, info, credential, secret_version=known.secret_version + 1)
    await change.tx.secrets.update(info, sealed)
    return info, replace(known, previous=None)


async def delete_secret(change: Change, secret_id: SecretId, *, force: bool) -> None:
    """Delete a credential; with `force` its model definitions and their mappings too.

    Raises:
        NotFoundError, StaleVersionError: as everywhere.
        InUseError: it has model definitions, without `force`.
        ConflictError: an endpoint would be left without a PRIMARY, also with `force`.
    """
    info = await change.tx.secrets.get(secret_id)
    before = describe(info)
    change.require_match(before)
    users = await change.tx.secrets.users(secret_id)
    if users.count and not force:
        raise InUseError(
            f"{users.count} model definition(s) use it; force=true deletes them too",
            extra=await describe_use(change, users, await list_definitions(change, secret_id)),
        )
    if users.count:
        await delete_definitions(change, await list_definitions(change, secret_id))
    await change.tx.secrets.delete(secret_id)
    await change.record("delete", KIND, secret_id, info.secret_name, before=before.representation)
