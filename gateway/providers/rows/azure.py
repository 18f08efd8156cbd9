"""OpenAI's models at Microsoft Azure.

Sources: learn.microsoft.com/azure/ai-foundry/openai (reference, and "v1 API"), read in November
2026; traffic recorded there.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import (
    API_KEY_MODE,
    AuthKind,
    AuthMode,
    Field,
    Layout,
    Provider,
)
from gateway.providers.rows.fields import API_KEY, OPENAI, api, api_base, auth_mode
from gateway.providers.rows.openai_family import OPENAI_QUIRKS

_ENTRA: Final = "entra"

AZURE_ROW: Final = Provider(
    name="azure",
    title="Azure OpenAI",
    dialects=OPENAI,
    base_url=None,
    secret_fields=(
        replace(API_KEY, modes=(API_KEY_MODE,)),
        Field(
            name="client_secret",
            title="Client secret",
            secret=True,
            required=True,
            default=None,
            help="A secret of the application that is registered with Entra ID.",
            modes=(_ENTRA,),
        ),
    ),
    config_fields=(
        api_base(None, text="The resource's endpoint, such as https://NAME.openai.azure.com."),
        auth_mode(API_KEY_MODE, _ENTRA),
        Field(
            name="tenant_id",
            title="Tenant id",
            secret=False,
            required=True,
            default=None,
            help="The directory of the application.",
            modes=(_ENTRA,),
            pattern=r"[A-Za-z0-9][A-Za-z0-9.\-]{0,127}",
        ),
        Field(
            name="client_id",
            title="Client id",
            secret=False,
            required=True,
            default=None,
            help="The application's id.",
            modes=(_ENTRA,),
            pattern=r"[A-Za-z0-9\-]{1,64}",
        ),
        Field(
            name="api_version",
            title="API version",
            secret=False,
            required=False,
            default=None,
            help="Such as 2024-10-21: then deployments stand in the path. "
            "Left out: the v1 API, which needs none.",
            pattern=r"[A-Za-z0-9.\-]{1,32}",
        ),
        api("chat"),
    ),
    auth=(
        AuthMode(API_KEY_MODE, "API key", header="api-key", prefix=""),
        AuthMode(_ENTRA, "Entra ID application", AuthKind.ENTRA_CLIENT),
    ),
    trial_path="/openai/v1/models",
    hub_dialects=(Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES),
    quirks=OPENAI_QUIRKS,
    layout=Layout.AZURE,
    notes="A model is named by its deployment.",
)
