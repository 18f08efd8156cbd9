"""Writes of admin tokens.

Rule: what is stored of a value is its digest and its mask; and somebody can always do everything:
the last token with which one can is not taken away.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

from gateway.control.represent import represent_token
from gateway.control.schema.admin_tokens import AdminTokenCreate, AdminTokenPatch
from gateway.control.service.change import Change, Stored, new_id
from gateway.entities import ADMIN_TOKEN_PREFIX, AdminToken
from gateway.errors import ConflictError, InvalidValueError
from gateway.secret import Secret, mask

VALUE_BYTES = 32  # 256 bits: cannot be guessed, so a plain digest may be stored
_KIND = "admin_token"


def dump_value(raw: bytes) -> str:
    """Return the value of an admin token made of random bytes."""
    return ADMIN_TOKEN_PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def describe(row: AdminToken) -> Stored:
    """Return the token as answers have it, without its value and when it was used."""
    return Stored(row_id=row.token_id, representation=represent_token(row), version=row.version)


async def create_admin_token(
    change: Change, body: AdminTokenCreate, make_value: Callable[[str], str]
) -> Stored:
    """Create an admin token; `make_value` is given its id and returns the value.

    Raises:
        InvalidValueError: it would have expired already.
        ConflictError: the name is taken.
    """
    if body.expires_at is not None and body.expires_at <= change.now_ms:
        raise InvalidValueError("must be in the future", field="expires_at")
    token_id = new_id("t-")
    value = make_value(token_id)
    row = AdminToken(
        token_id=token_id,
        name=body.name,
        digest=Secret(value).digest(),
        role=body.role,
        scopes=body.scopes,
        expires_at=body.expires_at,
        disabled=body.disabled,
        masked_value=mask(value),
        **change.stamp_created(),
    )
    await change.tx.admin.insert_token(row)
    stored = replace(describe(row), shown_once={"value": value, "last_used_at": None})
    await change.record("create", _KIND, token_id, row.name, after=stored.representation)
    return stored


async def update_admin_token(change: Change, token_id: str, body: AdminTokenPatch) -> Stored:
    """Change what an admin token may do, and until when; from the next request on.

    A time of expiry that has passed is accepted here: it ends the token now.

    Raises:
        NotFoundError, StaleVersionError, ConflictError: as everywhere; also when nobody who may
            do everything would be left.
    """
    row = await change.tx.admin.get_token(token_id)
    before = describe(row)
    change.require_match(before)
    used = {"last_used_at": row.last_used_at}
    if not body.model_fields_set:
        return replace(before, shown_once=used)
    new = replace(row, **body.changes(), **change.stamp_updated(row.version))
    await _check_last(change, row, new)
    await change.tx.admin.update_token(new)
    stored = describe(new)
    await change.record(
        "update",
        _KIND,
        token_id,
        new.name,
        before=before.representation,
        after=stored.representation,
    )
    return replace(stored, shown_once=used)


async def delete_admin_token(change: Change, token_id: str) -> None:
    """Delete an admin token: the next request with it is refused, and its sessions end.

    Raises NotFoundError, StaleVersionError, ConflictError as `update_admin_token`.
    """
    row = await change.tx.admin.get_token(token_id)
    before = describe(row)
    change.require_match(before)
    await _check_last(change, row, None)
    await change.tx.admin.delete_token(token_id)
    await change.record("delete", _KIND, token_id, row.name, before=before.representation)


async def _check_last(change: Change, row: AdminToken, new: AdminToken | None) -> None:
    if not row.is_lasting_admin or (new is not None and new.is_lasting_admin):
        return
    if change.parts.settings.admin_token is not None:
        return
    others = await change.tx.admin.list_tokens()
    if not any(found.is_lasting_admin for found in others if found.token_id != row.token_id):
        raise ConflictError(
            "it is the last token that may do everything and does not expire: make another first"
        )
