"""OpenAI Responses: the watch of its streams, and its translation.

Rule: what knows this wire format is in this package alone.
"""

from gateway.dialects.openai_responses.codec import CODEC
from gateway.dialects.openai_responses.watch import SPEC, ResponsesWatch

__all__ = ["CODEC", "SPEC", "ResponsesWatch"]
