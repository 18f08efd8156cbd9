"""What each model takes, by the names that providers give it."""

from __future__ import annotations

import pytest

from gateway.dialects.anthropic_messages.generations import find_generation


@pytest.mark.parametrize(
    ("model", "limit", "budget", "adaptive", "schemas", "samples", "forced"),
    [
        ("claude-3-haiku-20240307", 4_096, True, False, False, True, True),
        ("claude-3-5-haiku-20241022", 8_192, True, False, False, True, True),
        ("claude-3-7-sonnet-latest", 64_000, True, False, False, True, True),
        ("claude-sonnet-4-20250514", 64_000, True, False, False, True, True),
        ("claude-4-opus-20250514", 32_000, True, False, False, True, True),
        ("claude-opus-4@20250514", 32_000, True, False, False, True, True),
        ("claude-opus-4-1-20250805", 32_000, True, False, True, True, True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000, True, False, True, True, True),
        ("anthropic/claude-4.6-opus", 128_000, True, True, True, True, True),
        ("claude-opus-4-7", 128_000, False, True, True, False, True),
        ("claude-sonnet-5", 128_000, False, True, True, False, True),
        ("claude-haiku-5-5", 128_000, False, True, True, False, False),
        ("claude-fable-5-1", 128_000, False, True, True, False, False),
        ("claude-next", 128_000, False, True, True, False, False),
        ("claude-2.1", 4_096, True, False, False, True, True),
        ("deepseek-chat", 8_192, True, False, False, True, True),
    ],
)
def test_a_name_tells_the_generation(
    model: str,
    limit: int,
    *,
    budget: bool,
    adaptive: bool,
    schemas: bool,
    samples: bool,
    forced: bool,
) -> None:
    found = find_generation(model)
    assert (
        found.max_tokens,
        found.thinks_by_budget,
        found.thinks_adaptively,
        found.has_schemas,
        found.samples,
        found.can_be_forced,
    ) == (limit, budget, adaptive, schemas, samples, forced)


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("claude-opus-4-8", "disabled"),
        ("claude-opus-5", "disabled"),
        ("claude-haiku-5-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
        ("claude-opus-5-5", None),
        ("claude-fable-5", None),
        ("claude-mythos-preview", None),
    ],
)
def test_how_a_model_is_kept_from_thinking(model: str, word: str | None) -> None:
    assert find_generation(model).no_thinking == word


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-sonnet-4-5", None),
        ("claude-opus-4-5", "high"),
        ("claude-opus-4-6", "max"),
        ("claude-opus-4-7", "max"),
    ],
)
def test_efforts(model: str, most: str | None) -> None:
    efforts = find_generation(model).efforts
    assert (efforts[-1] if efforts else None) == most
    assert ("xhigh" in efforts) == (model == "claude-opus-4-7")
