"""What other gateways call the vendors that have a provider of their own here.

Sources: LiteLLM's provider pages (docs.litellm.ai/docs/providers) and MLflow 3.17,
`mlflow/gateway/config.py`, read in June and November 2026.

Rule: a vendor's name stands here once, whatever is imported.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

COMPATIBLE: Final = "openai_compatible"

# Vendors in OpenAI's format that are reached with a key alone: their name there, and here.
KEYED: Final = MappingProxyType(
    {
        "cerebras": "cerebras",
        "deepinfra": "deepinfra",
        "deepseek": "deepseek",
        "fireworks_ai": "fireworks",
        "groq": "groq",
        "mistral": "mistral",
        "moonshot": "moonshot",
        "nvidia_nim": "nvidia",
        "openrouter": "openrouter",
        "perplexity": "perplexity",
        "sambanova": "sambanova",
        "together_ai": "together",
        "xai": "xai",
    }
)
