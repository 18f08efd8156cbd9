"""LiteLLM's names of vendors, and what they are here.

Source: LiteLLM's provider pages (docs.litellm.ai/docs/providers), read in November 2026.

Rule: a vendor is a row; one that is in no row is not mapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.manifest.vendors import COMPATIBLE, KEYED


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of authentication: its name here, and its fields as (LiteLLM's, ours).

    It is taken where the first of them is given; the last of a vendor's ways where none is.
    """

    name: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: LiteLLM's parameter, ours, the variables that LiteLLM looks into, the default."""

    parameter: str
    name: str
    variables: tuple[str, ...] = ()
    default: str | None = None
    mode: str | None = None  # the one that it belongs to


_KEY: Final = (Mode("api_key", (("api_key", "api_key"),)),)


@dataclass(frozen=True, slots=True)
class Vendor:
    """What stands for a prefix of ``litellm_params.model``.

    Attributes:
        provider: its name here.
        variable: where LiteLLM looks for the key if none is given; None: it needs none.
        modes: ways of authentication, as they are looked for.
        settings: of the credential.
        dropped: what a model's name may begin with there and not here.
    """

    provider: str
    variable: str | None
    modes: tuple[Mode, ...] = _KEY
    settings: tuple[Setting, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        """LiteLLM's parameters that are read for it."""
        fields = (parameter for mode in self.modes for parameter, _ in mode.fields)
        return frozenset([*fields, *(setting.parameter for setting in self.settings)])


_AZURE: Final = Vendor(
    "azure",
    "AZURE_API_KEY",
    (Mode("entra", (("client_secret", "client_secret"),)), *_KEY),
    (
        Setting("api_version", "api_version"),
        Setting("tenant_id", "tenant_id", ("AZURE_TENANT_ID",), mode="entra"),
        Setting("client_id", "client_id", ("AZURE_CLIENT_ID",), mode="entra"),
    ),
)
_BEDROCK: Final = Vendor(
    "bedrock",
    None,
    (
        Mode(
            "access_keys",
            (
                ("aws_access_key_id", "access_key_id"),
                ("aws_secret_access_key", "secret_access_key"),
                ("aws_session_token", "session_token"),
            ),
        ),
        *_KEY,
        Mode("default_chain"),
    ),
    (Setting("aws_region_name", "region", ("AWS_REGION_NAME", "AWS_REGION")),),
    ("converse/", "invoke/"),
)
_VERTEX: Final = Vendor(
    "vertex",
    None,
    (
        Mode("service_account", (("vertex_credentials", "service_account"),)),
        Mode("default_chain"),
    ),
    (
        Setting("vertex_project", "project", ("VERTEXAI_PROJECT",)),
        Setting("vertex_location", "location", ("VERTEXAI_LOCATION",), "us-central1"),
    ),
)
_VARIABLES: Final = {
    "cerebras": "CEREBRAS_API_KEY",
    "deepinfra": "DEEPINFRA_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "sambanova": "SAMBANOVA_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}

VENDORS: Final = MappingProxyType(
    {
        "openai": Vendor("openai", "OPENAI_API_KEY"),
        "anthropic": Vendor("anthropic", "ANTHROPIC_API_KEY"),
        "gemini": Vendor("gemini", "GEMINI_API_KEY"),
        "azure": _AZURE,
        "bedrock": _BEDROCK,
        "bedrock_converse": _BEDROCK,
        "vertex_ai": _VERTEX,
        "cohere": Vendor("cohere", "COHERE_API_KEY"),
        "cohere_chat": Vendor("cohere", "COHERE_API_KEY"),
        "dashscope": Vendor("qwen", "DASHSCOPE_API_KEY"),
        "databricks": Vendor("databricks", "DATABRICKS_API_KEY"),
        "zai": Vendor("zai", "ZAI_API_KEY"),
        "ollama": Vendor("ollama", None),
        "ollama_chat": Vendor("ollama", None),
        "hosted_vllm": Vendor("vllm", None),
        "lm_studio": Vendor("lmstudio", None),
        "custom_openai": Vendor(COMPATIBLE, "OPENAI_API_KEY"),
        "litellm_proxy": Vendor(COMPATIBLE, "LITELLM_PROXY_API_KEY"),
        "text-completion-openai": Vendor("openai", "OPENAI_API_KEY"),
        **{name: Vendor(KEYED[name], variable) for name, variable in _VARIABLES.items()},
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
