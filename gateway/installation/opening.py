"""Opening an installation, and making it at the first start.

Order of a first start: directory, key file, database, then vault rows in one
transaction. A crash after any of them is taken up by the next start: a key file
without vault rows is used, a database without them is filled.

Rule: an existing database is read first and written only after its root key was
found right, but for an older schema, which is brought up before it can be read.
No path through here makes a new root key beside stored secrets.
"""

from __future__ import annotations

import asyncio
import logging
import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gateway.entities import ADMIN_TOKEN_PREFIX, AdminToken, AuditRow, KekTerm, VaultMeta
from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    RootKeyError,
    SchemaTooNewError,
)
from gateway.installation import files
from gateway.installation.keys import KeyLoader
from gateway.ports import Clock, Opener, Sealer, Store
from gateway.process import PASSPHRASE_VARIABLE, forget_passphrase_variable
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE
from gateway.store.migrate import load_migrations
from gateway.store.spool_file import count_rows, list_spools
from gateway.store.sqlite import is_empty_database, open_sqlite
from gateway.store.sqlite_files import inspect_file
from gateway.vault import aead
from gateway.vault.envelope import RecordOpener, RecordSealer
from gateway.vault.keyring import (
    KEY_FILE,
    Keyring,
    RootProtection,
    build_key_file_protection,
    create_installation,
    open_keyring,
)
from gateway.vault.passphrase import build_passphrase_protection, derive_unlocking_key

logger = logging.getLogger("lockgate.audit")

FIRST_TOKEN_NAME = "first-start"  # noqa: S105  # a row's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An opened installation. `admin_token` is set once, at the start that made it."""

    store: Store
    keyring: Keyring
    keys: KeyLoader  # brings the keyring to what the database has
    sealer: Sealer
    opener: Opener
    clock: Clock = field(repr=False)
    data_dir: Path
    first_start: bool
    admin_token: Secret | None
    is_current: bool = True  # the schema; an older one is only looked at

    async def close(self) -> None:
        """Close the database."""
        await self.store.close()


async def open_installation(
    settings: Settings, clock: Clock, *, read_only: bool = False, create: bool = True
) -> Installation:
    """Open the installation that `settings` name; make it where there is none.

    With `read_only` nothing is made or changed, without `create` nothing is made; a server may run
    meanwhile.

    Raises:
        InstallationError: the data directory cannot be used, or there is nothing to be opened.
        RootKeyError: the root key is missing, unreadable, too weak or wrong.
        DatabaseDamagedError, SchemaTooNewError: from the store.
    """
    path = files.get_database_path(settings)
    with _naming(path):
        if read_only:
            return await _open_read_only(settings, clock, path)
        if not create:
            return await _open_existing(settings, clock, path)
        return await _open(settings, clock, path)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file a complaint is about: store and vault know its content, not its name."""
    try:
        yield
    except (DatabaseDamagedError, RootKeyError, SchemaTooNewError) as error:
        if error.field is not None or str(path.parent) in error.detail:
            raise  # it is about a setting or names its file itself
        raise type(error)(f"{path}: {error.detail}", field=error.field) from None


async def _open(settings: Settings, clock: Clock, path: Path) -> Installation:
    await asyncio.to_thread(files.prepare_data_dir, settings.data)
    if await asyncio.to_thread(is_empty_database, path):
        await asyncio.to_thread(_check_no_rows_wait, settings, path)
        protected = await asyncio.to_thread(_protect, settings)
        return await _open_for_writing(settings, clock, path, None, protected)
    return await _open_for_writing(settings, clock, path, await _look_at(settings, clock, path))


def _check_no_rows_wait(settings: Settings, path: Path) -> None:
    """Make no new database where rows wait for one that is away."""
    waiting = [found for found in list_spools(settings.data) if count_rows(found)]
    if waiting:
        raise InstallationError(
            f"the database {path} is missing, but usage rows wait for it in {waiting[0]}: put the "
            "database back, or restore a backup; to begin anew, move that file away",
            field="data",
        )


async def _open_for_writing(
    settings: Settings,
    clock: Clock,
    path: Path,
    keyring: Keyring | None,
    protected: tuple[RootProtection, Secret] | None = None,
) -> Installation:
    async with _kept_open(await open_sqlite(path, clock=clock)) as store:
        opened = keyring or await _find_keyring(settings, store)
        first_start = opened is None
        if opened is None:
            if protected is None:
                protected = await asyncio.to_thread(_protect, settings)
            opened = await _create_vault(settings, clock, store, protected)
        await _settle_key_file(settings, clock, store)
        await _begin_audit(store, opened)
        token = await _ensure_admin_token(settings, clock, store)
        return _build(settings, clock, store, opened, first_start=first_start, admin_token=token)


async def _open_read_only(settings: Settings, clock: Clock, path: Path) -> Installation:
    await asyncio.to_thread(files.check_database_exists, path)
    opened = await open_sqlite(path, clock=clock, create=False, read_only=True)
    async with _kept_open(opened) as store:
        keyring = await _find_keyring(settings, store)
        pending = await asyncio.to_thread(inspect_file, path, load_migrations("sqlite"))
        if keyring is not None:
            store.chain_audit(keyring.derive(AUDIT_CHAIN_PURPOSE))
            return _build(settings, clock, store, keyring, is_current=not pending)
        raise _build_unused_error(path)


async def _open_existing(settings: Settings, clock: Clock, path: Path) -> Installation:
    """Open for writing what was found right by reading."""
    looked_at = await _open_read_only(settings, clock, path)
    await looked_at.close()
    opened = await open_sqlite(path, clock=clock, create=False)
    async with _kept_open(opened) as store:
        await _settle_key_file(settings, clock, store)
        await _begin_audit(store, looked_at.keyring)
        return _build(settings, clock, store, looked_at.keyring)


def _build_unused_error(path: Path) -> InstallationError:
    return InstallationError(
        f"the database {path} was never started with: run `lockgate serve` once", field="data"
    )


async def _look_at(settings: Settings, clock: Clock, path: Path) -> Keyring | None:
    """Find the keyring without writing; None also where the schema has yet to be brought up."""
    if await asyncio.to_thread(inspect_file, path, load_migrations("sqlite")):
        return None
    store = await open_sqlite(path, clock=clock, create=False, read_only=True)
    try:
        return await _find_keyring(settings, store)
    finally:
        await store.close()


@asynccontextmanager
async def _kept_open(store: Store) -> AsyncIterator[Store]:
    try:
        yield store
    except BaseException:
        await store.close()
        raise


def _build(
    settings: Settings,
    clock: Clock,
    store: Store,
    keyring: Keyring,
    *,
    first_start: bool = False,
    admin_token: Secret | None = None,
    is_current: bool = True,
) -> Installation:
    forget_passphrase_variable()
    return Installation(
        store=store,
        keyring=keyring,
        keys=KeyLoader(store, keyring),
        sealer=RecordSealer(keyring),
        opener=RecordOpener(keyring),
        clock=clock,
        data_dir=settings.data,
        first_start=first_start,
        admin_token=admin_token,
        is_current=is_current,
    )


# --- vault rows ---------------------------------------------------------------------------


async def _find_keyring(settings: Settings, store: Store) -> Keyring | None:
    async with store.read() as transaction:
        meta = await transaction.vault.find_meta()
        terms = await transaction.vault.list_terms()
        secrets = await transaction.secrets.count()
    if meta is None:
        _check_unused(terms, secrets)
        return None
    return await _unlock(settings, meta, terms)


def _check_unused(terms: Sequence[KekTerm], secrets: int) -> None:
    if terms or secrets:
        raise DatabaseDamagedError(
            "the database has sealed secrets or keys but no vault_meta row: "
            "restore it from a backup"
        )


def _protect(settings: Settings) -> tuple[RootProtection, Secret]:
    passphrase = _find_passphrase(settings)
    if passphrase is None:
        path = files.get_key_path(settings)
        return build_key_file_protection(), files.find_key(path) or files.create_key(path)
    protection = build_passphrase_protection(passphrase, settings.kdf)
    return protection, derive_unlocking_key(passphrase, protection)


async def _create_vault(
    settings: Settings, clock: Clock, store: Store, protected: tuple[RootProtection, Secret]
) -> Keyring:
    """Write the first vault rows; where another process was faster, take its."""
    protection, unlocking = protected
    meta, term = create_installation(unlocking, protection, created_at=clock.now_ms())
    async with store.write() as transaction:
        found = await transaction.vault.find_meta()
        terms = await transaction.vault.list_terms()
        if found is None:
            await transaction.vault.insert_meta(meta)
            await transaction.vault.insert_term(term)
    if found is None:
        return open_keyring(unlocking, meta, (term,))
    return await _unlock(settings, found, terms)


async def _unlock(settings: Settings, meta: VaultMeta, terms: Sequence[KekTerm]) -> Keyring:
    following = await asyncio.to_thread(_find_next_key, settings, meta)
    if following is not None:
        with suppress(RootKeyError):
            return open_keyring(following, meta, terms)
    unlocking = await asyncio.to_thread(_get_unlocking_key, settings, meta)
    return open_keyring(unlocking, meta, terms)


async def _settle_key_file(settings: Settings, clock: Clock, store: Store) -> None:
    """Finish a change of the key file whose process was killed (see `protection`)."""
    async with store.read() as transaction:
        meta = await transaction.vault.find_meta()
        terms = await transaction.vault.list_terms()
    following = None if meta is None else await asyncio.to_thread(_find_next_key, settings, meta)
    if meta is None or following is None:
        return
    with suppress(RootKeyError):  # then the row never changed, and the next change removes it
        open_keyring(following, meta, terms)
        await asyncio.to_thread(files.replace_key, files.get_key_path(settings), clock.now_ms())


def _find_next_key(settings: Settings, meta: VaultMeta) -> Secret | None:
    """Find the key file of a change of protection that has ended before the files changed places.

    Or before the row did: then it opens nothing, and the one in its place is right.
    """
    if meta.root_kind != KEY_FILE:
        return None
    return files.find_key(files.get_next_key_path(files.get_key_path(settings)))


# --- the audit log ------------------------------------------------------------------------


async def _begin_audit(store: Store, keyring: Keyring) -> None:
    """Give the store the chain's key; the first time, take the rows of before into the chain."""
    store.chain_audit(keyring.derive(AUDIT_CHAIN_PURPOSE))
    async with store.read() as transaction:
        if await transaction.admin.find_audit_head() is not None:
            return
    async with store.write() as transaction:
        adopted = await transaction.admin.begin_audit()
    if adopted:
        logger.warning("audit log: took %d rows from before it was a chain into it", adopted)


# --- the first admin token ----------------------------------------------------------------


async def _ensure_admin_token(settings: Settings, clock: Clock, store: Store) -> Secret | None:
    if settings.admin_token is not None:
        return None
    async with store.read() as transaction:
        if _has_lasting_admin(await transaction.admin.list_tokens()):
            return None
    async with store.write() as transaction:
        if _has_lasting_admin(await transaction.admin.list_tokens()):
            return None
        token, row = build_admin_token(FIRST_TOKEN_NAME, clock)
        await transaction.admin.insert_token(row)
        await transaction.admin.insert_audit(_build_audit_row(row))
    return token


def _build_audit_row(token: AdminToken) -> AuditRow:
    return AuditRow(
        at=token.created_at,
        actor="lockgate",
        action="create",
        entity_type="admin_token",
        entity_id=token.token_id,
        entity_name=token.name,
        before=None,
        after={"name": token.name, "created_at": token.created_at},
        request_id="",
        source_address="",
    )


def build_admin_token(name: str, clock: Clock) -> tuple[Secret, AdminToken]:
    """Build a token that may do everything, and its row; `name` is made unique."""
    text = urlsafe_b64encode(aead.random_bytes(32)).rstrip(b"=").decode()
    token = Secret(ADMIN_TOKEN_PREFIX + text)
    token_id = aead.random_bytes(16).hex()
    now_ms = clock.now_ms()
    return token, AdminToken(
        token_id=f"t-{token_id}",
        name=f"{name}-{token_id[:8]}",
        digest=token.digest(),
        masked_value=token.mask(),
        created_at=now_ms,
        last_updated_at=now_ms,
    )


def _has_lasting_admin(tokens: Sequence[AdminToken]) -> bool:
    return any(token.is_lasting_admin for token in tokens)


# --- root key -----------------------------------------------------------------------------


def _get_unlocking_key(settings: Settings, meta: VaultMeta) -> Secret:
    passphrase = _find_passphrase(settings)
    if meta.root_kind == KEY_FILE:
        return _get_key_file(settings, given=passphrase is not None)
    if passphrase is None:
        raise RootKeyError(
            "this database is protected by a passphrase: give it as "
            f"{PASSPHRASE_VARIABLE} or name its file in {PASSPHRASE_VARIABLE}_FILE",
            field="passphrase",
        )
    return derive_unlocking_key(passphrase, meta)


def _get_key_file(settings: Settings, *, given: bool) -> Secret:
    if given:
        raise RootKeyError(
            "this database is protected by a key file, not by a passphrase: "
            "give no passphrase to open it",
            field="passphrase",
        )
    path = files.get_key_path(settings)
    key = files.find_key(path)
    if key is None:
        raise RootKeyError(
            f"missing key file {path} beside a database that was sealed with it: "
            "restore it from where you keep its copy, or name it with LOCKGATE_KEY_FILE",
            field="key_file",
        )
    return key


def _find_passphrase(settings: Settings) -> Secret | None:
    if settings.passphrase_file is not None:
        return files.read_passphrase_file(settings.passphrase_file)
    if settings.passphrase is None and os.environ.get(PASSPHRASE_VARIABLE) == "":
        raise RootKeyError(
            f"{PASSPHRASE_VARIABLE} is set but empty: give a passphrase or unset it",
            field="passphrase",
        )
    return settings.passphrase
