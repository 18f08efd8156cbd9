from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing import find_hint
from gateway.routing.hints import parse_reset

NOW_S = 1_760_000_000.0
SOON = datetime.fromtimestamp(NOW_S + 12, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("2d", 172_800.0),
        ("17", 17.0),
        (f"{NOW_S + 30:.0f}", 30.0),
        (f"{(NOW_S + 30) * 1000:.0f}", 30.0),
        (SOON, 12.0),
        ("", None),
        ("soon", None),
        ("1s later", None),
        ("2025-01-01T00:00:00", None),  # without a zone it is no moment
        ("nan", None),
    ],
)
def test_the_forms_of_a_reset(text: str, expected_s: float | None) -> None:
    assert parse_reset(text, NOW_S) == expected_s


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"retry-after": "3", "x-ratelimit-remaining-requests": "0"}, 3.0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "8.64s",
                "x-ratelimit-remaining-tokens": "100",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            8.64,
        ),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": SOON,
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "1s",
            },
            12.0,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "?"}, None),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9d"}, 3600.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW_S + 9:.0f}000"}, 9.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW_S - 9:.0f}"}, 0.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "50"}, 50.0),
        ({"ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining-req-minute": "0"}, 60.0),
        ({"x-ratelimit-remaining-tokens-minute": "0", "retry-after": "4"}, 4.0),
        ({"x-ratelimit-remaining-req-minute": "717"}, None),
        ({}, None),
    ],
)
def test_a_limit_that_is_used_up_says_when_it_is_whole_again(
    headers: dict[str, str], expected_s: float | None
) -> None:
    assert find_hint(headers, b"", NOW_S) == expected_s


def test_the_headers_that_openrouter_repeats_in_the_body() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW_S + 20:.0f}000"}
    body = orjson.dumps({"error": {"code": 429, "metadata": {"headers": headers}}})
    assert find_hint({}, body, NOW_S) == 20.0


@given(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "x-ratelimit-reset", "anthropic-ratelimit-tokens-reset"]
    ),
    st.text(max_size=30) | st.integers().map(str) | st.floats().map(str),
)
def test_no_hint_is_out_of_bounds(name: str, text: str) -> None:
    left = {"x-ratelimit-remaining": "0", "anthropic-ratelimit-tokens-remaining": "0"}
    body = orjson.dumps({"error": {"metadata": {"headers": {name: text}}}})
    for hint_s in (find_hint({**left, name: text}, b"", NOW_S), find_hint(left, body, NOW_S)):
        assert hint_s is None or 0 <= hint_s <= 3600
