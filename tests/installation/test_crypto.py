import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import GatewaySecretInfo, KekState, SealedSecret, SecretId
from gateway.installation import (
    Installation,
    crypto_status,
    crypto_verify,
    get_database_path,
)
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.vault.envelope import ADVISE_ROTATION_AT, RecordSealer, secret_context

Start = Callable[..., Awaitable[Installation]]
ORIGIN = "https://api.openai.com:443"
CANARY = "canary-key-crypto"


async def add_secrets(installation: Installation, *names: str) -> None:
    for number, name in enumerate(names):
        info = GatewaySecretInfo(
            secret_id=SecretId(f"s-{name:0>32}"),
            secret_name=name,
            masked_values={"api_key": "***"},
            provider="openai",
            auth_config=None,
            created_at=number,
            last_updated_at=number,
            created_by="a",
            last_updated_by="a",
        )
        sealed = SealedSecret(
            secret_id=info.secret_id,
            secret_name=name,
            provider="openai",
            auth_config=None,
            secret_version=1,
            kek_term=installation.sealer.active_term,
            record=b"",
        )
        record = installation.sealer.seal(secret_context(sealed, ORIGIN), Secret(CANARY))
        async with installation.store.write() as transaction:
            await transaction.secrets.insert(info, replace(sealed, record=record))
            await transaction.vault.add_wraps(installation.sealer.active_term, 1)


def change(settings: Settings, statement: str, *values: object) -> None:
    """Do what a writer to the database could do."""
    with closing(sqlite3.connect(get_database_path(settings))) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        assert database.execute(statement, values).rowcount == 1


@pytest.fixture
async def installation(start: Start, settings: Settings) -> Installation:
    made = await start(settings)
    await add_secrets(made, "one", "two", "three")
    return made


# --- status -------------------------------------------------------------------------------


async def test_status_counts_records_wraps_and_age(installation: Installation, clock: Any) -> None:
    clock.at_ms += 86_400_000
    status = await crypto_status(installation)
    (term,) = status.terms
    assert (term.term, term.state, term.records, term.wraps) == (1, KekState.ACTIVE, 3, 3)
    assert term.age_ms == 86_400_000
    assert (status.active_term, status.records, status.root_kind) == (1, 3, "key_file")
    assert (status.missing_terms, status.advice, term.fault) == ((), (), None)
    assert status.installation_id == installation.keyring.installation_id


async def test_status_advises_rotation_of_an_old_key(
    installation: Installation, clock: Any
) -> None:
    clock.at_ms += 366 * 86_400_000
    (advice,) = (await crypto_status(installation)).advice
    assert "366 days old" in advice


async def test_status_advises_rotation_of_a_worn_key(
    installation: Installation, settings: Settings
) -> None:
    change(settings, "UPDATE kek_terms SET wraps = ?", ADVISE_ROTATION_AT)
    (advice,) = (await crypto_status(installation)).advice
    assert "wraps" in advice


async def test_status_tells_a_damaged_term(
    installation: Installation, settings: Settings, start: Start
) -> None:
    change(settings, "UPDATE kek_terms SET state = 'decrypt_only'")
    second = installation.keyring.build_term(2, KekState.ACTIVE, 0)
    async with installation.store.write() as transaction:
        await transaction.vault.insert_term(replace(second, created_at=1_700_000_000_000))
    change(settings, "UPDATE kek_terms SET wrapped_key = zeroblob(60) WHERE term = 1")
    status = await crypto_status(await start(settings, read_only=True))
    assert status.active_term == 2
    assert [term.fault for term in status.terms] == ["the row of key term 1 is damaged", None]
    assert "its 3 records do not open" in status.advice[0]


# --- verify -------------------------------------------------------------------------------


async def test_verify_opens_every_record_and_writes_nothing(
    installation: Installation, settings: Settings, start: Start
) -> None:
    await installation.close()
    before = get_database_path(settings).read_bytes()
    looker = await start(settings, read_only=True)
    report = await crypto_verify(looker)
    await looker.close()
    assert (report.ok, report.opened, report.failed) == (True, 3, ())
    assert get_database_path(settings).read_bytes() == before


async def test_verify_of_nothing_is_right(start: Start, settings: Settings) -> None:
    report = await crypto_verify(await start(settings))
    assert (report.ok, report.opened) == (True, 0)


async def test_verify_goes_through_all_pages_and_tells_how_far(
    installation: Installation,
) -> None:
    await add_secrets(installation, *(f"more-{number}" for number in range(120)))
    told: list[tuple[int, int]] = []
    report = await crypto_verify(installation, lambda done, total: told.append((done, total)))
    assert report.opened == 123
    assert told == [(100, 123), (123, 123)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE secrets SET record = zeroblob(140) WHERE secret_name = 'two'", "not a sealed"),
        ("UPDATE secrets SET record = x'00' WHERE secret_name = 'two'", "length"),
        (
            """UPDATE secrets SET auth_config = '{"api_base": "https://evil.example/v1"}'
            WHERE secret_name = 'two'""",
            "another origin",
        ),
        ("UPDATE secrets SET provider = 'anthropic' WHERE secret_name = 'two'", "changed"),
        ("UPDATE secrets SET secret_version = 2 WHERE secret_name = 'two'", "changed"),
        (
            """UPDATE secrets SET record = (SELECT record FROM secrets WHERE secret_name = 'one')
            WHERE secret_name = 'two'""",
            "moved",
        ),
        (
            """UPDATE secrets SET auth_config = '{"api_base": 5}' WHERE secret_name = 'two'""",
            "cannot be",
        ),
    ],
)
async def test_verify_names_what_was_tampered_with_and_why(
    installation: Installation, settings: Settings, statement: str, reason: str
) -> None:
    change(settings, statement)
    report = await crypto_verify(installation)
    (failed,) = report.failed
    assert (report.ok, report.opened, failed.secret_name) == (False, 2, "two")
    assert reason in failed.reason
    assert CANARY not in repr(report)


async def test_verify_and_status_tell_a_missing_term(
    installation: Installation, settings: Settings
) -> None:
    third = installation.keyring.build_term(3, KekState.ACTIVE, 0)
    async with installation.store.write() as transaction:
        terms = await transaction.vault.list_terms()
        sealed = await transaction.secrets.get_sealed(SecretId(f"s-{'two':0>32}"))
        info = await transaction.secrets.get(sealed.secret_id)
    installation.keyring.load((replace(terms[0], state=KekState.DECRYPT_ONLY), third))
    sealer = RecordSealer(installation.keyring)
    record = sealer.seal(secret_context(sealed, ORIGIN), Secret(CANARY))
    installation.keyring.load(terms)
    change(settings, "UPDATE secrets SET record = ? WHERE secret_name = 'two'", record)
    (failed,) = (await crypto_verify(installation)).failed
    assert "another key term than its record" in failed.reason
    change(settings, "UPDATE secrets SET kek_term = 3 WHERE secret_name = 'two'")
    (failed,) = (await crypto_verify(installation)).failed
    assert failed.reason == "key term 3 is not in the database"
    status = await crypto_status(installation)
    assert status.missing_terms == (3,)
    assert "missing term" in status.advice[0]
    assert info.secret_name == "two"
