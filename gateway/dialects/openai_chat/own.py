"""Which clients speak the format that OpenAI-compatible providers do.

Rule: what only this format knows passes between those that speak it.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.hub import ChatRequest
from gateway.entities import Dialect

_OWN: Final = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS})


def is_own(request: ChatRequest) -> bool:
    """Tell whether a request came in this format."""
    return request.dialect in _OWN
