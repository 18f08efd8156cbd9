"""What a credential consists of and how it is presented upstream.

Rule: no message holds a value; a value that reaches a header cannot end it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.errors import InvalidValueError, UnknownFieldError
from gateway.providers.origin import parse_base_url
from gateway.providers.table import PROVIDERS, Field, Provider, get_provider, hint

_MAX_VALUE_BYTES: Final = 8_000  # servers commonly refuse a header line of more than 8 KiB
_HEADER_SAFE = re.compile(r"[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa1-\xff])?")


def check_secret(
    provider: str | None,
    secret_value: Mapping[str, str],
    auth_config: Mapping[str, Any] | None,
) -> None:
    """Check the fields of a credential and of its settings against the provider's row.

    Raises:
        InvalidValueError: unknown provider, missing, unknown or unusable field; `field` is
            its path, such as ``secret_value.api_key``.
    """
    rows = tuple(PROVIDERS.values()) if provider is None else (get_provider(provider),)
    _check_part("secret_value", secret_value, _merge(row.secret_fields for row in rows))
    check_auth_config(provider, auth_config)


def check_auth_config(provider: str | None, auth_config: Mapping[str, Any] | None) -> None:
    """Check the settings of a stored credential; None is a credential of no one provider.

    Raises:
        InvalidValueError: as `check_secret`.
    """
    rows = tuple(PROVIDERS.values()) if provider is None else (get_provider(provider),)
    config = auth_config or {}
    known = _merge(row.config_fields for row in rows)
    if provider is None:  # what a provider requires is checked once one is named
        _check_known("auth_config", config, known)
    else:
        _check_part("auth_config", config, known)
    _check_config_values(config, sorted({mode for row in rows for mode in row.auth_modes}))


def credential_headers(
    provider: Provider,
    fields: Mapping[str, str],
    auth_config: Mapping[str, Any] | None,
) -> tuple[tuple[str, str], ...]:
    """Return the headers that authenticate a request upstream, names in lower case.

    Raises:
        InvalidValueError: the credential has no API key.
    """
    key = fields.get("api_key")
    if not key:
        raise InvalidValueError("is required", field="secret_value.api_key")
    headers = [(provider.credential_header, provider.credential_prefix + key)]
    config = auth_config or {}
    headers += [
        (field.header, str(config[field.name]))
        for field in provider.config_fields
        if field.header is not None and config.get(field.name) is not None
    ]
    return tuple(headers)


def _merge(groups: Iterable[tuple[Field, ...]]) -> dict[str, Field]:
    return {field.name: field for group in groups for field in group}


def _check_part(part: str, values: Mapping[str, Any], known: Mapping[str, Field]) -> None:
    _check_known(part, values, known)
    for field in known.values():
        if field.required and values.get(field.name) is None:
            raise InvalidValueError("is required", field=f"{part}.{field.name}")


def _check_known(part: str, values: Mapping[str, Any], known: Mapping[str, Field]) -> None:
    for name, value in values.items():
        path = f"{part}.{name}"
        if name not in known:
            raise UnknownFieldError(f"unknown field{hint(name, known)}", field=path)
        if value is not None or part == "secret_value":
            _check_value(path, value)


def _check_value(path: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidValueError("must be a string", field=path)
    if not value:
        raise InvalidValueError("must not be empty", field=path)
    if len(value) > _MAX_VALUE_BYTES:
        raise InvalidValueError(f"must have at most {_MAX_VALUE_BYTES} characters", field=path)
    if path != "auth_config.api_base" and not _HEADER_SAFE.fullmatch(value):
        raise InvalidValueError(
            "must fit into a header: no control or non-Latin characters, no blanks around it",
            field=path,
        )


def _check_config_values(config: Mapping[str, Any], modes: list[str]) -> None:
    if config.get("api_base") is not None:
        parse_base_url(config["api_base"])
    mode = config.get("auth_mode")
    if mode is not None and mode not in modes:
        raise InvalidValueError(
            f"must be one of: {', '.join(modes)}", field="auth_config.auth_mode"
        )
