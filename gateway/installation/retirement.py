"""The end of a key term: retired, and destroyed.

Rule: a key is destroyed only when no record stands under its term, here or in what any live
process serves; backups from before cannot be read any more then.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.entities import KekState, KekTerm
from gateway.errors import RotationError
from gateway.installation.opening import Installation
from gateway.installation.rotation.lease import Lease, take_lease
from gateway.installation.rotation.runner import Actor, build_audit
from gateway.ports import Transaction

_SERVE_LIMIT_S: Final = 20.0  # a heartbeat comes every 4 s, a lease ends after 15
_LOOK_S: Final = 0.2


async def retire_term(
    installation: Installation, term: int, actor: Actor, *, destroy: bool = False
) -> None:
    """Retire a term that nothing stands under; with `destroy` forget its key for ever.

    Raises:
        RotationError: unknown, active, pending or in use; a rotation runs; or, with `destroy`, a
            live process still serves a configuration from before.
    """
    lease = await take_lease(installation.store, installation.clock)
    try:
        if destroy:
            await _wait_until_served(installation, term)
        async with lease.write() as tx:
            await _retire(lease, tx, term, actor, destroy=destroy)
        await installation.keys.load()
    finally:
        await lease.end()


async def _retire(lease: Lease, tx: Transaction, term: int, actor: Actor, *, destroy: bool) -> None:
    found = await check_term(tx, term)
    if destroy and not found.wrapped_key:
        raise RotationError(f"key term {term} was destroyed before")
    if not destroy and found.state is KekState.RETIRED:
        raise RotationError(f"key term {term} is retired already; --destroy forgets its key")
    if destroy:
        await tx.rotation.destroy_term(term)
    else:
        await tx.vault.set_term_state(term, KekState.RETIRED)
    after = None if destroy else KekState.RETIRED
    action = "delete" if destroy else "update"
    await tx.admin.insert_audit(
        build_audit(actor, lease.clock.now_ms(), action, term, found.state, after)
    )


async def check_term(tx: Transaction, term: int) -> KekTerm:
    """Return the row of a term that may end.

    Raises:
        RotationError: unknown, active or pending, or records stand under it.
    """
    found = next((row for row in await tx.vault.list_terms() if row.term == term), None)
    if found is None:
        raise RotationError(f"there is no key term {term}")
    if found.state in (KekState.ACTIVE, KekState.PENDING):
        raise RotationError(f"key term {term} is {found.state.value}: rotate first")
    records = (await tx.vault.count_records()).get(term, 0)
    if records:
        raise RotationError(
            f"{records} records stand under key term {term}: rotate first, and see "
            "`lockgate crypto verify` for those that do not open"
        )
    return found


async def _wait_until_served(installation: Installation, term: int) -> None:
    """Wait until all live processes serve what is stored now, without a record of the term."""
    async with installation.store.read() as tx:
        await check_term(tx, term)
        epoch = await tx.get_epoch()
    clock = installation.clock
    end_s = clock.monotonic_s() + _SERVE_LIMIT_S
    while True:
        async with installation.store.read() as tx:
            live = await tx.rotation.list_processes(now=clock.now_ms())
        behind = [process.name for process in live if process.served_epoch < epoch]
        if not behind:
            return
        if clock.monotonic_s() >= end_s:
            raise RotationError(
                f"{' and '.join(behind)} still serves credentials as they were before: see its "
                "log, then try again"
            )
        await asyncio.sleep(_LOOK_S)
