"""The outcomes of docs/errors.md, buffered, against simulated providers with faults."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from gateway.entities import EndpointLimits
from gateway.simulator import RunningSimulator
from tests.proxy.rig import (
    CANARY,
    Endpoint,
    Model,
    Rig,
    chat_body,
    counted_body,
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


async def test_the_body_goes_up_byte_for_byte_but_the_model(sim: RunningSimulator) -> None:
    head = '{ "seed":1,\t"model" : "chat" ,\n"messages":[{"role":"user","content":"'
    tail = ' \\u00e9 \u00fc \U0001f600 \\"model\\": \\"chat\\""}], "n":1, "n":1.0 }\r\n'
    raw = (head + tail).encode()
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        answer = await rig.post("/v1/chat/completions", raw)
    assert answer.status == 200
    expected = raw.replace(b'"model" : "chat"', b'"model" : "gpt-4o-mini"', 1)
    assert sim.calls[0].body == expected


async def test_answers_come_down_byte_for_byte(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        via = await rig.post("/v1/embeddings", {"model": "chat", "input": "same"})
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {CANARY}"}) as session,
        session.post(
            f"{sim.url}/v1/embeddings", json={"model": "gpt-4o-mini", "input": "same"}
        ) as direct,
    ):
        assert via.body == await direct.read()


@pytest.mark.parametrize("size", [116_000, 5_000_000])
async def test_large_bodies_pass_whole(sim: RunningSimulator, size: int) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        body = chat_body(messages=[{"role": "user", "content": "x" * size}])
        answer = await rig.post("/v1/chat/completions", body)
    assert answer.status == 200
    assert sim.calls[0].json()["messages"] == body["messages"]


# --- outcomes, each alone and with another target -------------------------------------------

OUTCOMES = [
    # fault, status alone, code alone (None: the provider's own body passes), ledger's word
    ("status=429,retry-after=7", 429, None, "rate_limited"),
    ("status=503,retry-after=7", 503, None, "overloaded"),
    ("status=529", 529, None, "overloaded"),
    ("status=500", 500, None, "server_error"),
    ("status=502", 502, None, "server_error"),
    ("status=504", 504, None, "server_error"),
    ("status=408", 408, None, "request_timeout"),
    ("error=bad-key", 502, "credential_rejected", "credential_rejected"),
    ("status=403", 502, "credential_rejected", "credential_rejected"),
    ("error=quota", 429, "quota_exhausted", "quota_exhausted"),
    ("error=no-model", 404, None, "model_unavailable"),
    ("redirect", 502, "upstream_redirect", "upstream_redirect"),
    ("reset", 502, "upstream_reset", "upstream_reset"),
    ("truncate", 502, "upstream_truncated", "upstream_truncated"),
    ("empty", 502, "upstream_truncated", "upstream_truncated"),
]


@pytest.mark.parametrize(("fault", "status", "code", "word"), OUTCOMES)
async def test_outcome_alone(
    sim: RunningSimulator, fault: str, status: int, code: str | None, word: str
) -> None:
    model = Model(sim.url, model=f"gpt-4o-mini+{fault}")
    async with Rig({"chat": Endpoint([model])}) as rig:
        answer = await rig.chat()
    assert answer.status == status
    error = answer.json()["error"]
    if code is not None:
        assert error["code"] == code
    assert rig.ledger.rows[0].error_code == word
    assert answer.own("endpoint") == "chat"
    assert CANARY.encode() not in answer.body


@pytest.mark.parametrize(("fault", "status", "code", "word"), OUTCOMES)
async def test_outcome_of_a_streamed_request(
    sim: RunningSimulator, fault: str, status: int, code: str | None, word: str
) -> None:
    model = Model(sim.url, model=f"gpt-4o-mini+{fault}")
    async with Rig({"chat": Endpoint([model])}) as rig:
        answer = await rig.chat(stream=True)
    if fault == "truncate":  # of a stream: after its first content
        assert answer.status == 200
        assert b"upstream_truncated" in answer.body
    else:
        assert answer.status == status
        assert code is None or answer.code == code
    assert rig.ledger.rows[0].error_code == word


@pytest.mark.parametrize("fault", [row[0] for row in OUTCOMES])
async def test_outcome_with_another_target(
    sim: RunningSimulator, other: RunningSimulator, fault: str
) -> None:
    async with Rig({"chat": with_fallback(sim, other, fault)}) as rig:
        answer = await rig.chat()
    assert answer.status == 200
    assert "second" in answer.json()["choices"][0]["message"]["content"]
    assert answer.own("attempts") == "2"
    assert answer.own("model") == "spare"
    assert [row.attempt for row in rig.ledger.rows] == [1, 2]
    assert len(sim.calls) == 1


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_a_fault_of_the_client_is_passed_on_and_not_retried(
    sim: RunningSimulator, other: RunningSimulator, status: int
) -> None:
    async with Rig({"chat": with_fallback(sim, other, f"status={status}")}) as rig:
        answer = await rig.chat()
    assert answer.status == status
    assert "error" in answer.json()
    assert other.calls == []


async def test_a_lone_target_gets_one_retry_after_a_server_error(sim: RunningSimulator) -> None:
    sim.set_fault("status=500", times=1)
    async with Rig({"chat": Endpoint([Model(sim.url)])}, draw=lambda: 0.5) as rig:
        answer = await rig.chat()
    assert answer.status == 200
    assert answer.own("attempts") == "2"
    assert rig.naps == [0.25]  # half of the half second of full jitter
    assert [row.error_code for row in rig.ledger.rows] == ["server_error", None]


async def test_a_lone_target_gets_no_second_retry(sim: RunningSimulator) -> None:
    sim.set_fault("status=500")
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        answer = await rig.chat()
    assert answer.status == 500
    assert len(sim.calls) == 2


async def test_a_cap_of_one_attempt_leaves_no_time_to_wait_for_a_retry(
    sim: RunningSimulator,
) -> None:
    sim.set_fault("status=500")
    models = {"chat": Endpoint([Model(sim.url)])}
    async with Rig(models, settings={"max_attempts": 1}) as rig:
        answer = await rig.chat()
    assert answer.own("attempts") == "1"
    assert rig.naps == []


async def test_no_retry_of_a_lone_target_that_is_overloaded(sim: RunningSimulator) -> None:
    sim.set_fault("status=503,retry-after=2")
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        answer = await rig.chat()
    assert answer.headers["Retry-After"] == "2"
    assert len(sim.calls) == 1


async def test_attempts_are_capped_over_all_targets(sim: RunningSimulator) -> None:
    sim.set_fault("status=503")
    models = [Model(sim.url, name=f"m{index}") for index in range(5)]
    async with Rig({"chat": Endpoint(models)}, settings={"max_attempts": 2}) as rig:
        answer = await rig.chat()
    assert answer.status == 503
    assert len(sim.calls) == 2


async def test_fallbacks_are_capped(sim: RunningSimulator) -> None:
    sim.set_fault("status=503")
    models = [Model(sim.url), Model(sim.url, order=0), Model(sim.url, order=1)]
    async with Rig({"chat": Endpoint(models, max_fallbacks=1)}) as rig:
        await rig.chat()
    assert len(sim.calls) == 2


async def test_a_refused_connection(sim: RunningSimulator) -> None:
    with socket.socket() as taken:  # bound, never listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with Rig(
            {"one": Endpoint([Model(url)]), "two": Endpoint([Model(url), Model(sim.url, order=0)])}
        ) as rig:
            alone = await rig.chat("one")
            both = await rig.chat("two")
    assert (alone.status, alone.code) == (502, "upstream_connect")
    assert both.status == 200


async def test_retry_after_is_made_from_geminis_body(sim: RunningSimulator) -> None:
    model = Model(sim.url, provider="gemini", model="gemini-2.0+status=429,retry-after=3")
    async with Rig({"gem": Endpoint([model])}) as rig:
        answer = await rig.post("/v1beta/models/gem:generateContent", gemini_body())
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "3"
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


async def test_geminis_bad_key_is_never_the_clients_fault(sim: RunningSimulator) -> None:
    model = Model(sim.url, provider="gemini", model="gemini-2.0", key="canary-another-wrong-key")
    async with Rig({"gem": Endpoint([model])}) as rig:
        answer = await rig.post("/v1beta/models/gem:generateContent", gemini_body())
    assert answer.status == 502
    assert answer.json()["error"]["details"][0]["reason"] == "credential_rejected"


async def test_a_fault_of_ours_is_booked_as_one(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url, model="gpt-4o-mini+status=500")])}) as rig:
        rig.clock.good_calls = 2  # for the request and its attempt; the third is for the answer
        answer = await rig.chat()
    assert (answer.status, answer.code) == (500, "internal")
    assert [row.error_code for row in rig.ledger.rows] == ["internal"]


# --- limits of time -------------------------------------------------------------------------


async def test_no_headers_in_time(sim: RunningSimulator, other: RunningSimulator) -> None:
    settings = {"first_byte_timeout_ms": 150}
    endpoints = {
        "one": Endpoint([Model(sim.url, model="gpt-4o-mini+hang")]),
        "two": with_fallback(sim, other, "hang"),
    }
    async with Rig(endpoints, settings=settings) as rig:
        alone = await rig.chat("one")
        both = await rig.chat("two")
    assert (alone.status, alone.code) == (504, "upstream_first_byte_timeout")
    assert both.status == 200
    assert both.own("attempts") == "2"


async def test_a_body_that_stalls(sim: RunningSimulator, other: RunningSimulator) -> None:
    settings = {"idle_timeout_ms": 150}
    async with Rig({"chat": with_fallback(sim, other, "stall-after=1")}, settings=settings) as rig:
        answer = await rig.chat()
    assert answer.status == 200
    assert rig.ledger.rows[0].error_code == "upstream_stalled"


async def test_the_clients_deadline_shortens(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig({"chat": with_fallback(sim, other, "hang")}) as rig:
        answer = await rig.post(
            "/v1/chat/completions", chat_body(), **{"x-lockgate-timeout-ms": "150"}
        )
    assert (answer.status, answer.code) == (504, "deadline_exceeded")
    assert other.calls == []


async def test_the_clients_deadline_does_not_lengthen(sim: RunningSimulator) -> None:
    limits = EndpointLimits(total_timeout_ms=150)
    model = Model(sim.url, model="gpt-4o-mini+hang")
    async with Rig({"chat": Endpoint([model], limits=limits)}) as rig:
        answer = await rig.post(
            "/v1/chat/completions", chat_body(), **{"x-lockgate-timeout-ms": "600000"}
        )
    assert (answer.status, answer.code) == (504, "deadline_exceeded")


# --- targets that cannot be called ----------------------------------------------------------


async def test_a_target_whose_secret_does_not_open_is_skipped(
    sim: RunningSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    models = [Model(sim.url, key=None, weight=1000), Model(sim.url, weight=0.001, name="good")]
    async with Rig({"chat": Endpoint(models)}) as rig:
        answers = [await rig.chat() for _ in range(5)]
    assert {answer.own("model") for answer in answers} == {"good"}
    assert {answer.own("attempts") for answer in answers} == {"1"}
    assert rig.opener.opened == 2  # the broken one once, not once per request
    assert [found.secret_name for found in rig.parts.configs.quarantined()] == ["secret of chat-0"]
    assert len([line for line in caplog.messages if "out of service" in line]) == 1


async def test_all_secrets_broken_is_503(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url, key=None)])}) as rig:
        answer = await rig.chat()
    assert (answer.status, answer.code) == (503, "vault_integrity")
    assert rig.ledger.rows == []


async def test_an_origin_that_is_not_allowed_is_never_called(sim: RunningSimulator) -> None:
    async with Rig(
        {"chat": Endpoint([Model(sim.url)])}, settings={"allowed_private_origins": ()}
    ) as rig:
        answer = await rig.chat()
    assert (answer.status, answer.code) == (502, "upstream_origin_not_allowed")
    assert sim.calls == []


async def test_what_nobody_can_be_asked_in_names_what_would_work(sim: RunningSimulator) -> None:
    async with Rig({"claude": Endpoint([Model(sim.url, provider="anthropic")])}) as rig:
        answer = await rig.post("/v1/embeddings", {"model": "claude", "input": "hello"})
    assert (answer.status, answer.code) == (400, "dialect_mismatch")
    assert "anthropic_messages" in answer.json()["error"]["message"]
    assert rig.ledger.rows == []


async def test_targets_that_cannot_serve_are_left_out_of_the_draw(sim: RunningSimulator) -> None:
    models = [
        Model(sim.url, provider="anthropic", model="claude-x", weight=99, name="claude"),
        Model(sim.url, name="gpt", model="text-embedding-3-small", weight=1),
    ]
    async with Rig({"mixed": Endpoint(models)}) as rig:
        vectors = await rig.post("/v1/embeddings", {"model": "mixed", "input": "hello"})
        message = await rig.post("/v1/messages", messages_body("mixed"))
    assert (vectors.status, vectors.own("model")) == (200, "gpt")
    assert (message.status, message.own("model")) == (200, "claude")


# --- routing --------------------------------------------------------------------------------


async def test_weights_hold_over_http_and_follow_a_change_at_once(sim: RunningSimulator) -> None:
    def split(first: float, second: float) -> dict[str, Endpoint]:
        return {
            "chat": Endpoint(
                [
                    Model(sim.url, name="a", weight=first),
                    Model(sim.url, name="b", weight=second),
                    Model(sim.url, name="never", weight=0),
                ]
            )
        }

    async with Rig(split(80, 20)) as rig:
        names = [(await rig.chat()).own("model") for _ in range(400)]
        assert abs(names.count("a") / 400 - 0.8) < 0.07
        assert "never" not in names
        rig.configure(split(0, 1))
        assert (await rig.chat()).own("model") == "b"


# --- ledger ---------------------------------------------------------------------------------


async def test_a_row_has_the_providers_counts(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url, name="mini")])}) as rig:
        answer = await rig.chat()
    usage = answer.json()["usage"]
    (row,) = rig.ledger.rows
    assert row.request_id == answer.own("request-id")
    assert (row.endpoint_name, row.model_definition_name) == ("chat", "mini")
    assert (row.api_key_id, row.client_dialect) == ("k-app", "openai_chat")
    assert (row.input_tokens, row.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert (row.status, row.error_code, row.streamed, row.estimated) == (200, None, False, False)
    assert row.first_byte_ms is not None
    assert 0 < row.first_byte_ms <= row.duration_ms


async def test_an_endpoint_without_tracking_books_nothing(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)], usage_tracking=False)}) as rig:
        await rig.chat()
    assert rig.ledger.rows == []
    assert b'lockgate_attempts_total{outcome="ok",provider="openai"} 1.0' in rig.metrics.render()


async def test_counting_tokens_books_none(sim: RunningSimulator) -> None:
    async with Rig({"claude": Endpoint([Model(sim.url, provider="anthropic")])}) as rig:
        answer = await rig.post("/v1/messages/count_tokens", counted_body())
    assert answer.json()["input_tokens"] > 0
    assert rig.ledger.rows[0].input_tokens is None
