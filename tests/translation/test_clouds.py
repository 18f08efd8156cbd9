"""Azure, Bedrock and Vertex AI by each way of authentication, asked in every client format."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.entities import Dialect
from gateway.providers import PROVIDERS, accounts, list_spoken
from tests.translation.client import Client
from tests.translation.clients import CLIENTS
from tests.translation.judge import Cell
from tests.translation.matrix import fill
from tests.translation.world import TOKEN, Upstream, World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = ("AKIDTESTS0123456789", "the-secret-of-the-tests-0123456789")
TASKS = ("text", "system", "parallel tools", "tool result", "error 429")
HOME = "/v1/projects/proj-1/locations/us-east5/publishers"


def _dump_key_file() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "private_key_id": "kid-1",
            "private_key": pem.decode(),
            "client_email": "lockgate@proj-1.iam.gserviceaccount.com",
            "token_uri": "{sim}/token",
        }
    )


AZURE = {"api_base": "{sim}", "api_version": "2024-10-21"}
VERTEX = {"api_base": "{sim}", "project": "proj-1", "location": "us-east5"}
KEY_FILE = {"service_account": _dump_key_file()}
CLOUDS = (
    Upstream("azure-key", Dialect.OPENAI_CHAT, "azure", "gpt-4o", AZURE),
    Upstream(
        "azure-entra",
        Dialect.OPENAI_CHAT,
        "azure",
        "gpt-4o",
        AZURE | {"auth_mode": "entra", "tenant_id": "tenant-1", "client_id": "client-1"},
        {"client_secret": "a-secret-of-the-application"},
    ),
    Upstream(
        "bedrock-keys",
        Dialect.BEDROCK_CONVERSE,
        "bedrock",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"api_base": "{sim}", "region": "us-east-1", "auth_mode": "access_keys"},
        {"access_key_id": PAIR[0], "secret_access_key": PAIR[1]},
    ),
    Upstream("vertex-google", Dialect.GEMINI, "vertex", "gemini-3-flash-preview", VERTEX, KEY_FILE),
    Upstream(
        "vertex-claude",
        Dialect.ANTHROPIC_MESSAGES,
        "vertex",
        "claude-sonnet-4-6",
        VERTEX,
        KEY_FILE,
    ),
)
# Plain, streamed: where the provider is asked.
PATHS = {
    "azure-key": ("/openai/deployments/gpt-4o/chat/completions",) * 2,
    "azure-entra": ("/openai/deployments/gpt-4o/chat/completions",) * 2,
    "bedrock-keys": tuple(
        f"/model/anthropic.claude-sonnet-4-5-20250929-v1:0/{action}"
        for action in ("converse", "converse-stream")
    ),
    "vertex-google": tuple(
        f"{HOME}/google/models/gemini-3-flash-preview:{action}"
        for action in ("generateContent", "streamGenerateContent")
    ),
    "vertex-claude": tuple(
        f"{HOME}/anthropic/models/claude-sonnet-4-6:{action}"
        for action in ("rawPredict", "streamRawPredict")
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clouds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    data = tmp_path_factory.mktemp("clouds") / "data"
    async with open_world(data, CLOUDS, PAIR) as world:
        with pytest.MonkeyPatch.context() as patch:
            # Where Entra logs in stands in a table on purpose; here it is the simulator.
            patch.setattr(accounts, "_ENTRA_PUBLIC", (world.sim.url, accounts.ENTRA_SCOPE))
            yield world


def _list_translated() -> list[Any]:
    """Return each cloud with each client whose format it does not speak itself."""
    return [
        pytest.param(cloud, client, id=f"{client.dialect.value}-{cloud.name}")
        for cloud in CLOUDS
        for client in CLIENTS
        if client.dialect not in list_spoken(PROVIDERS[cloud.provider], cloud.model, cloud.config)
    ]


@pytest.mark.parametrize(("cloud", "client"), _list_translated())
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_cloud_answers_every_client(
    clouds: World, cloud: Upstream, client: Client, stream: bool
) -> None:
    async with aiohttp.ClientSession() as session:
        for task in TASKS:
            cell = await fill(clouds, session, Cell(client, cloud, task, stream, ""))
            assert cell.mark in ("ok", "d", "n/a"), f"{task}: {cell.mark} {cell.note}"
            if cell.mark != "n/a":
                assert clouds.sim.calls[-1].path == PATHS[cloud.name][stream]


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
async def test_a_credential_is_tried_without_cost(clouds: World, cloud: Upstream) -> None:
    clouds.sim.clear_faults()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"{clouds.url}/api/v1/", headers=headers) as session:
        async with session.get("secrets") as response:
            rows = {row["secret_name"]: row for row in (await response.json())["items"]}
        async with session.post(f"secrets/{rows[cloud.name]['secret_id']}/test") as response:
            outcome = await response.json()
    assert (response.status, outcome["outcome"]) == (200, "works"), outcome


async def _post(world: World, cloud: str) -> tuple[int, str]:
    world.sim.calls.clear()
    world.sim.clear_faults()
    world.forget_failures()
    url = f"{world.url}/v1/chat/completions"
    body = {"model": cloud, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {world.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers=headers) as response,
    ):
        return response.status, await response.text()


async def _ask(world: World, cloud: str) -> dict[str, Any]:
    status, text = await _post(world, cloud)
    assert status == 200, text
    sent: dict[str, Any] = world.sim.calls[-1].json()
    return sent


async def test_a_body_for_anthropic_at_vertex_names_the_version_and_no_model(clouds: World) -> None:
    sent = await _ask(clouds, "vertex-claude")
    assert sent["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in sent


@pytest.mark.parametrize(
    ("cloud", "header", "begin"),
    [
        ("azure-key", "api-key", "sim-key-"),
        ("azure-entra", "Authorization", "Bearer ya29.sim-"),
        ("vertex-google", "Authorization", "Bearer ya29.sim-"),
        ("bedrock-keys", "Authorization", f"AWS4-HMAC-SHA256 Credential={PAIR[0]}/"),
    ],
)
async def test_a_credential_goes_where_the_cloud_wants_it(
    clouds: World, cloud: str, header: str, begin: str
) -> None:
    await _ask(clouds, cloud)
    assert clouds.sim.calls[-1].headers[header].startswith(begin)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "vertex-google", "input": "hello"}),
        (
            "/v1beta/models/vertex-google:batchEmbedContents",
            {"requests": [{"model": "m", "content": {"parts": [{"text": "hello"}]}}]},
        ),
    ],
)
async def test_vectors_of_vertex_are_refused(clouds: World, path: str, body: Any) -> None:
    clouds.sim.calls.clear()
    headers = {"Authorization": f"Bearer {clouds.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(clouds.url + path, json=body, headers=headers) as response,
    ):
        text = await response.text()
        assert response.status == 400, text
        assert "dialect_mismatch" in text
    assert not clouds.sim.calls


async def test_a_wrong_pair_is_refused_by_the_signature(tmp_path: Path) -> None:
    wrong = replace(CLOUDS[2], secret={"access_key_id": PAIR[0], "secret_access_key": "other-0123"})
    async with open_world(tmp_path / "data", (wrong,), PAIR) as world:
        status, text = await _post(world, wrong.name)
        assert status == 502
        assert "does not match the signature" not in text  # what a provider says of a credential
