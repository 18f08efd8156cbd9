"""A rotated credential while the grace of the former value lasts, against a provider with keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.entities import Resilience
from gateway.routing.health import Block
from gateway.routing.health_table import list_states
from tests.proxy.rig import NOW_MS, Endpoint, Model, Rig

NEW = "canary-key-of-the-provider-new"
FORMER = "canary-key-of-the-provider-old"
SHORT = {"quarantine_ms": 60_000}
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Provider:
    """Serves the keys that it knows, and notes all."""

    def __init__(self) -> None:
        self.known = {FORMER}
        self.keys: list[str] = []
        self.status = 200
        self.url = ""
        self.pause: asyncio.Event | None = None
        self.refuses_in_a_stream = False

    async def answer(self, request: web.Request) -> web.Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.keys.append(key)
        if self.pause is not None:
            await self.pause.wait()
        if key not in self.known:
            error = {"message": "Incorrect API key provided", "code": "invalid_api_key"}
            if self.refuses_in_a_stream:
                event = b"data: " + orjson.dumps({"error": error}) + b"\n\n"
                return web.Response(body=event, content_type="text/event-stream")
            return web.json_response({"error": error}, status=401)
        return web.json_response(ANSWER, status=self.status)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


def build(provider: Provider, **given: Any) -> dict[str, Endpoint]:
    model = Model(provider.url, name="one", key=NEW, former=FORMER, **given)
    return {"chat": Endpoint([model])}


async def test_the_new_value_is_used_where_it_works(provider: Provider) -> None:
    provider.known = {NEW, FORMER}
    async with Rig(build(provider)) as rig:
        assert (await rig.chat()).status == 200
        assert (await rig.chat()).own("attempts") == "1"
    assert provider.keys == [NEW, NEW]


async def test_a_refused_new_value_gives_way_to_the_former_one(
    provider: Provider, caplog: Any
) -> None:
    async with Rig(build(provider), settings={"max_attempts": 1}) as rig:
        first, second = await rig.chat(), await rig.chat()
        assert (first.status, first.own("attempts")) == (200, "2")
        assert (second.status, second.own("attempts")) == (200, "1")
        assert provider.keys == [NEW, FORMER, FORMER]
        rows = [(row.attempt, row.status, row.error_code) for row in rig.ledger.rows]
        assert rows == [(1, 401, "credential_rejected"), (2, 200, None), (1, 200, None)]
        (state,) = list_states(rig.parts.healths, rig.parts.snapshots.current, 0.0)
        assert (state.state, state.reason) == (Block.QUARANTINE, "credential_rejected")
        assert state.former_until == NOW_MS + 1000
    told = [text for text in caplog.messages if "refuses the new value" in text]
    assert len(told) == 1
    assert NEW not in caplog.text


async def test_the_new_value_is_tried_again_by_single_requests(provider: Provider) -> None:
    async with Rig(build(provider), settings={"quarantine_ms": 1}) as rig:
        await rig.chat()
        await asyncio.sleep(0.02)  # until the new value may be tried again
        provider.known = {NEW}
        assert (await rig.chat()).own("attempts") == "1"
        states = list_states(rig.parts.healths, rig.parts.snapshots.current, 0.0)
        assert not states
    assert provider.keys == [NEW, FORMER, NEW]


async def test_the_former_value_is_not_used_once_its_grace_is_over(provider: Provider) -> None:
    async with Rig(build(provider)) as rig:
        assert (await rig.chat()).status == 200
        rig.clock.now = NOW_MS + 1000
        refused = await rig.chat()
        assert (refused.status, refused.code) == (502, "credential_rejected")
    assert provider.keys == [NEW, FORMER, NEW]


async def test_other_failures_do_not_bring_the_former_value_out(provider: Provider) -> None:
    provider.known, provider.status = {NEW, FORMER}, 429
    async with Rig(build(provider)) as rig:
        assert (await rig.chat()).status == 429
        assert (await rig.chat()).status == 429
    assert set(provider.keys) == {NEW}


async def test_where_both_are_refused_the_next_target_is_tried(provider: Provider) -> None:
    provider.known = {"canary-key-of-another-account"}
    models = [
        Model(provider.url, name="one", key=NEW, former=FORMER),
        Model(provider.url, name="two", key="canary-key-of-another-account", order=0),
    ]
    async with Rig({"chat": Endpoint(models)}) as rig:
        answer = await rig.chat()
        assert (answer.status, answer.own("model"), answer.own("attempts")) == (200, "two", "3")
        assert (await rig.chat()).own("attempts") == "1"


async def test_a_former_value_that_does_not_open_is_none(provider: Provider) -> None:
    provider.known = {NEW}
    endpoints = build(provider)
    async with Rig(endpoints) as rig:
        sealed = next(iter(rig.parts.snapshots.current.sealed.values()))
        object.__setattr__(sealed.previous.sealed, "record", b"broken")
        assert (await rig.chat()).status == 200


async def test_a_former_value_that_cannot_be_sent_is_none(provider: Provider) -> None:
    provider.known = {NEW}
    model = Model(provider.url, name="one", key=NEW, former="canary-key\nof-two-lines")
    async with Rig({"chat": Endpoint([model])}) as rig:
        assert (await rig.chat()).status == 200


async def test_a_lone_target_is_insisted_on_with_the_value_that_is_not_refused(
    provider: Provider,
) -> None:
    async with Rig(build(provider)) as rig:
        assert (await rig.chat()).status == 200
        provider.status = 429  # the former value cools from here on
        assert (await rig.chat()).status == 429
        answer = await rig.chat()
        assert (answer.status, answer.own("attempts")) == (429, "1")
        provider.status = 200
        assert (await rig.chat()).status == 200
    assert provider.keys == [NEW, *[FORMER] * 4]


async def test_where_both_are_refused_a_lone_target_is_insisted_on_with_the_new_one(
    provider: Provider,
) -> None:
    provider.known = set()
    async with Rig(build(provider)) as rig:
        assert (await rig.chat()).code == "credential_rejected"
        provider.known = {NEW}
        assert (await rig.chat()).status == 200
    assert provider.keys == [NEW, FORMER, NEW]


async def test_a_full_former_value_is_not_called_more_often(provider: Provider) -> None:
    async with Rig(build(provider), settings={"max_in_flight_per_target": 1}) as rig:
        assert (await rig.chat()).status == 200
        provider.pause = asyncio.Event()
        slow = asyncio.create_task(rig.chat())
        while len(provider.keys) < 3:
            await asyncio.sleep(0.001)
        assert (await rig.chat()).code == "overloaded"
        provider.pause.set()
        assert (await slow).status == 200
    assert provider.keys == [NEW, FORMER, FORMER]


async def test_hedged_calls_keep_to_the_former_value(provider: Provider) -> None:
    models = [
        Model(provider.url, name="one", key=NEW, former=FORMER),
        Model(provider.url, name="two", key=FORMER, order=0),
    ]
    endpoint = Endpoint(models, resilience=Resilience(hedge=True))
    async with Rig({"chat": endpoint}) as rig:
        answers = [await rig.chat() for _ in range(40)]
        assert {answer.status for answer in answers} == {200}
        assert len(rig.ledger.rows) == len(provider.keys)
    assert provider.keys[:2] == [NEW, FORMER]
    assert NEW not in provider.keys[2:]


@pytest.mark.parametrize("in_a_stream", [False, True])
async def test_a_streamed_request_is_saved_before_anything_was_sent(
    provider: Provider, in_a_stream: bool
) -> None:
    provider.refuses_in_a_stream = in_a_stream
    async with Rig(build(provider)) as rig:
        answer = await rig.chat(stream=True)
        assert (answer.status, answer.own("attempts")) == (200, "2")
        first, second = rig.ledger.rows
        assert (first.error_code, second.error_code) == ("credential_rejected", None)
    assert provider.keys == [NEW, FORMER]
