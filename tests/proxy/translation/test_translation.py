"""Every client over every provider that does not speak its dialect: whole and streamed."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.entities import Resilience
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CANARY, CLIENT_KEY, Endpoint, Rig
from tests.proxy.translation.clients import (
    CLIENTS,
    PAIRS,
    UPSTREAM,
    ask,
    build_endpoint,
    build_model,
)

EVERY_PAIR = pytest.mark.parametrize(("client", "provider"), PAIRS)


@EVERY_PAIR
async def test_a_client_is_served_by_a_provider_of_another_dialect(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    async with Rig(build_endpoint(sim, provider)) as rig:
        plain = await ask(rig, client)
        streamed = await ask(rig, client, stream=True)
        rows = list(rig.ledger.rows)
    assert (plain.status, streamed.status) == (200, 200), plain.body + streamed.body
    said = CLIENTS[client].read_text(plain.json())
    assert "marker-one" in said
    told = CLIENTS[client].read_stream(streamed.body)
    assert (told.text, told.is_ended, told.error) == (said, True, None)
    assert [row.client_dialect for row in rows] == [CLIENTS[client].dialect] * 2
    assert [row.upstream_dialect for row in rows] == [UPSTREAM[provider]] * 2
    assert [row.error_code for row in rows] == [None, None]
    assert [row.streamed for row in rows] == [False, True]
    for row in rows:
        assert row.input_tokens
        assert row.output_tokens
        assert not row.estimated
    assert rows[0].input_tokens == rows[1].input_tokens
    assert rows[0].output_tokens == rows[1].output_tokens
    for answer in (plain, streamed):
        assert answer.own("provider") == provider
        assert answer.own("attempts") == "1"
    assert "charset" not in plain.headers["Content-Type"]


@EVERY_PAIR
async def test_what_one_vendor_is_told_in_headers_goes_to_no_other(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    sent = {
        "anthropic-beta": "b",
        "OpenAI-Beta": "b",
        "x-stainless-lang": "python",
        "x-goog-api-client": "genai",
        "User-Agent": "an-application/1",
        "X-Own": "kept",
    }
    case = CLIENTS[client]
    async with Rig(build_endpoint(sim, provider)) as rig:
        answer = await rig.post(case.path, dict(case.body), **sent)
    assert answer.status == 200
    headers = {name.lower(): value for name, value in sim.calls[-1].headers.items()}
    assert headers["user-agent"] == "an-application/1"
    assert headers["x-own"] == "kept"
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "application/json"
    for name in ("anthropic-beta", "openai-beta", "x-stainless-lang", "x-goog-api-client"):
        assert name not in headers
    if provider == "anthropic":
        assert headers["anthropic-version"] == "2023-06-01"
    assert CLIENT_KEY not in str(headers)
    assert CANARY in str(headers)


async def test_a_query_of_one_vendor_does_not_reach_another(sim: RunningSimulator) -> None:
    case = CLIENTS["messages"]
    async with Rig(build_endpoint(sim, "openai")) as rig:
        answer = await rig.post(f"{case.path}?beta=true", dict(case.body))
    assert answer.status == 200
    assert sim.calls[-1].raw_path == "/v1/chat/completions"


async def test_a_request_that_is_none_of_its_dialect_troubles_nobody(
    sim: RunningSimulator,
) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        answer = await rig.chat("e", messages=[{"role": "user", "content": [{"type": "text"}]}])
        rows = rig.ledger.rows
    assert (answer.status, answer.code) == (400, "malformed")
    assert answer.json()["error"]["param"] == "messages[0].content[0].text"
    assert (sim.calls, rows) == ([], [])


async def test_what_is_left_out_is_told_on_whole_and_streamed_answers(
    sim: RunningSimulator,
) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        plain = await rig.chat("e", seed=7, logit_bias={"5": 1})
        streamed = await rig.chat("e", seed=7, logit_bias={"5": 1}, stream=True)
        clean = await rig.chat("e")
    assert set(plain.own("dropped").split(", ")) == {"seed", "logit_bias"}
    assert streamed.own("dropped") == plain.own("dropped")
    assert "x-lockgate-dropped" not in clean.headers


async def test_what_is_left_out_is_told_with_an_error_too(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic", "status=400")) as rig:
        passed = await rig.chat("e", seed=7)
    async with Rig(build_endpoint(sim, "anthropic", "reset")) as rig:
        own = await rig.chat("e", seed=7)
    assert (passed.status, passed.own("dropped")) == (400, "seed")
    assert (own.status, own.own("dropped")) == (502, "seed")


async def test_what_cannot_be_expressed_goes_to_who_can_without_harm(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    models = [build_model(sim, "anthropic"), build_model(other, "openai", order=0)]
    async with Rig({"e": Endpoint(models)}) as rig:
        answer = await rig.chat("e", n=2)
        blocked = rig.parts.healths.list_blocked(0)
    assert (answer.status, answer.own("model"), answer.own("attempts")) == (200, "e-1", "1")
    assert (sim.calls, blocked) == ([], [])
    assert "x-lockgate-dropped" not in answer.headers


async def test_what_nobody_can_express_is_refused_with_its_field(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        answer = await rig.chat("e", n=2)
        rows = rig.ledger.rows
    assert (answer.status, answer.code) == (400, "not_expressible")
    assert answer.json()["error"]["param"] == "n"
    assert (sim.calls, rows) == ([], [])


async def test_state_at_a_vendor_is_refused_elsewhere(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        answer = await ask(rig, "responses", previous_response_id="resp_1")
    assert (answer.status, answer.code) == (400, "not_expressible")
    assert answer.json()["error"]["param"] == "previous_response_id"
    assert sim.calls == []


async def test_a_mixed_endpoint_passes_where_it_can_and_translates_where_not(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    models = [
        build_model(sim, "openai", weight=1),
        build_model(other, "anthropic", weight=1),
    ]
    async with Rig({"e": Endpoint(models)}) as rig:
        answers = [await rig.chat("e") for _ in range(20)]
    assert {answer.own("provider") for answer in answers} == {"openai", "anthropic"}
    assert {answer.json()["object"] for answer in answers} == {"chat.completion"}


async def test_numbers_keep_their_digits(sim: RunningSimulator) -> None:
    number = 123456789012345678901234567890
    tool = {
        "name": "look",
        "input_schema": {"type": "object", "properties": {"n": {"enum": [number]}}},
    }
    body = json.dumps({**CLIENTS["messages"].body, "tools": [tool]}).encode()
    async with Rig(build_endpoint(sim, "openai")) as rig:
        answer = await rig.post("/v1/messages", body)
    assert answer.status == 200
    assert str(number).encode() in sim.calls[-1].body


async def test_a_lone_target_is_asked_once_more(sim: RunningSimulator) -> None:
    sim.set_fault("status=500", times=1)
    async with Rig(build_endpoint(sim, "openai")) as rig:
        answer = await ask(rig, "messages", stream=True)
        rows = rig.ledger.rows
    assert (answer.status, answer.own("attempts")) == (200, "2")
    assert [row.error_code for row in rows] == ["server_error", None]
    assert {row.upstream_dialect for row in rows} == {"openai_chat"}


async def test_the_former_credential_serves_while_its_grace_lasts(sim: RunningSimulator) -> None:
    model = build_model(sim, "openai", key="a-new-key-that-is-wrong", former=CANARY)
    async with Rig({"e": Endpoint([model])}) as rig:
        answer = await ask(rig, "messages")
    assert (answer.status, answer.own("attempts")) == (200, "2")
    assert "marker-one" in CLIENTS["messages"].read_text(answer.json())


async def test_a_slow_target_is_overtaken_by_one_of_another_dialect(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    models = [build_model(sim, "openai"), build_model(other, "anthropic", order=0)]
    endpoint = Endpoint(models, resilience=Resilience(hedge=True))
    async with Rig({"e": endpoint}) as rig:
        sim.set_fault("delay-ms=50", times=30)
        await asyncio.gather(*(rig.chat("e") for _ in range(30)))  # what is usual
        sim.set_fault("hang")
        answer = await rig.chat("e", stream=True, seed=7)
        rows = {row.upstream_dialect: row.error_code for row in rig.ledger.rows[-2:]}
        blocked = rig.parts.healths.list_blocked(0)
    assert (answer.status, answer.own("provider"), answer.own("dropped")) == (
        200,
        "anthropic",
        "seed",
    )
    assert CLIENTS["chat"].read_stream(answer.body).is_ended
    assert rows == {"openai_chat": "hedge_lost", "anthropic_messages": None}
    assert blocked == []
