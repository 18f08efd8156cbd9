"""What MLflow's providers are called here, and where they live.

Source: MLflow 3.17, `mlflow/gateway/config.py` and `mlflow/gateway/providers/`; base URLs by the
vendors' own pages on OpenAI's format (2026-06).

Rule: a credential goes to no other place than MLflow sent it to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InvalidValueError
from gateway.providers import check_auth_config

_COMPATIBLE: Final = "openai_compatible"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider of MLflow's.

    Attributes:
        provider: its name here.
        api_base: where it lives, where that has to be said.
        takes_base: MLflow sends to the secret's own `api_base`; else it does not look at it.
        base_end: what a base ends with there and not here: it is put behind it here.
    """

    provider: str
    api_base: str | None = None
    takes_base: bool = True
    base_end: str = ""


VENDORS: Final[Mapping[str, Vendor]] = {
    "openai": Vendor("openai"),
    "anthropic": Vendor("anthropic", base_end="/v1"),
    "gemini": Vendor("gemini", takes_base=False),
    "mistral": Vendor(_COMPATIBLE, "https://api.mistral.ai/v1", takes_base=False),
    "togetherai": Vendor(_COMPATIBLE, "https://api.together.xyz/v1"),
    "together_ai": Vendor(_COMPATIBLE, "https://api.together.xyz/v1"),
    "groq": Vendor(_COMPATIBLE, "https://api.groq.com/openai/v1"),
    "deepseek": Vendor(_COMPATIBLE, "https://api.deepseek.com/v1"),
    "xai": Vendor(_COMPATIBLE, "https://api.x.ai/v1"),
    "openrouter": Vendor(_COMPATIBLE, "https://openrouter.ai/api/v1"),
    "perplexity": Vendor(_COMPATIBLE, "https://api.perplexity.ai"),
    "fireworks_ai": Vendor(_COMPATIBLE, "https://api.fireworks.ai/inference/v1"),
    "cerebras": Vendor(_COMPATIBLE, "https://api.cerebras.ai/v1"),
    "nvidia_nim": Vendor(_COMPATIBLE, "https://integrate.api.nvidia.com/v1"),
    # MLflow's own default of it: on MLflow's machine, which need not be this one.
    "ollama": Vendor(_COMPATIBLE, "http://localhost:11434/v1"),
}
_KEPT: Final = ("organization", "project")  # settings that mean the same here
_AZURE_TYPES: Final = ("azure", "azuread")


class NotMapped(Exception):  # noqa: N818  an answer, not a failure
    """There is nothing here that this could become; the text says why."""


def map_settings(
    provider: str, auth_config: Mapping[str, Any]
) -> tuple[str, dict[str, Any] | None, list[str]]:
    """Return the provider's name here, the credential's settings, and which are left out.

    Raises:
        NotMapped: no such provider here, or it is reached in another way.
    """
    vendor = VENDORS.get(provider.lower())
    if vendor is None:
        raise NotMapped(f"Lockgate has no provider {provider!r}")
    mode = auth_config.get("auth_mode") or "api_key"
    if mode != "api_key":
        raise NotMapped(f"Lockgate has no auth_mode {mode!r} of {provider}")
    if auth_config.get("api_type") in _AZURE_TYPES:
        raise NotMapped("Lockgate has no Azure OpenAI (api_type azure)")
    given = {key: value for key, value in auth_config.items() if key != "auth_mode"}
    settings: dict[str, Any] = {}
    base = given.pop("api_base", None) if vendor.takes_base else None
    if base and not str(base).rstrip("/").endswith(vendor.base_end):
        raise NotMapped(
            f"its api_base does not end with {vendor.base_end}, which is put behind it here"
        )
    if base or vendor.api_base:
        settings["api_base"] = base or vendor.api_base
    for name in _KEPT if vendor.provider in ("openai", _COMPATIBLE) else ():
        if given.get(name):
            settings[name] = given.pop(name)
    try:
        check_auth_config(vendor.provider, settings)
    except InvalidValueError as error:
        raise NotMapped(f"{error.field} {error.detail}") from None
    return vendor.provider, settings or None, sorted(key for key in given if given[key] is not None)
