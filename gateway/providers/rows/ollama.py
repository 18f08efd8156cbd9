"""Ollama.

Source: github.com/ollama/ollama, docs/api.md and docs/openai.md, read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import Provider
from gateway.providers.rows.fields import KEY_MODE, OPTIONAL_KEY, api_base

# What its /v1 has; it leaves tool_choice out unsaid, so translated requests take the native API.
_SHARED: Final = (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS)

OLLAMA_ROW: Final = Provider(
    name="ollama",
    title="Ollama",
    dialects=frozenset({Dialect.OLLAMA_CHAT, *_SHARED}),
    base_url=None,
    secret_fields=(OPTIONAL_KEY,),
    config_fields=(
        api_base(None, text="Such as http://localhost:11434, or https://ollama.com with a key."),
        KEY_MODE,
    ),
    trial_path="/api/tags",
    hub_dialects=(Dialect.OLLAMA_CHAT, Dialect.OPENAI_CHAT),
    prefixes=tuple((dialect, "/v1") for dialect in _SHARED),
    is_self_hosted=True,
)
