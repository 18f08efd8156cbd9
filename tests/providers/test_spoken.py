from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import Dialect, Purpose
from gateway.providers import PROVIDERS, find_body_change, list_hub_dialects, list_spoken

CHAT, RESPONSES = Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
MESSAGES, GEMINI = Dialect.ANTHROPIC_MESSAGES, Dialect.GEMINI
BASE = {"api_base": "https://llm.example.com/v1"}


@pytest.mark.parametrize(
    ("model", "dialect"),
    [
        ("gemini-2.5-pro", GEMINI),
        ("models/gemini-2.5-pro", GEMINI),
        ("publishers/google/models/gemini", GEMINI),
        ("endpoints/12", GEMINI),
        ("claude-opus-4-5@20251101", MESSAGES),
        ("anthropic/claude-x", MESSAGES),
        ("publishers/anthropic/models/claude-x", MESSAGES),
        ("meta/llama-4-maverick", CHAT),
    ],
)
def test_the_publisher_says_what_a_model_of_vertex_speaks(model: str, dialect: Dialect) -> None:
    row = PROVIDERS["vertex"]
    assert list_spoken(row, model, None) == {dialect}
    assert list_hub_dialects(row, model, None) == (dialect,)


@pytest.mark.parametrize(
    ("provider", "config", "expected"),
    [
        ("openai", None, (CHAT, RESPONSES)),
        ("openai", {"api": "responses"}, (RESPONSES, CHAT)),
        ("openai", {"api": "chat"}, (CHAT, RESPONSES)),
        ("azure", {"api": "responses"}, (RESPONSES, CHAT)),
        ("openai_compatible", BASE, (CHAT, RESPONSES)),
        ("openai_compatible", {**BASE, "api": "responses"}, (RESPONSES, CHAT)),
        ("openai_compatible", {**BASE, "api": "chat"}, (CHAT,)),
        ("ollama", {"api_base": "http://o"}, (Dialect.OLLAMA_CHAT, CHAT)),
        ("mistral", None, (CHAT,)),
    ],
)
def test_the_operator_chooses_between_openais_apis(
    provider: str, config: dict[str, Any] | None, expected: tuple[Dialect, ...]
) -> None:
    assert list_hub_dialects(PROVIDERS[provider], "m", config) == expected


def test_a_compatible_server_without_responses_does_not_get_them() -> None:
    row = PROVIDERS["openai_compatible"]
    assert RESPONSES in list_spoken(row, "m", BASE)
    assert RESPONSES not in list_spoken(row, "m", {**BASE, "api": "chat"})
    assert RESPONSES in list_spoken(PROVIDERS["openai"], "m", {"api": "chat"})


def test_a_dialect_that_is_elsewhere_is_not_spoken_at_an_address_of_ones_own() -> None:
    row = PROVIDERS["deepseek"]
    assert MESSAGES in list_spoken(row, "m", None)
    assert MESSAGES not in list_spoken(row, "m", BASE)


def test_anthropics_bodies_are_changed_for_vertex_only() -> None:
    change = find_body_change(PROVIDERS["vertex"], MESSAGES, Purpose.CHAT)
    assert change is not None
    assert (change.dropped, change.added) == (
        ("model",),
        (("anthropic_version", "vertex-2023-10-16"),),
    )
    count = find_body_change(PROVIDERS["vertex"], MESSAGES, Purpose.COUNT)
    assert count is not None
    assert count.dropped == ()  # the path says count-tokens: the body names the model
    assert find_body_change(PROVIDERS["vertex"], GEMINI, Purpose.CHAT) is None
    assert find_body_change(PROVIDERS["anthropic"], MESSAGES, Purpose.CHAT) is None
