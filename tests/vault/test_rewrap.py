"""Records on their way to another term; each test is named for the attack that it makes."""

from dataclasses import fields, replace
from typing import Any

import pytest

from gateway.entities import SealContext
from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault.envelope import RecordMover, RecordSealer
from gateway.vault.format import dump_record, parse_record
from gateway.vault.keyring import KekSet

VALUE = Secret('{"api_key": "canary-key-0001"}')
PAYLOAD_AT = 70  # the commitment and all that follows


@pytest.fixture(scope="module")
def old(make_vault: Any) -> Any:
    """A vault with a record under term 1, which is about to be left."""
    return make_vault()


@pytest.fixture(scope="module")
def record(old: Any, context: SealContext) -> bytes:
    class First:
        active_term = 1

        def get_kek(self, term: int) -> Secret:
            return old.keyring.get_kek(term)

    keys: Any = First()
    return RecordSealer(keys).seal(context, VALUE)


@pytest.fixture(scope="module")
def mover(old: Any) -> RecordMover:
    return RecordMover(old.keyring)


def test_rewrap_changes_the_wrap_and_no_byte_else(
    old: Any, mover: RecordMover, context: SealContext, record: bytes
) -> None:
    moved = mover.rewrap(context, record, 2)
    before, after = parse_record(record), parse_record(moved)
    assert (before.term, after.term) == (1, 2)
    assert (moved[:6], moved[PAYLOAD_AT:]) == (record[:6], record[PAYLOAD_AT:])
    assert after.wrap_nonce != before.wrap_nonce
    assert after.wrapped_dek != before.wrapped_dek
    assert old.opener.open(context, moved) == VALUE


def test_reencrypt_leaves_nothing_that_the_old_data_key_opens(
    old: Any, mover: RecordMover, context: SealContext, record: bytes
) -> None:
    moved = mover.reencrypt(context, record, 2)
    before, after = parse_record(record), parse_record(moved)
    for name in ("wrap_nonce", "wrapped_dek", "commitment", "nonce", "sealed"):
        assert getattr(before, name) != getattr(after, name), name
    assert old.opener.open(context, moved) == VALUE


def test_the_old_key_opens_a_moved_record_no_more(
    old: Any, mover: RecordMover, context: SealContext, record: bytes
) -> None:
    leaked = KekSet({1: old.keyring.get_kek(1), 2: old.keyring.get_kek(1)}, {})
    for move in (mover.rewrap, mover.reencrypt):
        with pytest.raises(VaultIntegrityError):
            RecordMover(leaked).rewrap(context, move(context, record, 2), 1)


@pytest.mark.parametrize("way", ["rewrap", "reencrypt"])
@pytest.mark.parametrize("name", [one.name for one in fields(SealContext)])
def test_a_moved_record_goes_to_no_new_term(
    mover: RecordMover, context: SealContext, record: bytes, way: str, name: str
) -> None:
    elsewhere = replace(context, **{name: 2 if name == "version" else "https://evil.test:443"})
    with pytest.raises(VaultIntegrityError, match="cannot be opened"):
        getattr(mover, way)(elsewhere, record, 2)


@pytest.mark.parametrize("way", ["rewrap", "reencrypt"])
def test_every_bit_flipped(
    mover: RecordMover, context: SealContext, record: bytes, way: str
) -> None:
    for bit in range(len(record) * 8):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultIntegrityError):
            getattr(mover, way)(context, bytes(changed), 2)


def test_dek_wraps_swapped_between_rows(
    mover: RecordMover, context: SealContext, record: bytes
) -> None:
    there = replace(context, row_id="s-2")
    other = parse_record(mover.reencrypt(context, record, 1))
    mine = replace(parse_record(record), wrap_nonce=other.wrap_nonce, wrapped_dek=other.wrapped_dek)
    for where in (context, there):
        with pytest.raises(VaultIntegrityError):
            mover.rewrap(where, dump_record(mine), 2)


def test_unknown_term(mover: RecordMover, context: SealContext, record: bytes) -> None:
    with pytest.raises(VaultIntegrityError):
        mover.rewrap(context, record, 9)
    with pytest.raises(VaultIntegrityError):
        mover.rewrap(context, dump_record(replace(parse_record(record), term=9)), 2)


def test_what_a_mover_says_of_itself_holds_no_value(
    mover: RecordMover, context: SealContext, record: bytes
) -> None:
    assert b"canary" not in mover.rewrap(context, record, 2)
    assert "canary" not in repr(mover)
