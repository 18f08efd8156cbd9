"""OpenAI, and any server that speaks its formats.

Source: platform.openai.com/docs/api-reference, read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.entities import Dialect, Quirks
from gateway.providers.provider import Provider
from gateway.providers.rows.fields import (
    API_KEY,
    KEY_MODE,
    OPENAI,
    ORGANIZATION,
    PROJECT,
    api,
    api_base,
)

# Its own servers know the role `developer`, and its thinking models refuse `max_tokens`.
OPENAI_QUIRKS: Final = Quirks(is_openai=True, max_tokens_field="max_completion_tokens", max_stop=4)
_URL: Final = "https://api.openai.com/v1"
_COMPATIBLE_API: Final = replace(
    api(None),
    help="chat: requests of the Responses API are translated to chat completions too. "
    "responses: it is what requests of other formats are translated to. "
    "Left out: both pass as they are, others become chat completions.",
)

OPENAI_ROW: Final = Provider(
    name="openai",
    title="OpenAI",
    dialects=OPENAI,
    base_url=_URL,
    secret_fields=(API_KEY,),
    config_fields=(api_base(_URL), KEY_MODE, ORGANIZATION, PROJECT, api("chat")),
    hub_dialects=(Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES),
    quirks=OPENAI_QUIRKS,
)
COMPATIBLE_ROW: Final = Provider(
    name="openai_compatible",
    title="OpenAI-compatible server",
    dialects=OPENAI,
    base_url=None,
    secret_fields=(API_KEY,),
    config_fields=(api_base(None), KEY_MODE, ORGANIZATION, PROJECT, _COMPATIBLE_API),
    hub_dialects=(Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES),
    notes="For a server that has no row of its own: what it does not know it may refuse.",
)
