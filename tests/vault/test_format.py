from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import SealContext
from gateway.errors import VaultIntegrityError
from gateway.vault import format as record_format
from gateway.vault.format import (
    MAX_PAYLOAD_BYTES,
    MAX_TERM,
    MIN_RECORD_BYTES,
    Record,
    dump_fields,
    dump_payload_aad,
    dump_record,
    dump_wrap_aad,
    parse_record,
)


def exactly(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


records = st.builds(
    Record,
    term=st.integers(1, MAX_TERM),
    wrap_nonce=exactly(12),
    wrapped_dek=exactly(48),
    commitment=exactly(32),
    nonce=exactly(12),
    sealed=st.binary(min_size=16, max_size=200),
)
words = st.text(max_size=8)
contexts = st.builds(
    SealContext,
    table=words,
    row_id=words,
    name=words,
    field=words,
    version=st.integers(0, 2**63 - 1),
    provider=words,
    origin=words,
)
SMALLEST = dump_record(
    Record(
        term=1,
        wrap_nonce=bytes(12),
        wrapped_dek=bytes(48),
        commitment=bytes(32),
        nonce=bytes(12),
        sealed=bytes(16),
    )
)


@given(records)
def test_round_trip(record: Record) -> None:
    assert parse_record(dump_record(record)) == record


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_refused(raw: bytes) -> None:
    try:
        record = parse_record(raw)
    except VaultIntegrityError:
        return
    assert dump_record(record) == raw


@given(exactly(MIN_RECORD_BYTES - 6))
def test_what_parses_dumps_to_the_same_bytes(tail: bytes) -> None:
    raw = SMALLEST[:6] + tail
    if raw[6:10] == bytes(4):
        with pytest.raises(VaultIntegrityError):
            parse_record(raw)
    else:
        assert dump_record(parse_record(raw)) == raw


def test_the_bytes_stand_where_the_table_says() -> None:
    record = Record(
        term=0x01020304,
        wrap_nonce=b"w" * 12,
        wrapped_dek=b"d" * 48,
        commitment=b"c" * 32,
        nonce=b"n" * 12,
        sealed=b"s" * 20,
    )
    raw = dump_record(record)
    assert raw[:10] == b"LGSR\x01\x01\x01\x02\x03\x04"
    assert (raw[10:22], raw[22:70], raw[70:102]) == (b"w" * 12, b"d" * 48, b"c" * 32)
    assert (raw[102:114], raw[114:]) == (b"n" * 12, b"s" * 20)


@pytest.mark.parametrize("length", [0, 1, 4, 113, MIN_RECORD_BYTES - 1])
def test_too_short(length: int) -> None:
    with pytest.raises(VaultIntegrityError) as caught:
        parse_record(SMALLEST[:length])
    assert "length" in caught.value.reason


def test_too_long() -> None:
    with pytest.raises(VaultIntegrityError) as caught:
        parse_record(SMALLEST + bytes(MAX_PAYLOAD_BYTES + 1))
    assert "length" in caught.value.reason


@pytest.mark.parametrize(
    ("offset", "byte", "word"),
    [
        (0, 0x00, "not a sealed record"),
        (3, 0x00, "not a sealed record"),
        (4, 0, "version"),
        (4, 2, "version"),
        (5, 0, "suite"),
        (5, 2, "suite"),
        (9, 0, "term 0"),
    ],
)
def test_unknown_magic_version_suite_term(offset: int, byte: int, word: str) -> None:
    raw = bytearray(SMALLEST)
    raw[offset] = byte
    with pytest.raises(VaultIntegrityError) as caught:
        parse_record(bytes(raw))
    assert word in caught.value.reason


@pytest.mark.parametrize(
    "change",
    [
        {"wrap_nonce": bytes(11)},
        {"wrapped_dek": bytes(49)},
        {"commitment": bytes(31)},
        {"nonce": bytes(13)},
        {"sealed": bytes(15)},
        {"sealed": bytes(MAX_PAYLOAD_BYTES + 17)},
        {"term": 0},
        {"term": MAX_TERM + 1},
    ],
)
def test_a_record_that_could_not_be_parsed_is_not_dumped(change: dict[str, Any]) -> None:
    with pytest.raises(VaultIntegrityError):
        dump_record(replace(parse_record(SMALLEST), **change))


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_two_lists_of_fields_never_make_the_same_bytes(
    left: list[bytes], right: list[bytes]
) -> None:
    assert (dump_fields(*left) == dump_fields(*right)) is (left == right)


@given(contexts, contexts)
def test_two_contexts_never_make_the_same_associated_data(
    left: SealContext, right: SealContext
) -> None:
    same = left == right
    assert (dump_wrap_aad(1, left) == dump_wrap_aad(1, right)) is same
    assert (dump_payload_aad(bytes(32), left) == dump_payload_aad(bytes(32), right)) is same


@pytest.mark.parametrize("name", [one.name for one in fields(SealContext)])
def test_every_field_of_the_context_is_authenticated(name: str, context: SealContext) -> None:
    other = replace(context, **{name: 2 if name == "version" else "other"})
    assert dump_wrap_aad(1, other) != dump_wrap_aad(1, context)
    assert dump_payload_aad(bytes(32), other) != dump_payload_aad(bytes(32), context)


def test_text_does_not_slide_from_one_field_into_the_next(context: SealContext) -> None:
    left = replace(context, name="ab", field="c")
    right = replace(context, name="a", field="bc")
    assert dump_payload_aad(bytes(32), left) != dump_payload_aad(bytes(32), right)


def test_the_wrap_binds_the_term_and_the_payload_does_not(context: SealContext) -> None:
    assert dump_wrap_aad(1, context) != dump_wrap_aad(2, context)
    assert dump_wrap_aad(1, context) != dump_payload_aad(bytes(32), context)
    assert dump_payload_aad(bytes(32), context) != dump_payload_aad(b"c" * 32, context)


@pytest.mark.parametrize("version", [-1, 2**63])
def test_an_impossible_version_is_refused(version: int, context: SealContext) -> None:
    with pytest.raises(VaultIntegrityError):
        dump_wrap_aad(1, replace(context, version=version))


def test_lone_surrogates_do_not_merge_two_names(context: SealContext) -> None:
    left = dump_wrap_aad(1, replace(context, name="\ud800"))
    right = dump_wrap_aad(1, replace(context, name="\ud801"))
    assert left != right


def test_the_documented_limits_hold() -> None:
    assert record_format.MIN_RECORD_BYTES == 130
    assert record_format.MAX_RECORD_BYTES == 130 + 2**20
