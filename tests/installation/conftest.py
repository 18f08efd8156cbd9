"""A clock that is set by hand, and settings in a directory of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.installation import Installation, open_installation
from gateway.settings import Settings


class SetClock:
    """A `Clock` that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
async def start(clock: SetClock) -> AsyncIterator[Callable[..., Awaitable[Installation]]]:
    """Open installations that are closed when the test ends."""
    opened: list[Installation] = []

    async def open_one(settings: Settings, **options: Any) -> Installation:
        installation = await open_installation(settings, clock, **options)
        opened.append(installation)
        return installation

    yield open_one
    for installation in opened:
        await installation.close()
