"""Token counts where a provider gave none.

Formula: one token for each four characters, rounded up: OpenAI's rule of thumb for
English text (help page "What are tokens and how to count them?"). Other scripts
have fewer characters to a token, but more bytes to a character, and characters are
counted here as the bytes of their JSON text; so the estimate stays in range.

Rule: an estimate is always marked as one.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.spec import Usage

_CHARS_PER_TOKEN: Final = 4


def estimate_tokens(chars: int) -> int:
    """Return the estimated tokens of a text of `chars` bytes."""
    return -(-chars // _CHARS_PER_TOKEN)


def estimate_usage(request_bytes: int, output_chars: int) -> Usage:
    """Estimate the counts of an exchange from the size of its body and of its output."""
    return Usage(
        input_tokens=estimate_tokens(request_bytes),
        output_tokens=estimate_tokens(output_chars),
        estimated=True,
    )
