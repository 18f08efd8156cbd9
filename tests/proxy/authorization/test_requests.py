"""Requests whose credential is a token, from the client to the cloud."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from gateway.entities import TrialOutcome
from gateway.proxy import UpstreamTrials
from gateway.secret import Secret
from gateway.settings import Settings, parse_origin_pattern
from tests.proxy.authorization.conftest import TOKEN, Cloud, dump_key_file
from tests.proxy.rig import Endpoint, Model, PlainOpener, Rig, gemini_body, messages_body

CONFIG = {"project": "proj-1", "location": "europe-west4"}
HOME = "/v1/projects/proj-1/locations/europe-west4/publishers"
GENERATE = "/v1beta/models/e:generateContent"


def build_model(cloud: Cloud, pem: str, model: str = "gemini-2.5-pro", **more: object) -> Model:
    file = dump_key_file(pem, token_uri=f"{cloud.url}/token")
    return Model(
        cloud.url,
        provider="vertex",
        model=model,
        fields={"service_account": file},
        more_config=CONFIG,
        **more,  # type: ignore[arg-type]
    )


async def test_a_gemini_client_reaches_vertex_with_the_accounts_token(
    cloud: Cloud, pem: str
) -> None:
    async with Rig({"e": Endpoint([build_model(cloud, pem)])}) as rig:
        answers = [await rig.post(GENERATE, gemini_body()) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    path = f"{HOME}/google/models/gemini-2.5-pro:generateContent"
    assert cloud.asked == [(path, gemini_body(), f"Bearer {TOKEN}")] * 2
    assert len(cloud.forms) == 1


async def test_an_anthropic_client_reaches_claude_on_vertex(cloud: Cloud, pem: str) -> None:
    model = build_model(cloud, pem, "claude-opus-4-5@20251101")
    async with Rig({"e": Endpoint([model])}) as rig:
        answer = await rig.post("/v1/messages", messages_body("e"))
        counted = await rig.post("/v1/messages/count_tokens", {"model": "e", "messages": []})
    assert (answer.status, counted.status) == (200, 200)
    (path, body, _), (count_path, count_body, _) = cloud.asked
    assert path == f"{HOME}/anthropic/models/claude-opus-4-5@20251101:rawPredict"
    sent = messages_body("e")
    del sent["model"]
    assert body == {"anthropic_version": "vertex-2023-10-16", **sent}
    assert count_path == f"{HOME}/anthropic/models/count-tokens:rawPredict"
    assert count_body["model"] == "claude-opus-4-5@20251101"
    assert count_body["anthropic_version"] == "vertex-2023-10-16"


async def test_many_requests_at_once_ask_for_one_token(cloud: Cloud, pem: str) -> None:
    models = [build_model(cloud, pem)]
    async with Rig({"e": Endpoint(models)}) as rig:
        answers = await asyncio.gather(*(rig.post(GENERATE, gemini_body()) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(cloud.forms) == 1


async def test_a_refused_key_is_the_operators_fault_and_the_next_target_is_asked(
    cloud: Cloud, pem: str
) -> None:
    cloud.status, cloud.answer = 400, {"error": "invalid_grant"}
    async with Rig({"e": Endpoint([build_model(cloud, pem)])}) as rig:
        answer = await rig.post(GENERATE, gemini_body())
        assert answer.status == 502
        assert [row.error_code for row in rig.ledger.rows] == ["credential_rejected"]
    assert cloud.asked == []


async def test_a_token_service_that_is_down_is_an_upstream_that_is_down(
    cloud: Cloud, pem: str
) -> None:
    cloud.status = 503
    async with Rig({"e": Endpoint([build_model(cloud, pem)])}) as rig:
        answer = await rig.post(GENERATE, gemini_body())
    assert answer.status == 502
    assert "token service" in answer.body.decode()


async def test_a_token_that_comes_back_is_struck_out(
    cloud: Cloud, pem: str, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.echoes = True
    async with Rig({"e": Endpoint([build_model(cloud, pem)])}) as rig:
        answer = await rig.post(GENERATE, gemini_body())
    assert answer.status == 200
    assert TOKEN.encode() not in answer.body
    assert b"***" in answer.body
    assert TOKEN not in caplog.text


async def test_a_credential_is_tried_with_its_token(cloud: Cloud, pem: str) -> None:
    settings = Settings(allowed_private_origins=(parse_origin_pattern(cloud.url),))
    trials = UpstreamTrials(PlainOpener(), settings)
    file = dump_key_file(pem, token_uri=f"{cloud.url}/token")
    value = Secret(orjson.dumps({"service_account": file}))
    config = {**CONFIG, "api_base": cloud.url}
    works = await trials.try_value("vertex", value, config)
    assert (works.outcome, works.status) == (TrialOutcome.WORKS, 200)
    assert cloud.asked[0][0] == "/v1beta1/publishers/google/models?pageSize=1"
    cloud.status, cloud.answer = 400, {"error": "invalid_grant"}
    refused = await trials.try_value("vertex", value, config)
    assert (refused.outcome, refused.status) == (TrialOutcome.REFUSED, None)
    assert "invalid_grant" in refused.detail
