"""Providers as data: dialects, base URL, where the credential goes, where it may go.

Rule: pure; a new provider that speaks a known dialect is one row of `table`.
"""

from gateway.providers.credential import (
    check_auth_config,
    check_secret,
    check_stored_fields,
    credential_headers,
)
from gateway.providers.origin import (
    PUBLIC_PORTS,
    BaseUrl,
    is_address_metadata,
    is_address_public,
    is_origin_allowed,
    parse_base_url,
    parse_origin,
)
from gateway.providers.paths import call_path, gemini_suffix, relay_path
from gateway.providers.provider import AuthKind, AuthMode, Field, Provider
from gateway.providers.spoken import (
    BodyChange,
    change_fields,
    find_body_change,
    list_hub_dialects,
    list_spoken,
)
from gateway.providers.table import PROVIDERS, get_provider
from gateway.providers.urls import allowed_origin, base_url, trial_url, upstream_url

__all__ = [
    "PROVIDERS",
    "PUBLIC_PORTS",
    "AuthKind",
    "AuthMode",
    "BaseUrl",
    "BodyChange",
    "Field",
    "Provider",
    "allowed_origin",
    "base_url",
    "call_path",
    "change_fields",
    "check_auth_config",
    "check_secret",
    "check_stored_fields",
    "credential_headers",
    "find_body_change",
    "gemini_suffix",
    "get_provider",
    "is_address_metadata",
    "is_address_public",
    "is_origin_allowed",
    "list_hub_dialects",
    "list_spoken",
    "parse_base_url",
    "parse_origin",
    "relay_path",
    "trial_url",
    "upstream_url",
]
