"""Where a request goes: base URL, origin and upstream URL of a provider.

Rule: every URL that a credential is sent to is made here, from a checked base.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from gateway.entities import Dialect
from gateway.errors import DialectMismatchError, InvalidValueError
from gateway.providers.origin import parse_base_url
from gateway.providers.provider import Layout, Provider
from gateway.providers.table import PROVIDERS

# What a base may end with already that a vendor's path begins with: people paste
# https://api.anthropic.com/v1, and https://NAME.openai.azure.com/openai/v1.
_VERSIONS: Final = ("/openai/v1", "/openai", "/v1", "/v1beta", "/v2")
# Places of Google Cloud that are no region have hosts of their own.
_GLOBAL: Final = "https://aiplatform.googleapis.com"
_MULTI_REGION: Final = "https://aiplatform.{location}.rep.googleapis.com"
_MULTI_REGIONS: Final = frozenset({"us", "eu"})


def base_url(provider: str | None, auth_config: Mapping[str, Any] | None) -> str | None:
    """Return the configured base URL or the vendor's own, without a trailing slash.

    None where neither is known.

    Raises:
        InvalidValueError: `api_base` is no base URL; the field is ``auth_config.api_base``. Or a
            setting that is part of the vendor's host is missing or has no place in one.
    """
    config = auth_config or {}
    given = config.get("api_base")
    if given is not None:
        if not isinstance(given, str):
            raise InvalidValueError("must be a string", field="auth_config.api_base")
        return parse_base_url(given).url
    row = PROVIDERS.get(provider or "")
    if row is None or row.base_url is None or "{" not in row.base_url:
        return None if row is None else row.base_url
    return _fill(row, config)


def _fill(row: Provider, config: Mapping[str, Any]) -> str:
    """Put settings into a base URL. They are checked here too: stored ones may be older."""
    template = row.base_url or ""
    for field in row.config_fields:
        sign = f"{{{field.name}}}"
        if sign not in template:
            continue
        value = config.get(field.name) or field.default
        if not isinstance(value, str) or not field.matches(value):
            raise InvalidValueError(
                "is required" if value is None else "is not of the form that it must have",
                field=f"auth_config.{field.name}",
            )
        if row.layout is Layout.VERTEX:
            template = _choose_google(template, value)
        template = template.replace(sign, value)
    return template


def _choose_google(template: str, location: str) -> str:
    if location == "global":
        return _GLOBAL
    return _MULTI_REGION if location in _MULTI_REGIONS else template


def allowed_origin(provider: str | None, auth_config: Mapping[str, Any] | None) -> str:
    """Return the one origin that the credential may go to, "" where none is known.

    Raises:
        InvalidValueError: as `base_url`.
    """
    base = base_url(provider, auth_config)
    return "" if base is None else parse_base_url(base).origin


def upstream_url(provider: Provider, base: str, dialect: Dialect, suffix: str) -> str:
    """Join a base URL and a vendor path that begins with a slash and is already encoded.

    A base that already ends with the API version that the path begins with (people paste
    ``https://api.anthropic.com/v1``) does not get it twice.

    Raises:
        DialectMismatchError: the provider does not speak the dialect.
    """
    if dialect not in provider.dialects:
        raise DialectMismatchError(f"{provider.name} does not speak {dialect.value}")
    if base == provider.base_url:
        base = dict(provider.other_bases).get(dialect, base)
    return join_path(base, dict(provider.prefixes).get(dialect, "") + suffix)


def trial_url(provider: Provider, base: str, auth_config: Mapping[str, Any] | None) -> str:
    """Return where a GET tells whether a credential works: the provider's list of models."""
    version = (auth_config or {}).get("api_version")
    if provider.layout is Layout.AZURE and version:  # resources of before the v1 API
        return join_path(base, f"/openai/models?api-version={version}")
    return join_path(base, provider.trial_path)


def join_path(base: str, suffix: str) -> str:
    """Join a base URL and a path, without saying an API version twice."""
    base = base.rstrip("/")
    if suffix.startswith("/api/"):  # Ollama's own paths stand beside its /v1
        return base.removesuffix("/v1") + suffix
    for version in _VERSIONS:
        if suffix.startswith(f"{version}/") and base.endswith(version):
            return base + suffix[len(version) :]
    return base + suffix


def quote_model(model: str, safe: str = "") -> str:
    """Return a model's name as one segment of a path."""
    return quote(model, safe=safe)
