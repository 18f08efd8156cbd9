from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.refusal import clean


@given(st.text())
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    assert clean(text).isprintable()


def test_terminal_sequences_become_visible() -> None:
    assert clean("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"


def test_line_breaks_become_blanks() -> None:
    assert clean("first\nsecond\r\n") == "first second"
