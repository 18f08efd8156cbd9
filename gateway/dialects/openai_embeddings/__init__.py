"""OpenAI Embeddings: watched, read and written."""

from gateway.dialects.openai_embeddings.codec import CODEC
from gateway.dialects.openai_embeddings.watch import SPEC

__all__ = ["CODEC", "SPEC"]
