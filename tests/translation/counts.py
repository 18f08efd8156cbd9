"""What the simulated provider was asked, and how many tokens it has counted.

Rule: the counts are read off the provider's own bytes, by no code of the gateway's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from gateway.entities import Dialect
from tests.translation.asks import Seen
from tests.translation.world import World

# Where each format is asked for.
_PATHS: Final = (
    ("/chat/completions", Dialect.OPENAI_CHAT),
    ("/completions", Dialect.OPENAI_COMPLETIONS),
    ("/responses", Dialect.OPENAI_RESPONSES),
    ("/messages", Dialect.ANTHROPIC_MESSAGES),
    ("enerateContent", Dialect.GEMINI),
    ("awPredict", Dialect.ANTHROPIC_MESSAGES),  # Vertex's for Claude
    ("/model/", Dialect.BEDROCK_CONVERSE),
    ("/v2/chat", Dialect.COHERE_CHAT),
    ("/api/chat", Dialect.OLLAMA_CHAT),
)


def find_sent(world: World) -> Dialect | None:
    """Return the format in which the provider was asked; None where it was not."""
    if not world.sim.calls:
        return None
    path = world.sim.calls[-1].path
    return next(dialect for part, dialect in _PATHS if part in path)


_OPENAI_CACHE: Final = (("cached_tokens",), ("cache_write_tokens",))
# Per format the fields of input, output, cache read and cache write.
_COUNTS: Final = {
    "openai_chat": (("prompt_tokens",), ("completion_tokens",), *_OPENAI_CACHE),
    "openai_completions": (("prompt_tokens",), ("completion_tokens",), *_OPENAI_CACHE),
    "openai_responses": (("input_tokens",), ("output_tokens",), *_OPENAI_CACHE),
    "anthropic_messages": (
        ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        ("output_tokens",),
        ("cache_read_input_tokens",),
        ("cache_creation_input_tokens",),
    ),
    "gemini": (
        ("promptTokenCount", "toolUsePromptTokenCount"),
        ("candidatesTokenCount", "thoughtsTokenCount"),
        ("cachedContentTokenCount",),
        (),
    ),
    "bedrock_converse": (
        ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
        ("outputTokens",),
        ("cacheReadInputTokens",),
        ("cacheWriteInputTokens",),
    ),
    "cohere_chat": (("input_tokens",), ("output_tokens",), ("cached_tokens",), ()),
    "ollama_chat": (("prompt_eval_count",), ("eval_count",), (), ()),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a provider has counted: input with the cache, output with the thoughts."""

    input: int
    output: int
    cache_read: int
    cache_write: int


async def find_counts(world: World, session: aiohttp.ClientSession, sent: Dialect | None) -> Counts:
    """Return what the provider has counted: it is asked the same once more."""
    call = world.sim.calls[-1]
    async with session.post(
        URL(world.sim.url + call.raw_path, encoded=True), data=call.body, headers=dict(call.headers)
    ) as response:
        assert response.status == 200
        raw = await response.read()
    assert sent is not None
    return Counts(*(sum(_find_last(raw, name) for name in names) for names in _COUNTS[sent.value]))


def _find_last(raw: bytes, name: str) -> int:
    found = re.findall(rb'"%b"\s*:\s*([0-9]+)' % name.encode(), raw)
    return int(found[-1]) if found else 0


def check_counts(seen: Seen, counts: Counts) -> None:
    """Check that the client has been told the provider's counts."""
    assert (seen.input_tokens, seen.output_tokens) == (counts.input, counts.output), (seen, counts)
    read, written = seen.cached
    assert read in {None, counts.cache_read}, (seen, counts)
    assert written in {None, counts.cache_write}, (seen, counts)
