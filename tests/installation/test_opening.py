import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.entities import AdminToken, SealContext
from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    LockgateError,
    RootKeyError,
    StoreUnavailableError,
)
from gateway.installation import Installation, get_database_path, get_key_path
from gateway.ports import Clock
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.store.sqlite import open_sqlite

Start = Callable[..., Awaitable[Installation]]
PASSPHRASE = Secret("seven lanterns over wet slate")
VALUE = Secret('{"api_key": "canary-key-installation"}')
CONTEXT = SealContext(
    table="secrets",
    row_id="s-1",
    name="n",
    field="secret_value",
    version=1,
    provider="openai",
    origin="https://api.openai.com:443",
)


@pytest.fixture
def protected(settings: Settings) -> Settings:
    return replace(settings, passphrase=PASSPHRASE, kdf="pbkdf2_sha256")


async def start_and_stop(start: Start, settings: Settings) -> bytes:
    """Start once; return a record sealed by this start."""
    installation = await start(settings)
    record = installation.sealer.seal(CONTEXT, VALUE)
    await installation.close()
    return record


def read_all(directory: Path) -> dict[str, bytes]:
    """Return name and content of every file, without those that SQLite makes to read."""
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if not path.name.endswith(("-shm", "-wal"))
    }


async def list_tokens(installation: Installation) -> tuple[AdminToken, ...]:
    async with installation.store.read() as transaction:
        return await transaction.admin.list_tokens()


async def refuse(
    start: Start, settings: Settings, error: type[LockgateError], *words: str, **options: Any
) -> None:
    """Expect one line with `words`, and not a byte changed on the disk."""
    before = read_all(settings.data) if settings.data.is_dir() else None
    with pytest.raises(error) as caught:
        await start(settings, **options)
    assert "\n" not in caught.value.detail
    for word in words:
        assert word in caught.value.detail
    after = read_all(settings.data) if settings.data.is_dir() else None
    assert (after or {}) == (before or {})


# --- first start and restart --------------------------------------------------------------


async def test_the_first_start_makes_everything(start: Start, settings: Settings) -> None:
    installation = await start(settings)
    assert installation.first_start
    assert installation.data_dir == settings.data
    assert get_key_path(settings).stat().st_size == 32
    async with installation.store.read() as transaction:
        meta = await transaction.vault.find_meta()
        terms = await transaction.vault.list_terms()
    assert meta is not None
    assert (meta.root_kind, meta.created_at) == ("key_file", 1_700_000_000_000)
    assert [row.term for row in terms] == [1]


async def test_what_one_start_seals_the_next_opens(start: Start, settings: Settings) -> None:
    record = await start_and_stop(start, settings)
    installation = await start(settings)
    assert not installation.first_start
    assert installation.opener.open(CONTEXT, record) == VALUE


async def test_the_first_admin_token_is_given_once_and_kept_hashed(
    start: Start, settings: Settings
) -> None:
    first = await start(settings)
    assert first.admin_token is not None
    assert len(first.admin_token) == len("lgadm-") + 43
    assert [row.digest for row in await list_tokens(first)] == [first.admin_token.digest()]
    await first.close()
    second = await start(settings)
    assert second.admin_token is None
    assert len(await list_tokens(second)) == 1


async def test_no_admin_token_is_made_where_the_settings_have_one(
    start: Start, settings: Settings
) -> None:
    installation = await start(replace(settings, admin_token=Secret("canary-admin-token")))
    assert installation.admin_token is None
    assert await list_tokens(installation) == ()


async def test_two_first_starts_at_once_make_one_installation(
    start: Start, settings: Settings
) -> None:
    one, two = await asyncio.gather(start(settings), start(settings))
    assert one.keyring.installation_id == two.keyring.installation_id
    assert two.opener.open(CONTEXT, one.sealer.seal(CONTEXT, VALUE)) == VALUE
    assert sorted(token is None for token in (one.admin_token, two.admin_token)) == [False, True]
    assert len(await list_tokens(one)) == 1


async def test_no_value_of_an_installation_is_shown(start: Start, settings: Settings) -> None:
    installation = await start(settings)
    shown = repr(installation)
    assert "lgadm" not in shown
    assert "Secret(***)" in shown


# --- passphrase ---------------------------------------------------------------------------


async def test_a_passphrase_takes_the_place_of_the_key_file(
    start: Start, protected: Settings
) -> None:
    record = await start_and_stop(start, protected)
    assert not get_key_path(protected).exists()
    installation = await start(protected)
    assert installation.opener.open(CONTEXT, record) == VALUE


async def test_a_passphrase_file_is_the_same_as_the_passphrase(
    start: Start, protected: Settings, tmp_path: Path
) -> None:
    await start_and_stop(start, protected)
    (tmp_path / "phrase").write_text("seven lanterns over wet slate\n")
    installation = await start(
        replace(protected, passphrase=None, passphrase_file=tmp_path / "phrase")
    )
    assert not installation.first_start


async def test_the_passphrase_leaves_the_environment(
    start: Start, protected: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", "seven lanterns over wet slate")
    await start(protected)
    assert "LOCKGATE_PASSPHRASE" not in os.environ


async def test_wrong_passphrase(start: Start, protected: Settings) -> None:
    await start_and_stop(start, protected)
    wrong = replace(protected, passphrase=Secret("seven lanterns over dry slate"))
    await refuse(start, wrong, RootKeyError, "passphrase is not the one", "give the right")


async def test_weak_passphrase_makes_nothing(start: Start, settings: Settings) -> None:
    for weak in ("", "short", "changeme-changeme"):
        await refuse(start, replace(settings, passphrase=Secret(weak)), RootKeyError, "passphrase")


async def test_an_empty_variable_is_no_reason_to_make_a_key_file(
    start: Start, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKGATE_PASSPHRASE", "")
    await refuse(start, settings, RootKeyError, "set but empty", "unset it")


async def test_passphrase_for_a_database_with_a_key_file(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    given = replace(settings, passphrase=PASSPHRASE)
    await refuse(start, given, RootKeyError, "protected by a key file")


async def test_no_passphrase_for_a_database_with_one(start: Start, protected: Settings) -> None:
    await start_and_stop(start, protected)
    missing = replace(protected, passphrase=None)
    await refuse(start, missing, RootKeyError, "LOCKGATE_PASSPHRASE", "protected by a passphrase")


# --- key file -----------------------------------------------------------------------------


async def test_missing_key_file_beside_a_sealed_database(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    get_key_path(settings).unlink()
    await refuse(start, settings, RootKeyError, "missing key file", "restore it")
    assert not get_key_path(settings).exists()


async def test_wrong_key_file(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    get_key_path(settings).write_bytes(b"x" * 32)
    await refuse(start, settings, RootKeyError, "key file is not the one", "restore the right")


async def test_a_key_file_elsewhere(start: Start, settings: Settings, tmp_path: Path) -> None:
    elsewhere = replace(settings, key_file=tmp_path / "elsewhere.key")
    record = await start_and_stop(start, elsewhere)
    assert not (settings.data / "root.key").exists()
    await refuse(start, settings, RootKeyError, "missing key file")
    assert (await start(elsewhere)).opener.open(CONTEXT, record) == VALUE


async def test_a_complaint_about_another_file_does_not_name_the_database(
    start: Start, settings: Settings, tmp_path: Path
) -> None:
    """A folder is what a container makes of a mount whose source is missing."""
    (tmp_path / "mount").mkdir()
    with pytest.raises(RootKeyError) as caught:
        await start(replace(settings, key_file=tmp_path / "mount"))
    assert caught.value.detail.startswith(f"the key file {tmp_path / 'mount'} is not a plain file")
    assert "LOCKGATE_KEY_FILE" in caught.value.detail


# --- crashes between the steps of a first start -------------------------------------------


async def test_crash_after_the_key_file(start: Start, settings: Settings) -> None:
    settings.data.mkdir()
    get_key_path(settings).write_bytes(b"k" * 32)
    get_key_path(settings).chmod(0o600)
    record = await start_and_stop(start, settings)
    assert get_key_path(settings).read_bytes() == b"k" * 32
    assert (await start(settings)).opener.open(CONTEXT, record) == VALUE


async def test_crash_after_an_empty_database_file(start: Start, settings: Settings) -> None:
    settings.data.mkdir()
    get_database_path(settings).write_bytes(b"")
    assert (await start(settings)).first_start


async def test_crash_before_the_vault_rows(start: Start, settings: Settings, clock: Clock) -> None:
    settings.data.mkdir()
    store = await open_sqlite(get_database_path(settings), clock=clock)
    await store.close()
    await refuse(start, settings, InstallationError, "lockgate serve", read_only=True)
    installation = await start(settings)
    assert installation.first_start
    assert installation.admin_token is not None


async def test_crash_before_the_admin_token(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    with closing(sqlite3.connect(get_database_path(settings))) as database, database:
        database.execute("DELETE FROM admin_tokens")
    installation = await start(settings)
    assert not installation.first_start
    assert installation.admin_token is not None


# --- damaged databases --------------------------------------------------------------------


async def test_no_new_root_key_beside_stored_keys(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    with closing(sqlite3.connect(get_database_path(settings))) as database, database:
        database.execute("DELETE FROM vault_meta")
    await refuse(start, settings, DatabaseDamagedError, "no vault_meta row", "backup")


@pytest.mark.parametrize("lose", [Path.unlink, partial(os.truncate, length=0)])
async def test_no_new_root_key_beside_the_log_of_a_lost_database(
    start: Start, settings: Settings, lose: Callable[[Path], None]
) -> None:
    """The log may hold all secrets; SQLite would delete it, were a new database made."""
    await start_and_stop(start, settings)
    database = get_database_path(settings)
    lose(database)
    get_key_path(settings).unlink()
    log = database.with_name(f"{database.name}-wal")
    log.write_bytes(b"frames")
    await refuse(start, settings, DatabaseDamagedError, "lockgate.db-wal is there", "put the file")
    await refuse(start, settings, LockgateError, "lockgate.db", read_only=True)
    assert log.read_bytes() == b"frames"
    assert not get_key_path(settings).exists()


async def test_a_file_that_is_no_database(start: Start, settings: Settings) -> None:
    settings.data.mkdir()
    get_database_path(settings).write_bytes(b"this is no database" * 100)
    await refuse(start, settings, DatabaseDamagedError)


async def test_a_data_directory_that_is_a_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(InstallationError):
        await start(Settings(data=tmp_path / "data"))


# --- read-only ----------------------------------------------------------------------------


async def test_read_only_makes_nothing(start: Start, settings: Settings) -> None:
    await refuse(start, settings, InstallationError, "no database", "--data", read_only=True)
    assert not settings.data.exists()


async def test_read_only_opens_beside_a_running_server(start: Start, settings: Settings) -> None:
    server = await start(settings)
    record = server.sealer.seal(CONTEXT, VALUE)
    looker = await start(settings, read_only=True)
    assert looker.opener.open(CONTEXT, record) == VALUE
    assert looker.admin_token is None
    assert not looker.first_start


async def test_read_only_cannot_write(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    looker = await start(settings, read_only=True)
    with pytest.raises(StoreUnavailableError):
        async with looker.store.write() as transaction:
            await transaction.bump_epoch()


async def test_read_only_checks_the_root_key_too(start: Start, settings: Settings) -> None:
    await start_and_stop(start, settings)
    get_key_path(settings).write_bytes(b"x" * 32)
    await refuse(start, settings, RootKeyError, "key file is not the one", read_only=True)
