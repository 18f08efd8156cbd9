"""Cohere's version 2: ``/v2/chat`` and ``/v2/embed``.

Rule: its OpenAI-like routes are not this dialect's.
"""

from gateway.dialects.cohere.codec import CODEC

__all__ = ["CODEC"]
