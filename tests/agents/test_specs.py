"""What Lockgate sends, against the vendors' own specifications, and the headers of its credentials.

`steady` checks requests against an OpenAPI file; `llm-katan` each vendor's way to show a key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.entities import Dialect
from tests.agents.judges import KATAN, STEADY, Judged, ask, list_specs, open_judged
from tests.translation.asks import ASKS
from tests.translation.client import Client
from tests.translation.clients import CLIENTS
from tests.translation.world import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SECRET = {"api_key": "judge-key-0123456789-of-the-provider"}
# Its paths have no version: they stand behind the base URL, as the SDKs have it.
SPECIFIED = (
    Upstream("openai", Dialect.OPENAI_CHAT, "openai", "gpt-4o", {"api_base": "{sim}"}, _SECRET),
    Upstream(
        "responses",
        Dialect.OPENAI_RESPONSES,
        "openai",
        "gpt-4o",
        {"api_base": "{sim}", "api": "responses"},
        _SECRET,
    ),
)
TASKS = [
    task
    for task, one in ASKS.items()
    if one.fault is None and task not in {"refusal", "cache", "document"}
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def specified(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Judged]:
    command = [*STEADY, list_specs()["openai"]]
    data = tmp_path_factory.mktemp("steady") / "data"
    async with open_judged(command, {}, data, SPECIFIED) as judged:
        yield judged


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("upstream", SPECIFIED, ids=lambda one: one.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.dialect.value)
async def test_requests_are_as_openai_specifies_them(
    specified: Judged, client: Client, upstream: Upstream, task: str
) -> None:
    body = client.build(ASKS[task], upstream.name, stream=False)
    if body is None:
        pytest.skip("this format cannot ask so")
    _, text, headers = await ask(specified, client.path(upstream.name, stream=False), body)
    if "not_expressible" in text or "cannot be expressed" in text:
        pytest.skip("refused by a rule: nothing was sent")
    # The answer is an arbitrary one; what it says of the request is what counts.
    assert headers.get("x-steady-request-valid") == "true", (text, headers)


def _katan(name: str, dialect: Dialect, key: str, config: dict[str, str]) -> Upstream:
    return Upstream(name, dialect, name, "model-1", config, {"api_key": key})


# The keys that it expects are its own, published ones.
KEYED = (
    _katan("openai", Dialect.OPENAI_CHAT, "llm-katan-openai-key", {"api_base": "{sim}/v1"}),
    _katan(
        "anthropic", Dialect.ANTHROPIC_MESSAGES, "llm-katan-anthropic-key", {"api_base": "{sim}"}
    ),
    _katan(
        "bedrock",
        Dialect.BEDROCK_CONVERSE,
        "llm-katan-bedrock-key",
        {"api_base": "{sim}", "region": "us-east-1"},
    ),
    _katan(
        "azure",
        Dialect.OPENAI_CHAT,
        "llm-katan-azure-key",
        {"api_base": "{sim}", "api_version": "2024-10-21"},
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keyed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Judged]:
    providers = "openai,anthropic,azure_openai,bedrock"
    command = [*KATAN, "-m", "model-1", "-b", "echo", "--validate-keys", "--providers", providers]
    data = tmp_path_factory.mktemp("katan") / "data"
    async with open_judged(command, {}, data, KEYED) as judged:
        yield judged


@pytest.mark.parametrize("upstream", KEYED, ids=lambda one: one.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.dialect.value)
async def test_each_vendor_is_shown_its_key(
    keyed: Judged, client: Client, upstream: Upstream
) -> None:
    if client.dialect in {Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_RESPONSES} and (
        upstream.provider in {"openai", "azure"}
    ):
        pytest.skip("relayed as it is: llm-katan knows chat completions alone")
    body = client.build(ASKS["text"], upstream.name, stream=False)
    assert body is not None
    status, text, _ = await ask(keyed, client.path(upstream.name, stream=False), body)
    assert status == 200, text
    assert "marker-one" in client.read(status, text, stream=False).text
