"""The wire formats that can be translated, as a table.

Rule: a dialect that stands here with a `client` half may be asked in, one with an `upstream` half
may be asked for; every pair of the two is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialects import openai_chat, openai_embeddings
from gateway.dialects.anthropic_messages.codec import CODEC as ANTHROPIC_MESSAGES
from gateway.dialects.bedrock.codec import CODEC as BEDROCK_CONVERSE
from gateway.dialects.hub import Codec
from gateway.dialects.ollama.codec import CODEC as OLLAMA_CHAT
from gateway.dialects.openai_responses.codec import CODEC as OPENAI_RESPONSES
from gateway.entities import Dialect

_ROWS: Final[tuple[Codec, ...]] = (
    openai_chat.CHAT_CODEC,
    openai_chat.COMPLETIONS_CODEC,
    openai_embeddings.CODEC,
    ANTHROPIC_MESSAGES,
    BEDROCK_CONVERSE,
    OLLAMA_CHAT,
    OPENAI_RESPONSES,
)

CODECS: Final[Mapping[Dialect, Codec]] = MappingProxyType({row.name: row for row in _ROWS})
