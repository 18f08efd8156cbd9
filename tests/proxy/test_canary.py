"""The provider's credential is found nowhere but in the provider's own request."""

from __future__ import annotations

import logging
import pickle
import traceback
from dataclasses import replace
from typing import Any

import pytest

from gateway.proxy.credentials import Wirings
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CANARY, Endpoint, Model, Rig, chat_body, gemini_body, messages_body

FAULTS = [
    "",
    "echo-key",
    "echo-key,status=400",
    "echo-key,status=429",
    "echo-key,status=500",
    "echo-key,status=403",
    "error-event-first,echo-key",
    "reset",
    "truncate",
    "malformed",
    "malformed=html",
    "redirect",
    "hang",
    "gzip",
    "empty",
    "byte-by-byte,echo-key,status=400",
]
ROUTES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("openai", "gpt-4o-mini", "/v1/chat/completions", chat_body("e")),
    ("openai", "gpt-4o-mini", "/v1/responses", {"model": "e", "input": "x", "stream": True}),
    ("anthropic", "claude-3-5-haiku", "/v1/messages", messages_body("e", stream=True)),
    ("gemini", "gemini-2.0", "/v1beta/models/e:generateContent", gemini_body()),
    ("gemini", "gemini-2.0", "/v1beta/models/e:streamGenerateContent", gemini_body()),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("provider", "model", "path", "body"), ROUTES)
async def test_the_canary_stays_inside(
    sim: RunningSimulator,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    provider: str,
    model: str,
    path: str,
    body: dict[str, Any],
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream = f"{model}+{fault}" if fault else model
    endpoint = Endpoint([Model(sim.url, provider=provider, model=upstream)])
    settings = {"first_byte_timeout_ms": 300}
    async with Rig({"e": endpoint}, settings=settings) as rig:
        answer = await rig.post(path, body)
    assert sim.calls
    assert any(CANARY in str(value) for value in dict(sim.calls[0].headers).values())
    sent = answer.body + str(answer.headers).encode()
    assert CANARY.encode() not in sent
    assert CANARY not in caplog.text
    assert CANARY not in repr(rig.ledger.rows)
    assert CANARY.encode() not in rig.metrics.render()


async def test_a_credential_echoed_in_a_good_answer_is_struck_out(sim: RunningSimulator) -> None:
    body = chat_body("e", messages=[{"role": "user", "content": f"marker-{CANARY} {CANARY}"}])
    async with Rig({"e": Endpoint([Model(sim.url)])}) as rig:
        plain = await rig.post("/v1/chat/completions", body)
        streamed = await rig.post("/v1/chat/completions", {**body, "stream": True})
    assert plain.status == streamed.status == 200
    assert CANARY.encode() not in plain.body + streamed.body
    assert b"***" in plain.body


async def test_a_wiring_shows_and_copies_nothing(sim: RunningSimulator) -> None:
    async with Rig({"e": Endpoint([Model(sim.url)])}) as rig:
        snapshot = rig.parts.snapshots.current
        wirings = Wirings(
            rig.parts.configs, rig.parts.settings.allowed_private_origins, rig.parts.healths
        )
        (target,) = snapshot.endpoints["e"].targets
        wiring = wirings.find(snapshot, "e", target)
    assert wiring is not None
    assert CANARY not in repr(wiring)
    with pytest.raises(TypeError):
        pickle.dumps(wiring)
    try:
        wiring.check_origin()
        raise RuntimeError(wiring)  # noqa: TRY301  what a traceback with it in would show
    except RuntimeError:
        assert CANARY not in traceback.format_exc()


async def test_a_new_epoch_forgets_the_old_credentials(sim: RunningSimulator) -> None:
    async with Rig({"e": Endpoint([Model(sim.url)])}) as rig:
        await rig.chat("e")
        await rig.chat("e")
        assert rig.opener.opened == 1
        rig.configure({"e": Endpoint([Model(sim.url, key="canary-other-key-0123456789")])})
        answer = await rig.chat("e")
    assert rig.opener.opened == 2
    assert answer.code == "credential_rejected"  # the simulator takes the first canary only


async def test_a_new_epoch_drops_what_was_made_of_the_old_credentials(
    sim: RunningSimulator,
) -> None:
    async with Rig({"e": Endpoint([Model(sim.url)])}) as rig:
        snapshot = rig.parts.snapshots.current
        wirings = Wirings(
            rig.parts.configs, rig.parts.settings.allowed_private_origins, rig.parts.healths
        )
        (target,) = snapshot.endpoints["e"].targets
        assert wirings.find(snapshot, "e", target) is not None
        rig.parts.configs.advance(snapshot.epoch + 1)  # at the swap, before any request
        assert not wirings._ready
        assert wirings.find(snapshot, "e", target) is not None  # a request that still runs
        assert not wirings._ready


async def test_a_change_of_something_else_keeps_what_is_ready(sim: RunningSimulator) -> None:
    async with Rig({"e": Endpoint([Model(sim.url)]), "f": Endpoint([Model(sim.url)])}) as rig:
        snapshot = rig.parts.snapshots.current
        wirings = Wirings(
            rig.parts.configs, rig.parts.settings.allowed_private_origins, rig.parts.healths
        )
        (target,) = snapshot.endpoints["e"].targets
        (other,) = snapshot.endpoints["f"].targets
        kept, gone = wirings.find(snapshot, "e", target), wirings.find(snapshot, "f", other)
        sealed = {**snapshot.sealed, other.secret_id: replace(snapshot.sealed[other.secret_id])}
        newer = replace(snapshot, epoch=snapshot.epoch + 1, sealed=sealed)
        rig.parts.configs.advance(newer.epoch, newer.sealed)
        assert wirings.find(newer, "e", target) is kept
        assert wirings.find(newer, "f", other) is not gone
        assert wirings.find(newer, "renamed", target) is not kept
