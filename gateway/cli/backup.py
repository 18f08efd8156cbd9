"""`lockgate backup` and `lockgate restore`: copies of the database.

Rule: a copy is written under another name and put in place whole; a root key is
never copied, because a backup with its key would be no safer than the keys in clear.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.offline import run_on_store
from gateway.cli.options import with_settings
from gateway.cli.output import print_line, print_note
from gateway.cli.refusal import Refused
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.store.sqlite import SqliteStore

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog="Example: lockgate backup /backups/lockgate-monday.db")
@click.argument("file", type=_PATH)
@with_settings
def backup(settings: Settings, file: Path) -> None:
    """Copy the database into a new FILE, also while the server runs.

    The root key is not in it: keep a copy of that elsewhere.
    """

    async def copy(store: SqliteStore) -> str:
        await store.backup(file)
        return await _name_root_key(settings, store)

    needed = run_on_store(settings, copy)
    print_line(f"backup written: {file} ({file.stat().st_size} bytes)")
    print_note(f"The root key is not in it: keep {needed} in another place.")


@click.command(
    epilog="Example: lockgate restore /backups/lockgate-monday.db --data ./lockgate-data"
)
@click.argument("file", type=_PATH)
@click.option("--replace", is_flag=True, help="Replace the database that is there.")
@with_settings
def restore(settings: Settings, file: Path, replace: bool) -> None:
    """Make FILE, a backup, the database of the data directory.

    The backup is checked first. Refused while a server uses the database.
    """
    # Late: loads the database.
    from gateway.installation import get_database_path
    from gateway.installation.files import prepare_data_dir
    from gateway.store.sqlite import restore_sqlite

    prepare_data_dir(settings.data)
    target = get_database_path(settings)
    if target.exists() and not replace:
        raise Refused(f"{target} exists already: give --replace to put the backup in its place")
    asyncio.run(restore_sqlite(file, target, replace=replace))
    print_line(f"restored: {target}")

    async def look(store: SqliteStore) -> str:
        return await _name_root_key(settings, store)

    needed = run_on_store(settings, look)
    print_note(f"It opens with {needed} of the time it was made; `lockgate doctor` checks that.")


async def _name_root_key(settings: Settings, store: SqliteStore) -> str:
    """Say what opens a database, by its own row; the settings may be for another one."""
    from gateway.installation import get_key_path  # late, as above

    async with store.read() as tx:
        meta = await tx.vault.find_meta()
    if meta is not None and meta.root_kind == "passphrase":
        return "the passphrase"
    return f"the key file {get_key_path(settings)}"
