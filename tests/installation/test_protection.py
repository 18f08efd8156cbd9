"""Another passphrase, another key file, and a kill in the middle of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.entities import PageRequest
from gateway.errors import ConflictError, RootKeyError
from gateway.installation import Installation, crypto_verify, get_key_path
from gateway.installation.protection import protect_with_key_file, protect_with_passphrase
from gateway.installation.rotation import Actor
from gateway.secret import Secret
from gateway.settings import Settings
from tests.installation.test_crypto import add_secrets

Start = Callable[..., Awaitable[Installation]]
ME = Actor(name="tester")
FIRST = Secret("six words that nobody has said before")
SECOND = Secret("six more words that nobody will guess")


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
async def made(start: Start, settings: Settings) -> Installation:
    installation = await start(settings)
    await add_secrets(installation, "one")
    return installation


async def _check_opens(start: Start, settings: Settings) -> None:
    report = await crypto_verify(await start(settings, read_only=True))
    assert (report.opened, report.failed) == (1, ())


async def test_from_key_file_to_passphrase_and_on_to_another(
    start: Start, settings: Settings, made: Installation
) -> None:
    key = get_key_path(settings).read_bytes()
    done = await protect_with_passphrase(made, settings, FIRST, ME)
    assert (done.kind, done.kept_key) == ("passphrase", get_key_path(settings))
    with pytest.raises(RootKeyError, match="protected by a passphrase"):
        await start(settings, read_only=True)
    by_first = replace(settings, passphrase=FIRST)
    await _check_opens(start, by_first)
    done = await protect_with_passphrase(await start(by_first), by_first, SECOND, ME)
    assert done.kept_key is None
    with pytest.raises(RootKeyError, match="not the one"):
        await start(by_first, read_only=True)
    await _check_opens(start, replace(settings, passphrase=SECOND))
    assert get_key_path(settings).read_bytes() == key  # older backups need it


async def test_back_to_a_key_file_that_is_new(
    start: Start, settings: Settings, made: Installation
) -> None:
    old = get_key_path(settings).read_bytes()
    await protect_with_passphrase(made, settings, FIRST, ME)
    done = await protect_with_key_file(made, settings, ME)
    assert done.key_file == get_key_path(settings)
    assert done.kept_key is not None
    assert done.kept_key.read_bytes() == old
    assert get_key_path(settings).read_bytes() != old
    assert get_key_path(settings).stat().st_mode & 0o777 == 0o600
    await _check_opens(start, settings)


@pytest.mark.parametrize(("step", "stored"), [("key-written", False), ("protection-stored", True)])
async def test_killed_while_the_key_file_is_replaced(
    start: Start, settings: Settings, made: Installation, step: str, stored: bool
) -> None:
    old = get_key_path(settings).read_bytes()

    def kill(reached: str) -> None:
        if reached == step:
            raise KilledError

    with pytest.raises(KilledError):
        await protect_with_key_file(made, settings, ME, step=kill)
    await _check_opens(start, settings)  # which writes nothing
    assert get_key_path(settings).read_bytes() == old
    await start(settings)  # which finishes what was stored
    assert (get_key_path(settings).read_bytes() != old) is stored
    kept = {path.read_bytes() for path in settings.data.glob("root.key*")}
    assert old in kept
    await _check_opens(start, settings)
    await protect_with_key_file(await start(settings), settings, ME)
    await _check_opens(start, settings)


async def test_killed_twice_in_a_row_no_key_is_lost(
    start: Start, settings: Settings, made: Installation
) -> None:
    """The first change was stored and not finished; the second never came to be stored."""
    for step in ("protection-stored", "key-written", "protection-stored"):

        def kill(reached: str, at: str = step) -> None:
            if reached == at:
                raise KilledError

        changing = await start(settings, create=False)
        with pytest.raises(KilledError):
            await protect_with_key_file(changing, settings, ME, step=kill)
        await _check_opens(start, settings)
    with pytest.raises(ConflictError, match="changed by another process"):
        await protect_with_key_file(made, settings, ME)  # it has not seen the last one
    await start(settings)
    await _check_opens(start, settings)


async def test_a_guessable_passphrase_changes_nothing(
    start: Start, settings: Settings, made: Installation
) -> None:
    with pytest.raises(RootKeyError, match="too short"):
        await protect_with_passphrase(made, settings, Secret("short"), ME)
    await _check_opens(start, settings)


async def test_the_change_is_in_the_audit_log_without_a_word_of_it(
    settings: Settings, made: Installation
) -> None:
    await protect_with_passphrase(made, settings, FIRST, ME)
    async with made.store.read() as tx:
        row = (await tx.admin.list_audit(PageRequest(limit=1))).items[0]
    assert (row.action, row.entity_type, row.actor) == ("update", "root_key", "tester")
    assert row.before == {"root_kind": "key_file", "kdf": None}
    assert row.after == {"root_kind": "passphrase", "kdf": "argon2id"}
    assert "nobody" not in repr(row)
