import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import KekState, SealContext
from gateway.errors import RootKeyError, VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.envelope import RecordOpener, RecordSealer
from gateway.vault.keyring import (
    PASSPHRASE,
    RootProtection,
    build_key_file_protection,
    create_installation,
    open_keyring,
)


def flip(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_an_installation_opens_with_what_it_was_made_with() -> None:
    unlocking = Secret(aead.random_bytes(32))
    meta, term = create_installation(unlocking, build_key_file_protection(), created_at=7)
    keyring = open_keyring(unlocking, meta, (term,))
    assert (meta.root_kind, meta.kdf, meta.created_at) == ("key_file", None, 7)
    assert (term.term, term.state, term.created_at) == (1, KekState.ACTIVE, 7)
    assert keyring.active_term == 1
    assert not keyring.unusable


def test_two_installations_of_one_key_file_share_no_key(context: SealContext) -> None:
    unlocking = Secret(b"f" * 32)
    rings = []
    for _ in range(2):
        meta, term = create_installation(unlocking, build_key_file_protection(), created_at=0)
        rings.append(open_keyring(unlocking, meta, (term,)))
    record = RecordSealer(rings[0]).seal(context, Secret("value"))
    with pytest.raises(VaultIntegrityError):
        RecordOpener(rings[1]).open(context, record)
    assert rings[0].derive("x") != rings[1].derive("x")


# --- what is wrong, told apart ------------------------------------------------------------


@pytest.mark.parametrize("bit", [0, 100, 255])
def test_wrong_root_key(vault: Any, bit: int) -> None:
    wrong = Secret(b"\0" * 31 + bytes([bit]))
    with pytest.raises(RootKeyError) as caught:
        open_keyring(wrong, vault.meta, vault.terms)
    assert "key file is not the one" in caught.value.detail


def test_wrong_passphrase_is_called_one(vault: Any) -> None:
    protection = RootProtection(kind=PASSPHRASE, kdf="argon2id", kdf_params={}, salt=b"s" * 32)
    meta = vault.keyring.rewrap_root(vault.meta, vault.unlocking, protection)
    with pytest.raises(RootKeyError) as caught:
        open_keyring(Secret(b"x" * 32), meta, vault.terms)
    assert "passphrase is not the one" in caught.value.detail


@pytest.mark.parametrize("column", ["root_check", "wrapped_root"])
def test_damaged_meta_row_with_the_right_key(vault: Any, column: str) -> None:
    value = getattr(vault.meta, column)
    for damaged in (flip(value, 9), value[:-1], value + b"\0", b""):
        with pytest.raises(RootKeyError) as caught:
            open_keyring(vault.unlocking, replace(vault.meta, **{column: damaged}), vault.terms)
        assert "vault_meta row" in caught.value.detail
        assert "is damaged" in caught.value.detail


@pytest.mark.parametrize(
    "change",
    [
        {"root_kind": "passphrase"},
        {"root_kind": "other"},
        {"kdf": "scrypt"},
        {"kdf_params": {"iterations": 1}},
    ],
)
def test_every_column_that_describes_the_root_key_is_authenticated(
    vault: Any, change: dict[str, Any]
) -> None:
    with pytest.raises(RootKeyError) as caught:
        open_keyring(vault.unlocking, replace(vault.meta, **change), vault.terms)
    assert "damaged" in caught.value.detail


@pytest.mark.parametrize("change", [{"salt": b"t" * 32}, {"installation_id": "0" * 32}])
def test_a_row_of_another_installation_does_not_open(vault: Any, change: dict[str, Any]) -> None:
    with pytest.raises(RootKeyError):
        open_keyring(vault.unlocking, replace(vault.meta, **change), vault.terms)


def test_missing_term_when_none_is_active(vault: Any) -> None:
    for terms in ((), vault.terms[:1]):
        with pytest.raises(RootKeyError) as caught:
            open_keyring(vault.unlocking, vault.meta, terms)
        assert "missing term" in caught.value.detail


def test_two_active_terms_contradict_each_other(vault: Any) -> None:
    first, second = vault.terms
    with pytest.raises(RootKeyError) as caught:
        vault.keyring.load((replace(first, state=KekState.ACTIVE), second))
    assert "more than one" in caught.value.detail
    assert vault.keyring.active_term == 2


@pytest.mark.parametrize("column", ["wrapped_key", "check_value"])
def test_damaged_active_term(make_vault: Callable[[], Any], column: str) -> None:
    vault = make_vault()
    first, second = vault.terms
    damaged = replace(second, **{column: flip(getattr(second, column), 3)})
    with pytest.raises(RootKeyError) as caught:
        open_keyring(vault.unlocking, vault.meta, (first, damaged))
    assert "key term 2 is damaged" in caught.value.detail


@pytest.mark.parametrize("column", ["wrapped_key", "check_value"])
def test_damaged_old_term_does_not_stop_the_start(
    make_vault: Callable[[], Any], column: str, context: SealContext
) -> None:
    vault = make_vault()
    first, second = vault.terms
    vault.keyring.load((replace(first, state=KekState.ACTIVE),))
    old = vault.sealer.seal(context, Secret("old"))
    damaged = replace(first, **{column: flip(getattr(first, column), 3)})
    keyring = open_keyring(vault.unlocking, vault.meta, (damaged, second))
    assert keyring.unusable == {1: "the row of key term 1 is damaged"}
    with pytest.raises(VaultIntegrityError) as caught:
        RecordOpener(keyring).open(context, old)
    assert caught.value.reason == "the row of key term 1 is damaged"


def test_terms_of_another_installation_are_called_so(make_vault: Callable[[], Any]) -> None:
    ours, theirs = make_vault(), make_vault()
    with pytest.raises(RootKeyError) as caught:
        open_keyring(ours.unlocking, ours.meta, theirs.terms)
    assert "do not belong together" in caught.value.detail


def test_wraps_of_two_terms_swapped(vault: Any) -> None:
    first, second = vault.terms
    swapped = (
        replace(first, wrapped_key=second.wrapped_key, check_value=second.check_value),
        replace(second, wrapped_key=first.wrapped_key, check_value=first.check_value),
    )
    with pytest.raises(RootKeyError):
        open_keyring(vault.unlocking, vault.meta, swapped)


@pytest.mark.parametrize("term", [0, -1, 2**32])
def test_a_term_out_of_range_is_a_damaged_row_or_refused(vault: Any, term: int) -> None:
    first, second = vault.terms
    keyring = open_keyring(vault.unlocking, vault.meta, (replace(first, term=term), second))
    assert set(keyring.unusable) == {term}
    with pytest.raises(VaultIntegrityError):
        keyring.build_term(term, KekState.PENDING, 0)


def test_destroyed_term_says_so(make_vault: Callable[[], Any]) -> None:
    vault = make_vault()
    first, second = vault.terms
    vault.keyring.load((replace(first, state=KekState.RETIRED, wrapped_key=b""), second))
    with pytest.raises(VaultIntegrityError) as caught:
        vault.keyring.get_kek(1)
    assert caught.value.reason == "key term 1 was destroyed"


# --- change -------------------------------------------------------------------------------


def test_changing_the_root_protection_rewrites_one_row(
    make_vault: Callable[[], Any], context: SealContext
) -> None:
    vault = make_vault()
    record = vault.sealer.seal(context, Secret("value"))
    fresh = Secret(aead.random_bytes(32))
    meta = vault.keyring.rewrap_root(vault.meta, fresh, build_key_file_protection())
    keyring = open_keyring(fresh, meta, vault.terms)
    assert RecordOpener(keyring).open(context, record) == Secret("value")
    assert keyring.derive("sessions") == vault.keyring.derive("sessions")
    with pytest.raises(RootKeyError):
        open_keyring(vault.unlocking, meta, vault.terms)


def test_a_sealer_follows_a_new_term_and_the_old_record_stays_readable(
    make_vault: Callable[[], Any], context: SealContext
) -> None:
    vault = make_vault()
    old = vault.sealer.seal(context, Secret("old"))
    first, second = vault.terms
    third = vault.keyring.build_term(3, KekState.ACTIVE, 0)
    vault.keyring.load((first, replace(second, state=KekState.DECRYPT_ONLY), third))
    new = vault.sealer.seal(context, Secret("new"))
    assert vault.sealer.active_term == 3
    assert (old[6:10], new[6:10]) == (b"\0\0\0\2", b"\0\0\0\3")
    assert vault.opener.open(context, old) == Secret("old")
    assert vault.opener.open(context, new) == Secret("new")


# --- derived keys, and what may be seen ---------------------------------------------------


def test_derived_keys_depend_on_the_purpose_and_survive_a_restart(vault: Any) -> None:
    again = open_keyring(vault.unlocking, vault.meta, vault.terms)
    assert again.derive("sessions") == vault.keyring.derive("sessions")
    assert vault.keyring.derive("sessions") != vault.keyring.derive("idempotency")
    assert len(vault.keyring.derive("")) == 32


def test_a_keyring_shows_and_gives_away_nothing(vault: Any) -> None:
    assert repr(vault.keyring) == "Keyring(active_term=2)"
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(vault.keyring)
