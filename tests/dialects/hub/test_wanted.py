"""What a request asks for beyond its words, and the report of what is lost of it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.hub import ChatRequest, Feature, Loss, Losses, Message, Role
from gateway.dialects.hub.wanted import list_wanted, lose_unknown
from gateway.entities import Dialect, Quirks


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(Dialect.OPENAI_CHAT, "chat", messages, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"candidates": 1},
        {"logprobs": False, "top_logprobs": 0},
        {"presence_penalty": 0.0},
        {"modalities": ("text",)},
        {"service_tier": "auto"},
        {"store": False},
        {"logit_bias": {}},
        {"stop": ()},
    ],
)
def test_what_happens_anyway_is_not_asked_for(fields: dict[str, Any]) -> None:
    assert list(list_wanted(ask(**fields))) == []


def test_zero_is_a_temperature() -> None:
    wanted = list(list_wanted(ask(temperature=0.0, seed=0, candidates=2)))
    assert wanted == [Feature.TEMPERATURE, Feature.SEED, Feature.CANDIDATES]


def test_the_rest_is_lost_by_the_clients_own_names() -> None:
    message = Message(Role.USER, (), name="Bo", extra={"odd": 1}, at="messages[0]")
    request = ask(message, temperature=0.0, seed=1, cache_key="k", extra={"own": 1})
    table = dict.fromkeys(Feature, Loss.DROPPED)
    losses = Losses("x", table)
    quirks = Quirks(unsupported=frozenset({"temperature"}))
    kept = lose_unknown(request, {Feature.TEMPERATURE, Feature.SEED}, quirks, losses)
    assert kept == {Feature.SEED}
    assert losses.dropped == (
        "temperature",
        "prompt_cache_key",
        "own",
        "messages[0].odd",
        "messages[0].name",
    )
