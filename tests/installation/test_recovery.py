"""A new admin token where none is at hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import PageRequest
from gateway.errors import InstallationError
from gateway.installation.recovery import recover_admin_token
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain
from gateway.store.audit_read import check_audit
from tests.installation.test_crypto import Start


async def test_one_token_is_made_and_the_log_tells_of_it(
    start: Start, settings: Settings, clock: Any
) -> None:
    """The gateway has taken its admin's token from its settings so far; none is stored."""
    made = await start(replace(settings, admin_token=Secret("token-of-the-settings")))
    name, value = await recover_admin_token(settings, clock)
    async with made.store.read() as tx:
        (token,) = await tx.admin.list_tokens()
        audit = await tx.admin.list_audit(PageRequest(limit=10))
    assert (token.name, token.digest, token.is_lasting_admin) == (name, value.digest(), True)
    assert [(row.actor, row.entity_name) for row in audit.items] == [
        ("lockgate tokens recover", name)
    ]
    chain = AuditChain(made.keyring.derive(AUDIT_CHAIN_PURPOSE))
    report, _ = await check_audit(made.store, chain)
    assert report.ok


async def test_where_there_is_none_nothing_is_made(settings: Settings, clock: Any) -> None:
    with pytest.raises(InstallationError):
        await recover_admin_token(settings, clock)
    assert not settings.data.exists()
