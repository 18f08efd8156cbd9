"""The wire formats that can be translated, as a table.

Rule: a dialect that stands here with a `client` half may be asked in, one with an `upstream` half
may be asked for; every pair of the two is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects import (
    anthropic_messages,
    bedrock,
    cohere,
    gemini,
    ollama,
    openai_chat,
    openai_embeddings,
    openai_responses,
)
from gateway.dialects.hub import Codec
from gateway.entities import Dialect

_ROWS: Final[tuple[Codec, ...]] = (
    openai_chat.CHAT_CODEC,
    openai_chat.COMPLETIONS_CODEC,
    openai_responses.CODEC,
    openai_embeddings.CODEC,
    anthropic_messages.CODEC,
    gemini.CODEC,
    bedrock.CODEC,
    cohere.CODEC,
    ollama.CODEC,
)

CODECS: Final[Mapping[Dialect, Codec]] = MappingProxyType({row.name: row for row in _ROWS})
