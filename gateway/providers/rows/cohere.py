"""Cohere.

Source: docs.cohere.com/v2/reference, read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import Provider
from gateway.providers.rows.fields import API_KEY, KEY_MODE, api_base

_URL: Final = "https://api.cohere.com"

COHERE_ROW: Final = Provider(
    name="cohere",
    title="Cohere",
    # Its OpenAI-compatible API leaves out unsaid what it does not know: requests are translated.
    dialects=frozenset({Dialect.COHERE_CHAT}),
    base_url=_URL,
    secret_fields=(API_KEY,),
    config_fields=(api_base(_URL), KEY_MODE),
    trial_path="/v1/models?page_size=1",
    hub_dialects=(Dialect.COHERE_CHAT,),
)
