"""A running gateway's vault beside its control plane: advice, and a stop in the middle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.installation import Installation, crypto_verify, open_installation
from gateway.installation.service import VaultService
from gateway.settings import Settings
from tests.installation.test_crypto import add_secrets

Start = Callable[..., Awaitable[Installation]]
ME = {"actor": "admin", "request_id": "r", "source_address": "192.0.2.1"}


async def _follow() -> None:
    """Nobody serves."""


async def test_advice_is_logged_at_the_start(
    start: Start, settings: Settings, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = await start(settings)
    clock.at_ms += 400 * 86_400_000
    service = VaultService(made, _follow)
    with caplog.at_level(logging.WARNING, "lockgate.vault"):
        service.start()
        async with asyncio.timeout(20):
            while not caplog.messages:
                await asyncio.sleep(0.01)
    await service.stop()
    assert caplog.messages == ["vault: key term 1 is 400 days old: rotate it"]


async def test_stopped_in_the_middle_another_goes_on_at_once(tmp_path: Path) -> None:
    made = await open_installation(Settings(data=tmp_path / "data"), SystemClock())
    await add_secrets(made, *(f"n{number:03}" for number in range(120)))
    stuck = asyncio.Event()

    async def hang() -> None:
        stuck.set()
        await asyncio.Event().wait()

    first = VaultService(made, hang)
    beginning = asyncio.create_task(first.rotate(**ME, reencrypt=False))
    await stuck.wait()
    await first.stop()
    shown = await beginning
    assert (shown["phase"], shown["running"]) == ("loading", False)
    second = VaultService(made, _follow)
    await second.rotate(**ME, reencrypt=False)
    async with asyncio.timeout(30):
        while (shown := await second.progress())["running"]:
            await asyncio.sleep(0.01)
    assert (shown["phase"], shown["moved"], shown["fault"]) == ("done", 120, None)
    assert (await crypto_verify(made)).ok
    await made.close()


async def test_what_stops_a_rotation_is_shown(tmp_path: Path) -> None:
    made = await open_installation(Settings(data=tmp_path / "data"), SystemClock())

    async def break_down() -> None:
        raise RuntimeError("nobody expected this")

    service = VaultService(made, break_down)
    await service.rotate(**ME, reencrypt=False)
    async with asyncio.timeout(30):
        while (shown := await service.progress())["running"]:
            await asyncio.sleep(0.01)
    assert shown["fault"] == "unexpected failure: see the log of the gateway"
    assert shown["phase"] == "loading"
    await made.close()
