"""What MLflow's providers are called here, and where they live.

Source: MLflow 3.17, `mlflow/gateway/config.py` and `mlflow/gateway/providers/`.

Rule: a credential goes to no other place than MLflow sent it to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InvalidValueError
from gateway.manifest.vendors import BASES, COMPATIBLE
from gateway.providers import check_auth_config


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
    "mistral": Vendor(COMPATIBLE, BASES["mistral"], takes_base=False),
    "togetherai": Vendor(COMPATIBLE, BASES["together_ai"]),
    "together_ai": Vendor(COMPATIBLE, BASES["together_ai"]),
    "groq": Vendor(COMPATIBLE, BASES["groq"]),
    "deepseek": Vendor(COMPATIBLE, BASES["deepseek"]),
    "xai": Vendor(COMPATIBLE, BASES["xai"]),
    "openrouter": Vendor(COMPATIBLE, BASES["openrouter"]),
    "perplexity": Vendor(COMPATIBLE, BASES["perplexity"]),
    "fireworks_ai": Vendor(COMPATIBLE, BASES["fireworks_ai"]),
    "cerebras": Vendor(COMPATIBLE, BASES["cerebras"]),
    "nvidia_nim": Vendor(COMPATIBLE, BASES["nvidia_nim"]),
    # MLflow's own default of it: on MLflow's machine, which need not be this one.
    "ollama": Vendor(COMPATIBLE, "http://localhost:11434/v1"),
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
    for name in _KEPT if vendor.provider in ("openai", COMPATIBLE) else ():
        if given.get(name):
            settings[name] = given.pop(name)
    try:
        check_auth_config(vendor.provider, settings)
    except InvalidValueError as error:
        raise NotMapped(f"{error.field} {error.detail}") from None
    return vendor.provider, settings or None, sorted(key for key in given if given[key] is not None)
