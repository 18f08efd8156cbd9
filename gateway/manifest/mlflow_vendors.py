"""What MLflow's providers are called here, how they authenticate, and where they live.

Source: MLflow 3.17, `mlflow/gateway/config.py`, `mlflow/utils/providers.py` and
`mlflow/gateway/providers/`.

Rule: whatever comes from MLflow, a database or a call of its REST, is read after this one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.manifest.vendors import KEYED


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of authentication: its name here (None: the default), its fields as theirs -> ours."""

    name: str | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: {"api_key": "api_key"})


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider of MLflow's.

    Attributes:
        provider: its name here.
        api_base: where it lives, where that has to be said.
        takes_base: MLflow sends to the secret's own `api_base`; else it does not look at it.
        base_end: what a base ends with there and not here: it is put behind it here.
        modes: ways of authentication, by MLflow's name.
        settings: those that mean the same here: theirs -> ours.
        base_added: what is put behind a base that does not end with it.
    """

    provider: str
    api_base: str | None = None
    takes_base: bool = True
    base_end: str = ""
    modes: Mapping[str, Mode] = field(default_factory=lambda: {"api_key": Mode()})
    settings: Mapping[str, str] = field(default_factory=dict)
    base_added: str = ""


_OPENAI_SETTINGS: Final = {"organization": "organization", "project": "project"}
_KEYS: Final = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
}
VENDORS: Final[Mapping[str, Vendor]] = {
    **{name: Vendor(provider) for name, provider in KEYED.items()},
    "openai": Vendor("openai", settings=_OPENAI_SETTINGS),
    "anthropic": Vendor("anthropic", base_end="/v1"),
    "gemini": Vendor("gemini", takes_base=False),
    "mistral": Vendor("mistral", takes_base=False),
    "togetherai": Vendor("together"),
    "cohere": Vendor("cohere", takes_base=False),
    # MLflow's own default of it: on MLflow's machine, which need not be this one.
    "ollama": Vendor("ollama", "http://localhost:11434/v1"),
    "azure": Vendor("azure", settings={"api_version": "api_version"}),
    "bedrock": Vendor(
        "bedrock",
        takes_base=False,
        modes={
            "api_key": Mode(),
            "access_keys": Mode("access_keys", _KEYS),
            "default_chain": Mode("default_chain", {}),
        },
        settings={"aws_region_name": "region"},
    ),
    "vertex_ai": Vendor(
        "vertex",
        takes_base=False,
        modes={
            "service_account_json": Mode(None, {"vertex_credentials": "service_account"}),
            "default_chain": Mode("default_chain", {}),
        },
        settings={"vertex_project": "project", "vertex_location": "location"},
    ),
    "databricks": Vendor(
        "databricks", modes={"pat_token": Mode()}, base_added="/serving-endpoints"
    ),
}
