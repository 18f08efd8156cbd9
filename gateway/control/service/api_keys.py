"""Writes of api keys.

Rule: what is stored of a value is its digest and its mask; the value leaves in the
answer to the creation only.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

from gateway.control.represent import represent_api_key, represent_use
from gateway.control.schema.api_keys import ApiKeyCreate, ApiKeyPatch
from gateway.control.service.change import Change, Stored, new_id
from gateway.entities import ApiKeyId, GatewayApiKey, StoredApiKey
from gateway.errors import InvalidValueError
from gateway.secret import Secret, mask

VALUE_PREFIX = "lg-"
VALUE_BYTES = 32  # 256 bits: cannot be guessed, so a plain digest may be stored
_KIND = "api_key"


def dump_value(raw: bytes) -> str:
    """Return the value of an api key made of random bytes."""
    return VALUE_PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def describe(row: GatewayApiKey) -> Stored:
    """Return the api key as answers have it, without its value."""
    return Stored(
        row_id=row.key_id,
        representation=represent_api_key(row),
        version=row.version,
        unversioned=represent_use(row),
    )


async def create_api_key(
    change: Change, body: ApiKeyCreate, make_value: Callable[[str], str]
) -> Stored:
    """Create an api key; `make_value` is given its id and returns the value.

    Raises:
        InvalidValueError: it would have expired already.
        ConflictError: the name is taken.
    """
    _check_expiry(change, body.expires_at)
    key_id = ApiKeyId(new_id("k-"))
    value = make_value(key_id)
    row = GatewayApiKey(
        key_id=key_id,
        name=body.name,
        masked_value=mask(value),
        allowed_endpoints=body.allowed_endpoints,
        expires_at=body.expires_at,
        disabled=body.disabled,
        **change.stamp_created(),
    )
    await change.tx.api_keys.insert(StoredApiKey(key=row, digest=Secret(value).digest()))
    stored = replace(describe(row), shown_once={"value": value})
    await change.record("create", _KIND, key_id, row.name, after=stored.representation)
    return stored


def _check_expiry(change: Change, expires_at: int | None) -> None:
    if expires_at is not None and expires_at <= change.now_ms:
        raise InvalidValueError("must be in the future", field="expires_at")


async def update_api_key(change: Change, key_id: ApiKeyId, body: ApiKeyPatch) -> Stored:
    """Change an api key's name, endpoints, expiry, or whether it is disabled.

    A time of expiry that has passed is accepted here: it ends the key now. Raises
    NotFoundError, StaleVersionError, ConflictError.
    """
    row = await change.tx.api_keys.get(key_id)
    before = describe(row)
    change.require_match(before)
    if not body.model_fields_set:
        return before
    new = replace(
        row,
        **body.changes(),
        **change.stamp_updated(row.version),
    )
    await change.tx.api_keys.update(new)
    stored = describe(new)
    await change.record(
        "update", _KIND, key_id, new.name, before=before.representation, after=stored.representation
    )
    return stored


async def delete_api_key(change: Change, key_id: ApiKeyId) -> None:
    """Delete an api key: the next request with its value is refused.

    Raises NotFoundError, StaleVersionError.
    """
    row = await change.tx.api_keys.get(key_id)
    before = describe(row)
    change.require_match(before)
    await change.tx.api_keys.delete(key_id)
    await change.record("delete", _KIND, key_id, row.name, before=before.representation)
