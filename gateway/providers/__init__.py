"""Providers as data: dialects, base URL, where the credential goes, where it may go.

Rule: pure; a new provider that speaks a known dialect is one row of `table`.
"""

from gateway.providers.credential import check_auth_config, check_secret, credential_headers
from gateway.providers.origin import (
    PUBLIC_PORTS,
    BaseUrl,
    is_address_metadata,
    is_address_public,
    is_origin_allowed,
    parse_base_url,
    parse_origin,
)
from gateway.providers.table import PROVIDERS, Field, Provider, get_provider
from gateway.providers.urls import allowed_origin, base_url, gemini_suffix, trial_url, upstream_url

__all__ = [
    "PROVIDERS",
    "PUBLIC_PORTS",
    "BaseUrl",
    "Field",
    "Provider",
    "allowed_origin",
    "base_url",
    "check_auth_config",
    "check_secret",
    "credential_headers",
    "gemini_suffix",
    "get_provider",
    "is_address_metadata",
    "is_address_public",
    "is_origin_allowed",
    "parse_base_url",
    "parse_origin",
    "trial_url",
    "upstream_url",
]
