import copy
import dataclasses
import json
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.secret import MASK, Secret, mask

CANARY = "canary-value-0123456789"
GATEWAY = Path(__file__).parents[1] / "gateway"
MAY_REVEAL = {
    "vault/aead.py",
    "proxy/credentials.py",
    "cli/client.py",
    "control/declared.py",
    "control/oidc/provider.py",
    "workers/keys.py",
}


@dataclasses.dataclass(frozen=True)
class Holder:
    name: str
    value: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        lambda secret: f"{secret!r} {secret!s} {secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # one more way to print
        lambda secret: repr([secret, {"key": secret}]),
        lambda secret: repr(Holder("n", secret)),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_no_way_of_printing_shows_it(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert CANARY not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "take",
    [
        json.dumps,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        lambda secret: dataclasses.asdict(Holder("n", secret)),
        hash,
        vars,
    ],
)
def test_nothing_copies_it_out(take: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        take(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_a_traceback_with_locals_does_not_show_it() -> None:
    def fail() -> Never:
        held = Holder("n", Secret(CANARY))
        raise RuntimeError(held)

    with pytest.raises(RuntimeError) as caught:
        fail()
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    text = "".join(lines)
    assert "held = " in text
    assert CANARY not in text


def test_equality_is_by_value_and_only_with_secrets() -> None:
    assert Secret(CANARY) == Secret(CANARY.encode())
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret(CANARY) != CANARY


@given(st.text())
def test_a_mask_shows_at_most_seven_characters_of_a_long_value(value: str) -> None:
    shown = mask(value)
    if len(value) < 20:
        assert shown == MASK
    else:
        assert shown == f"{value[:3]}...{value[-4:]}"


def test_characters_are_counted_not_bytes() -> None:
    secret = Secret("ключ-ключ")
    assert len(secret) == 17
    assert secret.count_characters() == 9
    assert secret.count_distinct() == 5


def test_letters_make_two_spellings_equal_and_stay_secret() -> None:
    assert Secret("Change-Me-123!").letters() == Secret("changeme")
    assert repr(Secret(CANARY).letters()) == "Secret(***)"


def test_bytes_that_are_no_text_can_be_judged_too() -> None:
    assert Secret(b"\xff\xfeab").count_characters() == 4
    assert Secret(b"\xff\xfeAb").letters() == Secret("ab")


def test_only_the_named_files_reveal() -> None:
    found = {
        path.relative_to(GATEWAY).as_posix()
        for path in GATEWAY.rglob("*.py")
        if ".reveal(" in path.read_text(encoding="utf-8")
    }
    assert found <= MAY_REVEAL
    assert "vault/aead.py" in found


@pytest.mark.parametrize(
    "value", ["", "[1]", '"a"', '{"a": 1}', '{"a": null}', "[" * 100_000, b"\xff"]
)
def test_what_is_no_object_of_texts_has_no_fields(value: bytes | str) -> None:
    assert Secret(value).fields() is None


def test_the_fields_of_an_object_are_secrets() -> None:
    assert Secret('{"a": "x", "b": "\\ud800"}').fields() == {"a": Secret("x"), "b": Secret("?")}
