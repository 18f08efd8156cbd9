"""A provider's errors, as clients of another dialect get them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import Resilience
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CANARY, Answer, Endpoint, Rig
from tests.proxy.translation.clients import CLIENTS, PAIRS, ask, build_endpoint, build_model

EVERY_PAIR = pytest.mark.parametrize(("client", "provider"), PAIRS)
OPENAI = {
    400: "invalid_request_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
ANTHROPIC = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
GEMINI = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def read_type(client: str, answer: Answer) -> Any:
    error = answer.json()["error"]
    return error["status"] if CLIENTS[client].vendor == "gemini" else error["type"]


def read_code(client: str, answer: Answer) -> Any:
    error = answer.json()["error"]
    if CLIENTS[client].vendor == "gemini":
        return error["details"][0]["reason"]
    return error["code"]


@EVERY_PAIR
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 529])
async def test_an_error_has_the_type_of_the_clients_vendor(
    sim: RunningSimulator, client: str, provider: str, status: int
) -> None:
    vendor = CLIENTS[client].vendor
    async with Rig(build_endpoint(sim, provider, f"status={status}")) as rig:
        plain = await ask(rig, client)
    async with Rig(build_endpoint(sim, provider, f"status={status}")) as rig:
        streamed = await ask(rig, client, stream=True)
    shown = 503 if status == 529 and vendor != "anthropic" else status
    types = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI}[vendor]
    for answer in (plain, streamed):
        assert answer.status == shown
        assert read_type(client, answer) == types[shown]
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json()["error"]["message"] != "the provider reported an error"


@EVERY_PAIR
@pytest.mark.parametrize("fault", ["status=401", "status=403", "error=bad-key"])
async def test_a_credential_of_ours_is_never_the_clients_fault(
    sim: RunningSimulator, client: str, provider: str, fault: str
) -> None:
    async with Rig(build_endpoint(sim, provider, fault)) as rig:
        answer = await ask(rig, client)
    assert answer.status == 502
    assert read_code(client, answer) == "credential_rejected"


@EVERY_PAIR
async def test_when_to_ask_again_is_told(sim: RunningSimulator, client: str, provider: str) -> None:
    async with Rig(build_endpoint(sim, provider, "status=429,retry-after=7")) as rig:
        answer = await ask(rig, client)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    if CLIENTS[client].vendor == "gemini":
        assert "7s" in answer.body.decode()


@EVERY_PAIR
@pytest.mark.parametrize("kind", ["context_window_exceeded", "content_policy"])
async def test_refusals_have_their_name_and_go_on_where_the_endpoint_says_so(
    sim: RunningSimulator, other: RunningSimulator, client: str, provider: str, kind: str
) -> None:
    fault = {"context_window_exceeded": "error=context", "content_policy": "error=policy"}[kind]
    first = build_model(sim, provider, fault)
    spare = build_model(other, provider, order=0, name="spare")
    async with Rig({"e": Endpoint([first, spare])}) as rig:
        told = await ask(rig, client)
    if kind == "content_policy" and provider == "gemini":
        return  # its filters answer with 200 and a reason; no error of it has that name
    assert told.status == 400
    assert read_code(client, told) == kind
    resilience = Resilience(fallback_on=(kind,))
    async with Rig({"e": Endpoint([first, spare], resilience=resilience)}) as rig:
        served = await ask(rig, client)
    assert (served.status, served.own("model")) == (200, "spare")


@EVERY_PAIR
async def test_the_credential_is_struck_out_of_errors(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    async with Rig(build_endpoint(sim, provider, "echo-key,status=400")) as rig:
        answer = await ask(rig, client)
    assert CANARY not in answer.body.decode() + str(answer.headers)


@EVERY_PAIR
async def test_a_fault_goes_to_the_next_target(
    sim: RunningSimulator, other: RunningSimulator, client: str, provider: str
) -> None:
    models = [build_model(sim, provider, "status=503"), build_model(other, "openai", order=0)]
    async with Rig({"e": Endpoint(models)}) as rig:
        answer = await ask(rig, client)
        codes = [row.error_code for row in rig.ledger.rows]
        dialects = [row.upstream_dialect for row in rig.ledger.rows]
    assert (answer.status, answer.own("attempts")) == (200, "2")
    assert codes == ["overloaded", None]
    assert dialects[1].startswith("openai")
