"""Handlers of /vault."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.schema.vault import RotationStart

_OK = 200
_ACCEPTED = 202


async def get_vault(call: Call) -> Answer:
    """Answer with the state of the vault's keys."""
    return Answer(status=_OK, value=await call.parts.vault.describe())


async def get_rotation(call: Call) -> Answer:
    """Answer with the progress of the newest rotation."""
    return Answer(status=_OK, value=await call.parts.vault.progress())


async def start_rotation(call: Call) -> Answer:
    """Begin a rotation in the background; with `dry_run` only tell what it would do."""
    body: RotationStart = call.body or RotationStart()
    if body.dry_run:
        return Answer(status=_OK, value=await call.parts.vault.plan())
    progress = await call.parts.vault.rotate(
        actor=call.caller.actor,
        request_id=call.caller.request_id,
        source_address=call.caller.source_address,
        reencrypt=body.reencrypt,
    )
    return Answer(status=_ACCEPTED, value=progress)
