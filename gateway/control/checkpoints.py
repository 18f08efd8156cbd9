"""Checkpoints of the audit log in the gateway's own log.

Whoever can write to the database may put an older state of it back whole, and nothing inside of it
can tell. A log that is kept elsewhere can: `lockgate audit verify --checkpoint` takes its lines.

Rule: only an end that is as it was left is signed; one that is not is said so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from gateway.control.parts import ControlParts
from gateway.errors import LockgateError
from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain

logger = logging.getLogger("lockgate.audit")

CHECKPOINT_EVERY_S: Final = 600.0  # a line per ten minutes with changes: little, and soon enough


def build_checkpoints(parts: ControlParts) -> Callable[[web.Application], AsyncIterator[None]]:
    """Build the part of the application's life that logs checkpoints: start, between, stop."""
    chain = AuditChain(parts.deriver.derive(AUDIT_CHAIN_PURPOSE))

    async def run(_: web.Application) -> AsyncIterator[None]:
        last = await log_checkpoint(parts, chain, None)
        task = asyncio.create_task(_repeat(parts, chain, last), name="audit checkpoints")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return run


async def _repeat(parts: ControlParts, chain: AuditChain, last: str | None) -> None:
    try:
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            last = await log_checkpoint(parts, chain, last)
    finally:
        await log_checkpoint(parts, chain, last)


async def log_checkpoint(parts: ControlParts, chain: AuditChain, last: str | None) -> str | None:
    """Log where the audit log ends, if that is not where it did; return it."""
    try:
        async with parts.store.read() as tx:
            head = await tx.admin.find_audit_head()
    except LockgateError:
        return last  # the log has more about that already
    if head is None or not chain.is_head_genuine(head):
        logger.error("audit log: its end was tampered with; run `lockgate audit verify`")
        return last
    found = chain.dump_checkpoint(head) if head.last_id else None
    if found != last:
        logger.info("audit log: checkpoint %s", found)
    return found
