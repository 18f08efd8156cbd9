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
from gateway.providers.table import PROVIDERS, Provider

# Collections a Gemini model name may already begin with (AI API reference, "models").
_GEMINI_COLLECTIONS: Final = ("models", "tunedModels")


def base_url(provider: str | None, auth_config: Mapping[str, Any] | None) -> str | None:
    """Return the configured base URL or the vendor's own, without a trailing slash.

    None where neither is known.

    Raises:
        InvalidValueError: `api_base` is no base URL; the field is ``auth_config.api_base``.
    """
    given = (auth_config or {}).get("api_base")
    if given is not None:
        if not isinstance(given, str):
            raise InvalidValueError("must be a string", field="auth_config.api_base")
        return parse_base_url(given).url
    row = PROVIDERS.get(provider or "")
    return None if row is None else row.base_url


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
    return _join(base, suffix)


def trial_url(provider: Provider, base: str) -> str:
    """Return where a GET tells whether a credential works: the provider's list of models."""
    return _join(base, provider.trial_path)


def _join(base: str, suffix: str) -> str:
    base = base.rstrip("/")
    version = suffix[: suffix.find("/", 1)]
    if version in ("/v1", "/v1beta") and base.endswith(version):
        return base + suffix[len(version) :]
    return base + suffix


def gemini_suffix(version: str, model: str, action: str) -> str:
    """Return the path of a Gemini call, the model's name percent-encoded.

    ``models/x`` and ``tunedModels/x`` keep their collection; a bare name is of ``models``.
    """
    collection, slash, name = model.partition("/")
    if not slash or collection not in _GEMINI_COLLECTIONS:
        collection, name = "models", model
    return f"/{version}/{collection}/{quote(name, safe='')}:{action}"
