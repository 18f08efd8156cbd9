"""Rotation: a new value of a secret, and the end of the one before it.

Rule: at most one former value is kept, sealed as it was, until the end of its grace; nothing of
it stays in the database afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.control.schema.secrets import SecretRotate
from gateway.control.service.change import MASKED, Change, Stored
from gateway.control.service.secrets import KIND, describe, store_value
from gateway.entities import GracedSecret, PreviousValue, SecretId
from gateway.errors import NotFoundError
from gateway.providers import check_secret

_AT_ONCE: Final = 500  # graces that one transaction ends; the rest has its turn a second later


async def rotate_secret(change: Change, secret_id: SecretId, body: SecretRotate) -> Stored:
    """Put a new value in and keep the former one for its grace.

    One former value is kept: another one, of a rotation just before, is gone at once.

    Raises:
        NotFoundError, StaleVersionError, InvalidValueError: as everywhere.
    """
    info = await change.tx.secrets.get(secret_id)
    before = describe(info)
    change.require_match(before)
    check_secret(info.provider, body.secret_value, info.auth_config)
    stamped = replace(info, expires_at=body.expires_at, **change.stamp_updated(info.version))
    new, former = await store_value(change, stamped, body.secret_value)
    previous = None
    if body.grace_ms:
        previous = PreviousValue(
            masked_values=info.masked_values, grace_until=change.now_ms + body.grace_ms
        )
        graced = GracedSecret(sealed=former, grace_until=previous.grace_until)
        await change.tx.secrets.put_previous(graced, info.masked_values)
    else:
        await change.tx.secrets.delete_previous(secret_id)
    stored = describe(replace(new, previous_value=previous))
    after = stored.representation | {"secret_value": MASKED}
    await change.record(
        "update", KIND, secret_id, info.secret_name, before=before.representation, after=after
    )
    return stored


async def end_grace(change: Change, secret_id: SecretId) -> None:
    """Delete a former value, so that no request is sent with it any more.

    Raises:
        NotFoundError, StaleVersionError: as everywhere; also where there is no former value.
    """
    info = await change.tx.secrets.get(secret_id)
    before = describe(info)
    change.require_match(before)
    if not await change.tx.secrets.delete_previous(secret_id):
        raise NotFoundError("the secret has no previous value", field="secret_id")
    new = replace(info, previous_value=None, **change.stamp_updated(info.version))
    await change.tx.secrets.update(new, None)
    await change.record(
        "update",
        KIND,
        secret_id,
        info.secret_name,
        before=before.representation,
        after=describe(new).representation,
    )


async def end_ended_graces(change: Change) -> None:
    """Delete the former values that have had their time."""
    for secret_id in await change.tx.secrets.list_ended(change.now_ms, _AT_ONCE):
        await end_grace(change, secret_id)
