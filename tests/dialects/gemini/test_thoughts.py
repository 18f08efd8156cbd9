from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini.thoughts import NO_SIGNATURE, pack, unpack
from gateway.dialects.hub import Family, Reasoning
from gateway.dialects.hub.carry import wrap


@pytest.mark.parametrize(
    "part",
    [
        Reasoning("Hm.", "ErUB", origin=Family.ANTHROPIC),
        Reasoning(encrypted="x", redacted=True, origin=Family.ANTHROPIC),
        Reasoning(
            "ab", texts=("a", "b"), encrypted="E", summary=True, id="rs_1", origin=Family.OPENAI
        ),
    ],
)
def test_foreign_thoughts_come_back_whole(part: Reasoning) -> None:
    packed = pack([part, part])
    assert base64.b64decode(packed, validate=True)
    assert unpack(packed) == (None, (part, part))
    assert unpack(packed.replace("+", "-").replace("/", "_").rstrip("=")) == (None, (part, part))


def test_own_signatures_pass() -> None:
    assert unpack("EqMBCqAB") == ("EqMBCqAB", ())
    assert unpack(wrap(Family.GEMINI, "EqMB")) == ("EqMB", ())


def test_no_signature_is_none() -> None:
    assert unpack(NO_SIGNATURE) == unpack("") == (None, ())


def test_a_wrapped_signature_of_another_is_its_thought() -> None:
    assert unpack(wrap(Family.ANTHROPIC, "ErUB")) == (
        None,
        (Reasoning(signature="ErUB", origin=Family.ANTHROPIC),),
    )


@given(st.text())
def test_whatever_a_client_sends_is_read(value: str) -> None:
    signature, thoughts = unpack(value)
    assert signature is None or not thoughts
    unpack(wrap(Family.OTHER, value.encode("utf-8", "replace").decode()))
