"""The grammar of faults: what it says, that it survives a round trip, what it refuses."""

from __future__ import annotations

import contextlib
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.simulator.faults import (
    HEALTHY,
    NAMED_ERRORS,
    Fault,
    build_merged_fault,
    dump_fault,
    parse_fault,
    parse_model,
)

_COUNTS = st.integers(min_value=0, max_value=999_999_999)
_SECONDS = st.integers(min_value=0, max_value=99_999_999).map(lambda number: number / 1000)
_FAULTS = st.builds(
    Fault,
    status=st.none() | st.integers(min_value=400, max_value=599),
    error=st.none() | st.sampled_from(NAMED_ERRORS),
    retry_after_s=st.none() | _SECONDS,
    retry_after_date_s=st.none() | _SECONDS,
    retry_after_ms=st.none() | _COUNTS,
    delay_ms=_COUNTS,
    hang=st.booleans(),
    stall_after=st.none() | _COUNTS,
    cut_after=st.none() | _COUNTS,
    reset=st.booleans(),
    reset_after=st.none() | _COUNTS,
    truncate=st.booleans(),
    malformed=st.none() | st.sampled_from(["json", "html"]),
    error_event_after=st.none() | _COUNTS,
    slow_chunk_ms=_COUNTS,
    byte_by_byte=st.booleans(),
    redirect=st.none() | st.integers(min_value=300, max_value=399),
    echo_key=st.booleans(),
    huge_bytes=st.none() | st.integers(min_value=1, max_value=999_999_999),
    chunks=st.none() | st.integers(min_value=1, max_value=999_999_999),
    empty=st.booleans(),
    no_usage=st.booleans(),
    gzip=st.booleans(),
    refuse=st.booleans(),
)


@given(fault=_FAULTS)
def test_what_is_written_is_read_back(fault: Fault) -> None:
    assert parse_fault(dump_fault(fault)) == fault


@given(fault=_FAULTS, model=st.text(st.characters(exclude_characters="+"), min_size=1))
def test_a_model_name_carries_any_fault_through_a_url_path(fault: Fault, model: str) -> None:
    name = f"{model}+{dump_fault(fault)}"
    assert parse_model(name) == (model, fault)
    for safe in ("", "+=,"):
        quoted = urllib.parse.quote(name, safe=safe)
        assert parse_model(urllib.parse.unquote(quoted)) == (model, fault)


@given(fault=_FAULTS)
def test_a_fault_in_a_path_is_no_new_segment_or_action(fault: Fault) -> None:
    assert not set(dump_fault(fault)) & set("/:?#%& ")


@given(items=st.lists(st.text(), max_size=4), known=st.sampled_from(["", "hang", "status="]))
def test_any_text_is_a_fault_or_a_named_error(items: list[str], known: str) -> None:
    text = ",".join([known, *items])
    with contextlib.suppress(MalformedRequestError):
        assert parse_fault(dump_fault(parse_fault(text))) == parse_fault(text)


@pytest.mark.parametrize(
    "item",
    [
        "statsu=503",
        "status",
        "status=",
        "status=200",
        "status=600",
        "status=5 3",
        "retry-after=soon",
        "delay-ms=-1",
        "huge=0",
        "hang=yes",
        "redirect=404",
        "malformed=xml",
        "error=none",
    ],
)
def test_what_is_not_understood_is_named(item: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse_fault(f"delay-ms=1,{item}")
    assert repr(item) in caught.value.detail
    assert caught.value.field == item.partition("=")[0]


def test_bare_keys_have_their_documented_meaning() -> None:
    assert parse_fault("malformed,redirect,error-event-first") == Fault(
        malformed="json", redirect=307, error_event_after=0
    )
    assert parse_fault("") == parse_fault(" , ") == HEALTHY


def test_a_name_without_plus_is_a_model() -> None:
    assert parse_model("ft:gpt-4o:org::abc=1,2") == ("ft:gpt-4o:org::abc=1,2", HEALTHY)


@given(first=_FAULTS, second=_FAULTS)
def test_a_later_fault_wins_and_silence_changes_nothing(first: Fault, second: Fault) -> None:
    merged = build_merged_fault(first, second)
    assert build_merged_fault(HEALTHY, first, HEALTHY) == first
    assert merged.delay_ms == (second.delay_ms or first.delay_ms)
    assert merged.hang == (first.hang or second.hang)
