"""Anthropic.

Source: docs.anthropic.com/en/api, read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from typing import Final

from gateway.entities import Dialect, Quirks
from gateway.providers.provider import API_KEY_MODE, AuthMode, Provider
from gateway.providers.rows.fields import API_KEY, KEY_MODE, api_base

_URL: Final = "https://api.anthropic.com"
# Messages want a limit. Every model that is still served can answer at least this long.
ANTHROPIC_QUIRKS: Final = Quirks(default_max_tokens=8_192)

ANTHROPIC_ROW: Final = Provider(
    name="anthropic",
    title="Anthropic",
    dialects=frozenset({Dialect.ANTHROPIC_MESSAGES}),
    base_url=_URL,
    secret_fields=(API_KEY,),
    config_fields=(api_base(_URL), KEY_MODE),
    auth=(AuthMode(API_KEY_MODE, "API key", header="x-api-key", prefix=""),),
    # The version that every SDK has sent since 2023; the API refuses a request without one.
    default_headers=(("anthropic-version", "2023-06-01"),),
    trial_path="/v1/models?limit=1",
    hub_dialects=(Dialect.ANTHROPIC_MESSAGES,),
    quirks=ANTHROPIC_QUIRKS,
)
