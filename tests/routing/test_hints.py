from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
        ({}, None),
    ],
)
def test_a_limit_that_is_used_up_says_when_it_is_whole_again(
    headers: dict[str, str], expected_s: float | None
) -> None:
    assert find_hint(headers, b"", NOW_S) == expected_s
