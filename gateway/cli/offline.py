"""Commands that work on the data directory itself, with or without a running server.

Rule: the installation is opened for reading only unless the command is there to change it, and
closed whatever happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from gateway.clock import SystemClock
from gateway.errors import InstallationError
from gateway.secret import Secret
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.installation import Installation
    from gateway.store.sqlite import SqliteStore

T = TypeVar("T")

_OLDER = (
    "an older Lockgate wrote this database: `lockgate serve` brings it up to date; keep a backup "
    "for the way back"
)


def run_on_installation(
    settings: Settings,
    use: Callable[[Installation], Awaitable[T]],
    *,
    write: bool = False,
    older: bool = False,
) -> T:
    """Open the installation with its root key and give it to `use`.

    Args:
        settings: name it.
        use: called once with what was opened.
        write: lets `use` change it; a database of an older version is brought up first.
        older: take one of an older version as it is: its keys can be read, little else.

    Raises:
        StartError: there is none, it cannot be opened, or an older version wrote it.
    """
    # Late: the vault and the database take longer to load than --help takes to print.
    from gateway.installation import open_installation
    from gateway.process import harden_process

    async def run() -> T:
        installation = await open_installation(
            settings, SystemClock(), read_only=not write, create=False
        )
        try:
            if not (installation.is_current or write or older):
                raise InstallationError(_OLDER)
            return await use(installation)
        finally:
            await installation.close()

    harden_process()  # keys are in memory from here on
    return asyncio.run(run())


def make_admin_token(settings: Settings) -> tuple[str, Secret]:
    """Make a new admin token in the installation; return its name and value.

    Raises:
        StartError: there is none, or it cannot be opened.
    """
    from gateway.installation import recover_admin_token  # late, as above
    from gateway.process import harden_process

    harden_process()
    return asyncio.run(recover_admin_token(settings, SystemClock()))


def run_on_store(settings: Settings, use: Callable[[SqliteStore], Awaitable[T]]) -> T:
    """Open the database alone, without any key, and give it to `use`.

    Raises:
        StartError: there is none, or it cannot be opened.
    """
    from gateway.installation import get_database_path  # late, as above
    from gateway.installation.files import check_database_exists
    from gateway.store.sqlite import open_sqlite

    async def run() -> T:
        path = get_database_path(settings)
        check_database_exists(path)
        store = await open_sqlite(path, clock=SystemClock(), create=False, read_only=True)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())
