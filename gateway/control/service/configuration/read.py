"""Reading the configuration as a document, and noting which epoch a digest stands for.

Rule: a document that was read can be named as a base later; where that cannot be noted (a disk that
is full), it is still answered.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from gateway.control.parts import ControlParts
from gateway.control.service.configuration.document import (
    build_document,
    collector_paused,
    compute_digest,
    list_items,
)
from gateway.entities import ConfigurationState
from gateway.errors import GatewayError


async def read_document(parts: ControlParts) -> dict[str, Any]:
    """Read all as one document, with its epoch and digest."""
    async with parts.store.read() as tx:
        epoch = await tx.get_epoch()
        state_epoch = (await tx.history.get(epoch)).epoch
        state = await tx.history.read_current()
    return await describe_state(parts, state_epoch, state) | {"epoch": epoch}


async def describe_state(
    parts: ControlParts, epoch: int, state: ConfigurationState
) -> dict[str, Any]:
    """Return a state as answers have it; its document names itself as its base.

    `epoch` is the one that made it.
    """
    with collector_paused():
        document = build_document(await list_items(state))
        digest = await compute_digest(document)
    await _note(parts, epoch, digest)
    named = {"lockgate": document["lockgate"], "base": digest} | document
    return {"epoch": epoch, "digest": digest, "document": named}


async def _note(parts: ControlParts, epoch: int, digest: str) -> None:
    async with parts.store.read() as tx:
        if await tx.history.find_digest(digest) == epoch:
            return
    with suppress(GatewayError):
        async with parts.store.write() as tx:
            await tx.history.note_digest(epoch, digest)
