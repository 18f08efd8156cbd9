"""Ollama's own API: ``/api/chat`` with its lines of JSON, and ``/api/embed``.

Rule: its OpenAI-like routes are not this dialect's.
"""

from gateway.dialects.ollama.codec import CODEC

__all__ = ["CODEC"]
