"""Puts the root key under another passphrase or key file.

One row changes; the root key and everything under it stay, so a running server goes on. A key
file and a row cannot change in one step: the new file is written beside the old one first
(`root.key.next`), then the row, then the files change places. A start that finds the row changed
and the files not uses the next one and finishes.

Rule: one change at a time, by the lease that rotations have; nothing is committed before the new
protection has opened the vault in memory; no key file is ever lost: the old one, which older
backups need, keeps a name of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.entities import AuditRow, VaultMeta
from gateway.errors import ConflictError, RootKeyError
from gateway.installation import files
from gateway.installation.opening import Installation
from gateway.installation.rotation.lease import Lease, take_lease
from gateway.installation.rotation.runner import Actor
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.vault.keyring import (
    KEY_FILE,
    RootProtection,
    build_key_file_protection,
    open_keyring,
)
from gateway.vault.passphrase import build_passphrase_protection, derive_unlocking_key

_CHANGED: Final = "the root key's protection was changed by another process meanwhile: look again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """What became of a change. `kept_key` is where the former key file is now, if there was one."""

    kind: str
    key_file: Path | None
    kept_key: Path | None


async def protect_with_passphrase(
    installation: Installation, settings: Settings, passphrase: Secret, actor: Actor
) -> Protected:
    """Put the root key under a passphrase. A key file stays where it is.

    Raises:
        RootKeyError: a passphrase that somebody could guess, or too little memory.
        ConflictError: another process changes the vault's keys, or has meanwhile.
    """
    protection = build_passphrase_protection(passphrase, settings.kdf)
    unlocking = await asyncio.to_thread(derive_unlocking_key, passphrase, protection)
    lease = await take_lease(installation.store, installation.clock)
    try:
        before = await _store(installation, lease, unlocking, protection, actor)
    finally:
        await lease.end()
    kept = files.get_key_path(settings) if before.root_kind == KEY_FILE else None
    return Protected(kind=protection.kind, key_file=None, kept_key=kept)


async def protect_with_key_file(
    installation: Installation,
    settings: Settings,
    actor: Actor,
    *,
    step: Callable[[str], None] = lambda _: None,
) -> Protected:
    """Put the root key under a new key file, made where the settings say.

    Raises:
        InstallationError: the file cannot be written; nothing was changed.
        ConflictError: another process changes the vault's keys, or has meanwhile.
    """
    path = files.get_key_path(settings)
    following = files.get_next_key_path(path)
    lease = await take_lease(installation.store, installation.clock)
    try:
        await _remove_leftover(installation, following)
        unlocking = await asyncio.to_thread(files.create_key, following)
        step("key-written")
        await _store(installation, lease, unlocking, build_key_file_protection(), actor)
        step("protection-stored")
        kept = await asyncio.to_thread(files.replace_key, path, installation.clock.now_ms())
    finally:
        await lease.end()
    return Protected(kind=KEY_FILE, key_file=path, kept_key=kept)


async def _remove_leftover(installation: Installation, following: Path) -> None:
    """Remove the next key file of a change that was never committed.

    Raises:
        ConflictError: it is the one that protects the root key by now.
    """
    key = await asyncio.to_thread(files.find_key, following)
    if key is None:
        return
    async with installation.store.read() as tx:
        meta, terms = await tx.vault.find_meta(), await tx.vault.list_terms()
    try:
        if meta is not None:
            open_keyring(key, meta, terms)
    except RootKeyError:
        await asyncio.to_thread(files.remove_key, following)
    else:
        raise ConflictError(_CHANGED)


async def _store(
    installation: Installation,
    lease: Lease,
    unlocking: Secret,
    protection: RootProtection,
    actor: Actor,
) -> VaultMeta:
    async with installation.store.read() as tx:
        before, terms = await tx.vault.find_meta(), await tx.vault.list_terms()
    if before is None:
        raise RootKeyError("the vault_meta row is gone: restore the database from a backup")
    after = installation.keyring.rewrap_root(before, unlocking, protection)
    open_keyring(unlocking, after, terms)
    async with lease.write() as tx:
        if await tx.vault.find_meta() != before:
            raise ConflictError(_CHANGED)
        await tx.vault.update_meta(after)
        await tx.admin.insert_audit(_build_audit(installation, actor, before, after))
    return before


def _build_audit(
    installation: Installation, actor: Actor, before: VaultMeta, after: VaultMeta
) -> AuditRow:
    return AuditRow(
        at=installation.clock.now_ms(),
        actor=actor.name,
        action="update",
        entity_type="root_key",
        entity_id=installation.keyring.installation_id,
        entity_name="root key",
        before={"root_kind": before.root_kind, "kdf": before.kdf},
        after={"root_kind": after.root_kind, "kdf": after.kdf},
        request_id=actor.request_id,
        source_address=actor.source_address,
    )
