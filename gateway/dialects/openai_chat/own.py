"""Who speaks the format, and who speaks more than it.

Rule: what only this format knows passes between those that speak it.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.hub import CacheMark, ChatRequest
from gateway.entities import Dialect

# How thoughts are asked for at OpenRouter, and there alone: its extensions are known by it.
OPENROUTER: Final = "reasoning"
_OWN: Final = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS})


def is_own(request: ChatRequest) -> bool:
    """Tell whether a request came in this format."""
    return request.dialect in _OWN


def dump_mark(mark: CacheMark) -> dict[str, Any]:
    """Return a cache mark as OpenRouter takes it, which is Anthropic's form."""
    ttl = {} if mark.ttl is None else {"ttl": mark.ttl}
    return {"cache_control": {"type": "ephemeral"} | ttl}
