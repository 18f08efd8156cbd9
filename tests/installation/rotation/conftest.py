"""An installation with credentials, and what a runner needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.entities import KekState, PageRequest, SealedSecret, ServingProcess
from gateway.installation import Installation, crypto_verify, open_installation
from gateway.installation.rotation import Actor, RotationParts
from gateway.settings import Settings
from tests.installation.test_crypto import add_secrets

PAYLOAD_AT = 70
LEASE_MS = 300


@dataclass
class Stage:
    """An installation about to be rotated."""

    installation: Installation
    parts: RotationParts

    def with_(self, **changes: Any) -> RotationParts:
        return replace(self.parts, **changes)

    async def states(self) -> dict[int, str]:
        async with self.installation.store.read() as tx:
            return {term.term: term.state.value for term in await tx.vault.list_terms()}

    async def records(self) -> dict[str, SealedSecret]:
        async with self.installation.store.read() as tx:
            page = await tx.secrets.list_sealed(PageRequest(limit=1000))
        return {row.secret_name: row for row in page.items}

    async def check_whole(self) -> None:
        """Every record opens, under a term that is in use, and one term is active."""
        await self.installation.keys.load()
        report = await crypto_verify(self.installation)
        assert report.failed == ()
        states = await self.states()
        assert list(states.values()).count(KekState.ACTIVE.value) == 1
        in_use = {row.kek_term for row in (await self.records()).values()}
        assert {states[term] for term in in_use} <= {"active", "decrypt_only"}

    async def serve(self, *, loaded_term: int, lease_until: int | None = None) -> None:
        """Say that a gateway on another machine serves."""
        now = self.installation.clock.now_ms()
        row = ServingProcess(
            process_id="p",
            host="elsewhere",
            pid=7,
            workers=1,
            started_at=now,
            seen_at=now,
            lease_until=now + 60_000 if lease_until is None else lease_until,
            loaded_term=loaded_term,
            served_epoch=10**6,
        )
        async with self.installation.store.write() as tx:
            await tx.rotation.put_process(row)


Build = Callable[[int], Awaitable[Stage]]


@pytest.fixture
async def build(tmp_path: Path) -> Any:
    opened: list[Installation] = []

    async def build_one(count: int) -> Stage:
        installation = await open_installation(Settings(data=tmp_path / "data"), SystemClock())
        opened.append(installation)
        await add_secrets(installation, *(f"n{number:03}" for number in range(count)))
        parts = RotationParts(
            store=installation.store,
            keys=installation.keys,
            clock=installation.clock,
            actor=Actor(name="tester", request_id="r-1", source_address="192.0.2.1"),
            lease_ms=LEASE_MS,
            load_limit_s=0.5,
        )
        return Stage(installation, parts)

    yield build_one
    for installation in opened:
        await installation.close()


@pytest.fixture
async def stage(build: Build) -> Stage:
    return await build(3)
