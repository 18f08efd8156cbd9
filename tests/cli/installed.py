"""A data directory with stored credentials, made as a server makes it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gateway.clock import SystemClock
from gateway.entities import GatewaySecretInfo, SealedSecret, SecretId
from gateway.installation import Installation, open_installation
from gateway.providers import allowed_origin
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.store import sql
from gateway.store.migrate import load_migrations
from gateway.vault.envelope import secret_context

CANARY = "canary-key-of-the-vault"


def install(data: Path, *names: str) -> None:
    """Make the installation and store a credential under each name."""

    async def fill(installation: Installation) -> None:
        async with installation.store.write() as transaction:
            for name in names:
                info, sealed = seal(installation, name)
                await transaction.secrets.insert(info, sealed)
                await transaction.vault.add_wraps(sealed.kek_term, 1)
            await transaction.bump_epoch()

    change(data, fill)


def change(data: Path, work: Callable[[Installation], Awaitable[None]]) -> None:
    """Open the installation for writing and work on it."""

    async def run() -> None:
        installation = await open_installation(Settings(data=data), SystemClock())
        try:
            await work(installation)
        finally:
            await installation.close()

    asyncio.run(run())


def seal(installation: Installation, name: str) -> tuple[GatewaySecretInfo, SealedSecret]:
    """Build the rows of one sealed credential."""
    at = installation.clock.now_ms()
    secret_id = SecretId(f"s-{name.encode().hex():0>32}"[:34])
    info = GatewaySecretInfo(
        secret_id=secret_id,
        secret_name=name,
        masked_values={"api_key": "***"},
        provider="openai",
        auth_config=None,
        created_at=at,
        last_updated_at=at,
        created_by="test",
        last_updated_by="test",
    )
    draft = SealedSecret(
        secret_id=secret_id,
        secret_name=name,
        provider="openai",
        auth_config=None,
        secret_version=1,
        kek_term=installation.sealer.active_term,
        record=b"",
    )
    context = secret_context(draft, allowed_origin("openai", None))
    return info, replace(draft, record=installation.sealer.seal(context, Secret(CANARY)))


def break_record(data: Path, name: str) -> None:
    """Change the last byte of a stored record, as a failing disk would."""

    async def flip(installation: Installation) -> None:
        info, sealed = seal(installation, name)
        broken = sealed.record[:-1] + bytes([sealed.record[-1] ^ 1])
        async with installation.store.write() as transaction:
            await transaction.secrets.update(
                replace(info, version=2), replace(sealed, record=broken)
            )

    change(data, flip)


def tamper(data: Path, statement: str) -> None:
    """Do what somebody with the database file alone can do."""
    with closing(sqlite3.connect(data / "lockgate.db")) as connection, connection:
        connection.execute(statement)


def build_older(data: Path, version: int) -> None:
    """Make an installation as a Lockgate left it that knew no migration above `version`."""
    install(data)
    newest, path = data / "newest.db", data / "lockgate.db"
    path.replace(newest)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql.MIGRATIONS_CREATE)
        for migration in load_migrations("sqlite"):
            if migration.version <= version:
                connection.executescript(migration.text)
                known = migration.applied
                connection.execute(
                    "INSERT INTO schema_migrations VALUES (?, ?, ?, 1)",
                    (known.version, known.name, known.checksum),
                )
        connection.execute("ATTACH DATABASE ? AS newest", (str(newest),))
        connection.execute("INSERT INTO vault_meta SELECT * FROM newest.vault_meta")
        connection.execute("INSERT INTO kek_terms SELECT * FROM newest.kek_terms")
    newest.unlink()
    path.chmod(0o600)


def read_tree(data: Path) -> dict[str, bytes]:
    """Return every file below `data` with its content."""
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file()
    }
