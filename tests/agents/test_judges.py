"""Servers of other makers, which know nothing of Lockgate, judge what it asks and answer it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.entities import Dialect
from tests.agents.conftest import HERE
from tests.agents.judges import AIMOCK, Judged, ask, open_judged
from tests.translation.asks import ASKS
from tests.translation.client import Client
from tests.translation.clients import CLIENTS
from tests.translation.world import UPSTREAMS, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "judge-key-0123456789-of-the-provider"
_SECRET = {"api_key": KEY}
AZURE = (
    Upstream("azure", Dialect.OPENAI_CHAT, "azure", "gpt-4o", {"api_base": "{sim}"}, _SECRET),
    Upstream(
        "azure-dated",
        Dialect.OPENAI_CHAT,
        "azure",
        "gpt-4o",
        {"api_base": "{sim}", "api_version": "2024-10-21"},
        _SECRET,
    ),
)


def with_key(upstream: Upstream, key: str) -> Upstream:
    return Upstream(
        upstream.name,
        upstream.dialect,
        upstream.provider,
        upstream.model,
        upstream.config,
        {"api_key": key},
    )


# --- aimock: does it understand the request, and Lockgate its answer ------------------------------

# Those that aimock knows, each with the plain way to show a key.
_KNOWN = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama")
MOCKED = (*(with_key(one, KEY) for one in UPSTREAMS if one.name in _KNOWN), AZURE[1])
TASKS = ("text", "tool", "parallel tools", "tool result")
CALL = {"city": "Rome"}
# What the fixtures say, by task: text, calls, input and output tokens.
ANSWERS: dict[str, tuple[str, tuple[str, ...], int, int]] = {
    "text": ("heard: marker-one, and no more than that", (), 11, 7),
    "tool": ("", ("get_weather",), 21, 12),
    "parallel tools": ("", ("get_weather", "get_time"), 31, 13),
    "tool result": ("sunny-17 and noon-12", (), 41, 14),
}
UNCOUNTED = {"ollama"}  # aimock's Ollama counts nothing: 0 and 0
_OPENAIS = ("openai", "responses", "azure-dated")


def find_gap(client: Client, upstream: Upstream, stream: bool) -> str | None:
    """Return what aimock lacks; these pairs share a format, so Lockgate relays what it says."""
    if client.dialect is Dialect.OPENAI_COMPLETIONS and upstream.name in (*_OPENAIS, "ollama"):
        return "aimock has no legacy completions"
    if client.dialect is Dialect.OPENAI_RESPONSES and upstream.name in _OPENAIS and stream:
        return "aimock numbers no events"
    return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mocked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Judged]:
    command = [*AIMOCK, "-f", HERE / "judges.json"]
    data = tmp_path_factory.mktemp("aimock") / "data"
    async with open_judged(command, {"AIMOCK_API_KEYS": KEY}, data, MOCKED) as judged:
        yield judged


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("upstream", MOCKED, ids=lambda one: one.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.dialect.value)
async def test_aimock(
    mocked: Judged, client: Client, upstream: Upstream, task: str, stream: bool
) -> None:
    body = client.build(ASKS[task], upstream.name, stream=stream)
    gap = find_gap(client, upstream, stream) if body else "this format cannot ask so"
    if body is None or gap:
        pytest.skip(str(gap))
    status, text, _ = await ask(mocked, client.path(upstream.name, stream=stream), body)
    assert status == 200, text
    seen = client.read(status, text, stream=stream)
    said, calls, inputs, outputs = ANSWERS[task]
    assert (seen.text, seen.calls) == (said, tuple((name, CALL) for name in calls)), text
    if client.dialect is not upstream.dialect:  # its Gemini ends calls with a word of its own
        assert seen.finish == ("tool_calls" if calls else "stop"), text
    if upstream.name not in UNCOUNTED:
        assert (seen.input_tokens, seen.output_tokens) == (inputs, outputs), text
