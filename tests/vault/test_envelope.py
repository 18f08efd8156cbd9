"""Each test is named for the attack that it makes."""

import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.entities import SealContext, SealedSecret, SecretId
from gateway.errors import ConflictError, VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.envelope import (
    ADVISE_ROTATION_AT,
    REFUSE_WRAP_AT,
    RecordOpener,
    RecordSealer,
    check_wraps,
    secret_context,
)
from gateway.vault.format import (
    dump_fields,
    dump_payload_aad,
    dump_record,
    dump_wrap_aad,
    parse_record,
)

VALUE = Secret('{"api_key": "canary-key-0001"}')


@pytest.fixture(scope="module")
def record(vault: Any, context: SealContext) -> bytes:
    return vault.sealer.seal(context, VALUE)


def refuse(vault: Any, context: SealContext, raw: bytes) -> str:
    with pytest.raises(VaultIntegrityError) as caught:
        vault.opener.open(context, raw)
    assert caught.value.detail == "A stored credential cannot be opened."
    return caught.value.reason


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_round_trip(vault: Any, context: SealContext, value: bytes) -> None:
    assert vault.opener.open(context, vault.sealer.seal(context, Secret(value))) == Secret(value)


def test_round_trip_of_the_longest_value(vault: Any, context: SealContext) -> None:
    value = Secret(bytes(1 << 20))
    assert vault.opener.open(context, vault.sealer.seal(context, value)) == value
    with pytest.raises(VaultIntegrityError):
        vault.sealer.seal(context, Secret(bytes((1 << 20) + 1)))


def test_unique_ciphertext(vault: Any, context: SealContext) -> None:
    made = [parse_record(vault.sealer.seal(context, VALUE)) for _ in range(50)]
    for name in ("wrap_nonce", "wrapped_dek", "commitment", "nonce", "sealed"):
        assert len({getattr(one, name) for one in made}) == 50, name


def test_the_value_is_not_in_the_record(record: bytes) -> None:
    assert b"canary" not in record
    assert b"openai" not in record


def test_every_bit_flipped(vault: Any, context: SealContext, record: bytes) -> None:
    for bit in range(len(record) * 8):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        refuse(vault, context, bytes(changed))


def test_truncated_everywhere(vault: Any, context: SealContext, record: bytes) -> None:
    for length in range(len(record)):
        refuse(vault, context, record[:length])


@pytest.mark.parametrize("extra", [b"\0", b"\0" * 16, b"x" * 1000])
def test_lengthened(vault: Any, context: SealContext, record: bytes, extra: bytes) -> None:
    refuse(vault, context, record + extra)
    refuse(vault, context, extra + record)


@pytest.mark.parametrize("name", [one.name for one in fields(SealContext)])
def test_moved_between_tables_rows_names_fields_versions_providers_origins(
    vault: Any, context: SealContext, record: bytes, name: str
) -> None:
    elsewhere = replace(context, **{name: 2 if name == "version" else "https://evil.test:443"})
    assert "moved" in refuse(vault, elsewhere, record)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "http://api.openai.com:443",
        "https://api.openai.com:8443",
        "https://api.openai.com.evil.test:443",
        "https://api.openai.com:4430",
    ],
)
def test_pointed_at_another_origin(
    vault: Any, context: SealContext, record: bytes, origin: str
) -> None:
    refuse(vault, replace(context, origin=origin), record)


def test_dek_wraps_swapped_between_rows(vault: Any, context: SealContext, record: bytes) -> None:
    other = parse_record(vault.sealer.seal(replace(context, row_id="s-2"), VALUE))
    mine = parse_record(record)
    wrap = {"wrap_nonce": other.wrap_nonce, "wrapped_dek": other.wrapped_dek}
    refuse(vault, context, dump_record(replace(mine, **wrap)))


def test_dek_wraps_swapped_within_a_row(vault: Any, context: SealContext, record: bytes) -> None:
    other = parse_record(vault.sealer.seal(context, Secret("another value")))
    mine = parse_record(record)
    wrap = {"wrap_nonce": other.wrap_nonce, "wrapped_dek": other.wrapped_dek}
    refuse(vault, context, dump_record(replace(mine, **wrap)))
    refuse(vault, context, dump_record(replace(mine, **wrap, commitment=other.commitment)))


def test_commitment_of_another_key(vault: Any, context: SealContext, record: bytes) -> None:
    other = parse_record(vault.sealer.seal(context, VALUE))
    refuse(vault, context, dump_record(replace(parse_record(record), commitment=other.commitment)))


def test_ciphertext_made_to_open_under_a_key_it_does_not_commit_to(
    vault: Any, context: SealContext, record: bytes
) -> None:
    # Who knows a DEK can make a payload that authenticates under any commitment; only the
    # comparison of the commitment itself stops it.
    mine = parse_record(record)
    dek = aead.open_aes_256_gcm(
        vault.keyring.get_kek(2), mine.wrap_nonce, mine.wrapped_dek, dump_wrap_aad(2, context)
    )
    key = aead.derive_key(dek, salt=b"", info=dump_fields(b"lockgate/record/v1/payload-key"))
    for commitment, opens in ((mine.commitment, True), (b"c" * 32, False)):
        sealed = aead.seal_aes_256_gcm(
            key, mine.nonce, VALUE, dump_payload_aad(commitment, context)
        )
        forged = dump_record(replace(mine, commitment=commitment, sealed=sealed))
        if opens:
            assert vault.opener.open(context, forged) == VALUE
        else:
            assert "changed" in refuse(vault, context, forged)


def test_payloads_swapped(vault: Any, context: SealContext, record: bytes) -> None:
    other = parse_record(vault.sealer.seal(context, VALUE))
    mine = parse_record(record)
    refuse(vault, context, dump_record(replace(mine, nonce=other.nonce, sealed=other.sealed)))


def test_unknown_term(vault: Any, context: SealContext, record: bytes) -> None:
    raw = dump_record(replace(parse_record(record), term=3))
    assert refuse(vault, context, raw) == "key term 3 is not in the database"


def test_known_but_other_term(vault: Any, context: SealContext, record: bytes) -> None:
    assert "changed" in refuse(vault, context, dump_record(replace(parse_record(record), term=1)))


def test_unknown_version_and_suite(vault: Any, context: SealContext, record: bytes) -> None:
    for offset in (4, 5):
        changed = bytearray(record)
        changed[offset] = 2
        assert "unknown version or suite" in refuse(vault, context, bytes(changed))


def test_wrong_root_key(make_vault: Callable[[], Any], context: SealContext, record: bytes) -> None:
    refuse(make_vault(), context, record)


def test_a_dek_wrapped_again_under_another_term_leaves_the_payload_readable(
    vault: Any, context: SealContext, record: bytes
) -> None:
    # What a rotation will do to a record: three fields change, the payload stays.
    mine = parse_record(record)
    dek = aead.open_aes_256_gcm(
        vault.keyring.get_kek(2), mine.wrap_nonce, mine.wrapped_dek, dump_wrap_aad(2, context)
    )
    nonce = aead.random_bytes(12)
    wrapped = aead.seal_aes_256_gcm(vault.keyring.get_kek(1), nonce, dek, dump_wrap_aad(1, context))
    moved = dump_record(replace(mine, term=1, wrap_nonce=nonce, wrapped_dek=wrapped))
    assert moved[70:] == record[70:]
    assert vault.opener.open(context, moved) == VALUE


def test_the_dek_itself_opens_no_payload(vault: Any, context: SealContext, record: bytes) -> None:
    # The payload key is derived from the DEK: each of the two keys has one use.
    mine = parse_record(record)
    dek = aead.open_aes_256_gcm(
        vault.keyring.get_kek(2), mine.wrap_nonce, mine.wrapped_dek, dump_wrap_aad(2, context)
    )
    with pytest.raises(VaultIntegrityError):
        aead.open_aes_256_gcm(dek, mine.nonce, mine.sealed, b"")


def test_the_sealer_cannot_open_and_the_opener_cannot_seal(vault: Any) -> None:
    assert not hasattr(vault.sealer, "open")
    assert not hasattr(vault.opener, "seal")
    assert (type(vault.sealer), type(vault.opener)) == (RecordSealer, RecordOpener)


def test_a_failure_shows_neither_value_nor_key(
    vault: Any, context: SealContext, record: bytes
) -> None:
    with pytest.raises(VaultIntegrityError) as caught:
        vault.opener.open(replace(context, origin="https://evil.test:443"), record)
    text = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "canary" not in text
    assert "dek = Secret(***)" in text or "kek = Secret(***)" in text
    assert caught.value.__suppress_context__


def test_secret_context_binds_the_row() -> None:
    sealed = SealedSecret(
        secret_id=SecretId("s-1"),
        secret_name="n",
        provider=None,
        auth_config={"api_base": "https://elsewhere.test"},
        secret_version=4,
        kek_term=1,
        record=b"",
    )
    assert secret_context(sealed, "https://h.test:443") == SealContext(
        table="secrets",
        row_id="s-1",
        name="n",
        field="secret_value",
        version=4,
        provider="",
        origin="https://h.test:443",
    )


@pytest.mark.parametrize(
    ("wraps", "advised"),
    [
        (0, False),
        (ADVISE_ROTATION_AT - 1, False),
        (ADVISE_ROTATION_AT, True),
        (REFUSE_WRAP_AT, True),
    ],
)
def test_rotation_is_advised_in_time(wraps: int, advised: bool) -> None:
    assert check_wraps(wraps) is advised


def test_wrapping_is_refused_at_the_limit() -> None:
    assert (ADVISE_ROTATION_AT, REFUSE_WRAP_AT) == (2**30, 2**31)
    with pytest.raises(ConflictError):
        check_wraps(REFUSE_WRAP_AT + 1)
