from __future__ import annotations

import pytest

from gateway.dialects import Usage, estimate_tokens, estimate_usage


@pytest.mark.parametrize(("chars", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4_000, 1_000)])
def test_four_characters_make_a_token_rounded_up(chars: int, tokens: int) -> None:
    assert estimate_tokens(chars) == tokens


def test_an_estimate_says_that_it_is_one() -> None:
    assert estimate_usage(401, 40) == Usage(101, 10, estimated=True)
