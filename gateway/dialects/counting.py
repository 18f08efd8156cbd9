"""What a client is told of how many tokens its request has, per dialect.

Source: Anthropic's API reference, "Count tokens in a Message"; the Generative Language API's
`CountTokensResponse`.

Rule: a dialect that stands here has clients that ask for a count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.entities import Dialect

COUNTS: Final[Mapping[Dialect, Callable[[int], dict[str, Any]]]] = MappingProxyType(
    {
        Dialect.ANTHROPIC_MESSAGES: lambda tokens: {"input_tokens": tokens},
        Dialect.GEMINI: lambda tokens: {"totalTokens": tokens},
    }
)
