"""Signatures travel through clients of other vendors and come back to their own."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub.carry import fit_id, put_in_id, take_from_id, unwrap, wrap
from gateway.dialects.hub.content import Family


@given(st.sampled_from(Family), st.text(st.characters(codec="utf-8")))
def test_a_wrapped_signature_comes_back(issuer: Family, value: str) -> None:
    wrapped = wrap(issuer, value)
    base64.b64decode(wrapped, validate=True)
    assert unwrap(wrapped, Family.OPENAI) == (issuer, value)
    assert unwrap(wrapped.translate(str.maketrans("+/", "-_")), Family.OPENAI) == (issuer, value)


@pytest.mark.parametrize(
    "value", ["", "EqQBCgIYAhIM", "bG9ja2dhdGU6", "bG9ja2dhdGU6!!", "bG9ja2dhdGU6eDp5"]
)
def test_what_is_not_wrapped_is_the_client_dialects_own(value: str) -> None:
    assert unwrap(value, Family.ANTHROPIC) == (Family.ANTHROPIC, value)


@given(
    st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True).filter(lambda one: "_lgts_" not in one),
    st.none() | st.text(st.characters(codec="utf-8")),
)
def test_an_id_carries_a_signature(call_id: str, signature: str | None) -> None:
    carried = put_in_id(call_id, signature)
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", carried)
    assert take_from_id(carried) == (call_id, signature)


@given(st.text(max_size=60))
def test_a_fitted_id_is_one_that_the_vendor_takes(call_id: str) -> None:
    nine = re.compile(r"[a-zA-Z0-9]{9}")
    fitted = fit_id(call_id, nine, 9)
    assert nine.fullmatch(fitted)
    assert fit_id(fitted, nine, 9) == fitted == fit_id(call_id, nine, 9)
