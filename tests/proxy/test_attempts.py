"""The outcomes of docs/errors.md, buffered, against simulated providers with faults."""

from __future__ import annotations

import pytest

from gateway.entities import EndpointLimits
from gateway.simulator import RunningSimulator
from tests.proxy.rig import (
    CANARY,
    Endpoint,
    Model,
    Rig,
    chat_body,
    gemini_body,
    messages_body,
)


def with_fallback(sim: RunningSimulator, other: RunningSimulator, fault: str = "") -> Endpoint:
    model = f"gpt-4o-mini+{fault}" if fault else "gpt-4o-mini"
    return Endpoint([Model(sim.url, model=model), Model(other.url, order=0, name="spare")])


async def test_a_buffered_answer_comes_back_with_our_headers(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url, name="mini")])}) as rig:
        answer = await rig.chat()
    assert answer.status == 200
    assert "first" in answer.json()["choices"][0]["message"]["content"]
    assert answer.own("endpoint") == "chat"
    assert answer.own("model") == "mini"
    assert answer.own("provider") == "openai"
    assert answer.own("attempts") == "1"
    assert len(answer.own("request-id")) == 32
    assert 0 < float(answer.own("overhead-ms")) < 1000
    assert answer.headers["x-request-id"]  # the provider's own passes
    assert sim.calls[0].headers["Authorization"] == f"Bearer {CANARY}"
    assert sim.calls[0].json()["model"] == "gpt-4o-mini"
