"""Cohere's version 2: ``/v2/chat`` and ``/v2/embed``.

    hub -> provider    request_out, messages; losses in features
    provider -> hub    answer, reader; vectors both ways in embeddings

Rule: its OpenAI-like routes are not this dialect's.
"""

from gateway.dialects.cohere.codec import CODEC

__all__ = ["CODEC"]
