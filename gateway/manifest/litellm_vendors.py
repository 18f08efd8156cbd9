"""LiteLLM's names of vendors, and what they are here.

Source: LiteLLM's provider pages (docs.litellm.ai/docs/providers), read in November 2026.

Rule: a vendor is a row; one that is in no row is not mapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.manifest.vendors import BASES, COMPATIBLE


@dataclass(frozen=True, slots=True)
class Vendor:
    """What stands for a prefix of ``litellm_params.model``.

    `variable` is where LiteLLM looks for the key if none is given. `base` is the base URL of an
    OpenAI-compatible API; None means that `api_base` must be given. `suffix` is put behind a given
    one where LiteLLM speaks the vendor's own API there, and the vendor has another beside it.
    """

    provider: str
    variable: str
    base: str | None = None
    suffix: str = ""


def _compatible(variable: str, base: str | None = None, suffix: str = "") -> Vendor:
    return Vendor(COMPATIBLE, variable, base, suffix)


VENDORS: Final = MappingProxyType(
    {
        "openai": Vendor("openai", "OPENAI_API_KEY"),
        "anthropic": Vendor("anthropic", "ANTHROPIC_API_KEY"),
        "gemini": Vendor("gemini", "GEMINI_API_KEY"),
        "azure": _compatible("AZURE_API_KEY", suffix="/openai/v1"),
        "ollama": _compatible("OLLAMA_API_KEY", suffix="/v1"),
        "ollama_chat": _compatible("OLLAMA_API_KEY", suffix="/v1"),
        "cerebras": _compatible("CEREBRAS_API_KEY", BASES["cerebras"]),
        "custom_openai": _compatible("OPENAI_API_KEY"),
        "deepinfra": _compatible("DEEPINFRA_API_KEY", BASES["deepinfra"]),
        "deepseek": _compatible("DEEPSEEK_API_KEY", BASES["deepseek"]),
        "fireworks_ai": _compatible("FIREWORKS_API_KEY", BASES["fireworks_ai"]),
        "groq": _compatible("GROQ_API_KEY", BASES["groq"]),
        "hosted_vllm": _compatible("HOSTED_VLLM_API_KEY"),
        "litellm_proxy": _compatible("LITELLM_PROXY_API_KEY"),
        "lm_studio": _compatible("LM_STUDIO_API_KEY"),
        "mistral": _compatible("MISTRAL_API_KEY", BASES["mistral"]),
        "moonshot": _compatible("MOONSHOT_API_KEY", BASES["moonshot"]),
        "nvidia_nim": _compatible("NVIDIA_NIM_API_KEY", BASES["nvidia_nim"]),
        "openrouter": _compatible("OPENROUTER_API_KEY", BASES["openrouter"]),
        "perplexity": _compatible("PERPLEXITYAI_API_KEY", BASES["perplexity"]),
        "sambanova": _compatible("SAMBANOVA_API_KEY", BASES["sambanova"]),
        "text-completion-openai": Vendor("openai", "OPENAI_API_KEY"),
        "together_ai": _compatible("TOGETHERAI_API_KEY", BASES["together_ai"]),
        "xai": _compatible("XAI_API_KEY", BASES["xai"]),
    }
)

# Beginnings of names that LiteLLM takes for a vendor's without a prefix.
_BARE: Final = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("claude-", "anthropic"),
)


def split_model(model: str, custom: str | None) -> tuple[str | None, str]:
    """Split ``vendor/name`` into both; the vendor is None where nothing tells it.

    `custom` is ``custom_llm_provider``, which wins over a guess from the name.
    """
    vendor, slash, name = model.partition("/")
    if slash and vendor in VENDORS:
        return vendor, name
    if custom:
        return custom, name if vendor == custom else model
    if slash:
        return vendor, name
    return next((found for begin, found in _BARE if model.startswith(begin)), None), model
