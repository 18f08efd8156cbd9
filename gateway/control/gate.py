"""The gate before credentials that somebody may be guessing: who waits, who is refused.

A token that we made has 256 bits: nobody guesses it, so whoever shows one is let in at once,
whatever others do from the same address. The gate stands before everything else: the token of
the settings, which a person has chosen, and what is nobody's.

Rule: a refusal says when to come again; log and audit get a bounded number of entries, and never
the credential.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from gateway.control.parts import ControlParts
from gateway.control.throttle import parse_source
from gateway.entities import AuditRow
from gateway.errors import DatabaseDamagedError, GatewayError, TooManyAttemptsError

logger = logging.getLogger("lockgate.control")

ACTION: Final = "refuse"
_MOST_HELD: Final = 64  # requests that wait at the same time; a connection each


def is_suspect(parts: ControlParts, address: str) -> bool:
    """Tell whether wrong credentials came from this address lately."""
    return parts.throttle.knows(parse_source(address), parts.clock.monotonic_s())


async def wait_turn(parts: ControlParts, address: str) -> None:
    """Wait until a try from this address may be looked at.

    Raises:
        TooManyAttemptsError: too many were wrong; knows when to come again.
    """
    turn = parts.throttle.plan(parse_source(address), parts.clock.monotonic_s())
    if turn.refused or (turn.wait_s > 0 and parts.gate.held >= _MOST_HELD):
        raise TooManyAttemptsError(
            "too many wrong credentials from this address: try again later",
            retry_after_s=max(turn.wait_s, 1.0),
        )
    if turn.wait_s > 0:
        parts.gate.held += 1
        try:
            await parts.gate.sleep(turn.wait_s)
        finally:
            parts.gate.held -= 1


async def note_failure(parts: ControlParts, address: str, request_id: str) -> None:
    """Count a wrong credential; log and audit it when it is one of many."""
    source = parse_source(address)
    count = parts.throttle.note_failure(source, parts.clock.monotonic_s())
    if count is None:
        return
    logger.warning("%d wrong credentials of admins from %s", count, source)
    row = AuditRow(
        at=parts.clock.now_ms(),
        actor="anonymous",
        action=ACTION,
        entity_type="session",
        entity_id=source,
        entity_name=source,
        before=None,
        after={"wrong_credentials": count},
        request_id=request_id,
        source_address=address,
    )
    with suppress(GatewayError, DatabaseDamagedError):  # the log has it
        async with parts.store.write() as tx:
            await tx.admin.insert_audit(row)


def note_success(parts: ControlParts, address: str) -> None:
    """Forget what was wrong from this address before."""
    parts.throttle.note_success(parse_source(address))
