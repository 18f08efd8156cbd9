"""A new admin token for an installation of which none is at hand any more.

Rule: it needs the root key, as everything that writes to an installation does; nothing that is
there is taken away, and the audit log tells of it.
"""

from __future__ import annotations

from gateway.entities import AuditRow
from gateway.installation.opening import build_admin_token, open_installation
from gateway.ports import Clock
from gateway.secret import Secret
from gateway.settings import Settings

_NAME = "recovered"
_ACTOR = "lockgate tokens recover"


async def recover_admin_token(settings: Settings, clock: Clock) -> tuple[str, Secret]:
    """Make a token that may do everything; return its name and value.

    A gateway that runs on the same database accepts it within its time of following changes.

    Raises:
        InstallationError: there is no installation here.
        StartError: it cannot be opened.
        StoreUnavailableError: the database did not take it.
    """
    installation = await open_installation(settings, clock, create=False)
    try:
        token, row = build_admin_token(_NAME, clock)
        async with installation.store.write() as tx:
            await tx.admin.insert_token(row)
            await tx.admin.insert_audit(
                AuditRow(
                    at=clock.now_ms(),
                    actor=_ACTOR,
                    action="create",
                    entity_type="admin_token",
                    entity_id=row.token_id,
                    entity_name=row.name,
                    before=None,
                    after={"role": row.role.value},
                    request_id="",
                    source_address="",
                )
            )
            await tx.bump_epoch()
    finally:
        await installation.close()
    return row.name, token
