"""Ollama's own API: ``/api/chat`` with its lines of JSON, and ``/api/embed``.

    hub -> provider    request_out; losses in features
    provider -> hub    answer, reader; vectors both ways in embeddings

Rule: its OpenAI-like routes are not this dialect's.
"""

from gateway.dialects.ollama.codec import CODEC

__all__ = ["CODEC"]
