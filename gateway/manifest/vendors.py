"""Where vendors that have no provider of their own here answer in OpenAI's format.

Sources: the vendors' own API references, read in June and November 2026.

Rule: a base URL stands here once, under LiteLLM's name of the vendor, whatever is imported.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

COMPATIBLE: Final = "openai_compatible"

BASES: Final = MappingProxyType(
    {
        "cerebras": "https://api.cerebras.ai/v1",
        "deepinfra": "https://api.deepinfra.com/v1/openai",
        "deepseek": "https://api.deepseek.com/v1",
        "fireworks_ai": "https://api.fireworks.ai/inference/v1",
        "groq": "https://api.groq.com/openai/v1",
        "mistral": "https://api.mistral.ai/v1",
        "moonshot": "https://api.moonshot.ai/v1",
        "nvidia_nim": "https://integrate.api.nvidia.com/v1",
        "openrouter": "https://openrouter.ai/api/v1",
        "perplexity": "https://api.perplexity.ai",
        "sambanova": "https://api.sambanova.ai/v1",
        "together_ai": "https://api.together.xyz/v1",
        "xai": "https://api.x.ai/v1",
    }
)
