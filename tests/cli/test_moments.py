from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.moments import parse_moment

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "sign", "expected"),
    [
        ("90s", +1, NOW_MS + 90_000),
        ("30m", -1, NOW_MS - 1_800_000),
        ("24h", -1, NOW_MS - 86_400_000),
        ("30d", +1, NOW_MS + 2_592_000_000),
        ("2w", +1, NOW_MS + 1_209_600_000),
        ("2027-01-31", +1, 1_801_353_600_000),
        ("2027-01-31T12:00:00Z", +1, 1_801_396_800_000),
        ("2027-01-31T12:00:00+02:00", -1, 1_801_389_600_000),
    ],
)
def test_spans_count_from_now_and_times_stand_alone(text: str, sign: int, expected: int) -> None:
    assert parse_moment(text, now_ms=NOW_MS, sign=sign) == expected


@pytest.mark.parametrize("text", ["", "soon", "12", "-3h", "3y", "2027-13-01", "1.5h", "٣h"])
def test_what_is_neither_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="neither a span"):
        parse_moment(text, now_ms=NOW_MS, sign=+1)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    try:
        moment = parse_moment(text, now_ms=NOW_MS, sign=+1)
    except ValueError:
        return
    assert isinstance(moment, int)
