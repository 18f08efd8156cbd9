"""What a credential consists of and how it is presented upstream.

Rule: no message holds a value; a value that reaches a header cannot end it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.errors import InvalidValueError, UnknownFieldError
from gateway.providers.accounts import parse_service_account
from gateway.providers.origin import parse_base_url
from gateway.providers.provider import API_KEY_MODE, AuthKind, Field, Provider
from gateway.providers.table import get_provider, hint, merge_fields

_MAX_VALUE_BYTES: Final = 8_000  # servers commonly refuse a header line of more than 8 KiB
_HEADER_SAFE = re.compile(r"[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa1-\xff])?")
_SECRET: Final = "secret_value"  # noqa: S105  the name of a part, not what is in it
_CONFIG: Final = "auth_config"
_MODE_PATH: Final = "auth_config.auth_mode"


def check_secret(
    provider: str | None,
    secret_value: Mapping[str, str],
    auth_config: Mapping[str, Any] | None,
) -> None:
    """Check the fields of a credential and of its settings against the provider's row.

    A credential of no one provider is an API key.

    Raises:
        InvalidValueError: unknown provider, missing, unknown or unusable field; `field` is
            its path, such as ``secret_value.api_key``.
    """
    row = None if provider is None else get_provider(provider)
    mode = _find_mode(row, auth_config)
    known = _merge("secret_fields", row)
    _check_part(_SECRET, secret_value, known, mode)
    _check_complete(_SECRET, secret_value, known, mode)
    check_auth_config(provider, auth_config)


def check_auth_config(provider: str | None, auth_config: Mapping[str, Any] | None) -> None:
    """Check the settings of a stored credential; None is a credential of no one provider.

    Raises:
        InvalidValueError: as `check_secret`.
    """
    row = None if provider is None else get_provider(provider)
    mode = _find_mode(row, auth_config)
    config = auth_config or {}
    known = _merge("config_fields", row)
    _check_part(_CONFIG, config, known, mode)
    if row is not None:  # what a provider requires is checked once one is named
        _check_complete(_CONFIG, config, known, mode)
    if config.get("api_base") is not None:
        parse_base_url(config["api_base"])


def check_stored_fields(
    provider: str, names: Collection[str], auth_config: Mapping[str, Any] | None
) -> None:
    """Check that a stored credential, of which only the fields' names are known, has what it needs.

    Raises:
        InvalidValueError: a field is missing or of another way of authentication.
    """
    row = get_provider(provider)
    values = dict.fromkeys(names, "stored")
    known, mode = _merge("secret_fields", row), _find_mode(row, auth_config)
    _check_names(_SECRET, values, known, mode)
    _check_complete(_SECRET, values, known, mode)


def credential_headers(
    provider: Provider,
    fields: Mapping[str, str],
    auth_config: Mapping[str, Any] | None,
) -> tuple[tuple[str, str], ...]:
    """Return the headers that are the same on every request upstream, names in lower case.

    Those of a credential that is fetched or signed with are not among them.

    Raises:
        InvalidValueError: the credential lacks a field of its way of authentication.
    """
    config = auth_config or {}
    mode = provider.get_mode(config)
    for field in provider.secret_fields:
        if field.required and field.belongs_to(mode.name) and not fields.get(field.name):
            raise InvalidValueError("is required", field=f"{_SECRET}.{field.name}")
    headers = []
    key = fields.get("api_key")
    if key and mode.kind is AuthKind.HEADER:
        headers.append((mode.header, mode.prefix + key))
    headers += [
        (field.header, str(config[field.name]))
        for field in provider.config_fields
        if field.header is not None and config.get(field.name) is not None
    ]
    return tuple(headers)


def _find_mode(row: Provider | None, auth_config: Mapping[str, Any] | None) -> str:
    """Return the way of authentication. Raises InvalidValueError: there is no such way."""
    modes = (API_KEY_MODE,) if row is None else row.auth_modes
    given = (auth_config or {}).get("auth_mode")
    if given is None:
        return modes[0]
    if given not in modes:
        raise InvalidValueError(f"must be one of: {', '.join(modes)}", field=_MODE_PATH)
    return str(given)


def _merge(part: str, row: Provider | None) -> dict[str, Field]:
    """Return the fields of a provider; of none, what an API key has at any."""
    merged = merge_fields(part, None if row is None else (row,))
    if row is not None:
        return merged
    return {name: field for name, field in merged.items() if field.belongs_to(API_KEY_MODE)}


def _check_part(
    part: str, values: Mapping[str, Any], known: Mapping[str, Field], mode: str
) -> None:
    _check_names(part, values, known, mode)
    for name, value in values.items():
        if value is not None or part == _SECRET:
            _check_value(f"{part}.{name}", value, known[name])


def _check_names(
    part: str, values: Mapping[str, Any], known: Mapping[str, Field], mode: str
) -> None:
    for name, value in values.items():
        if name not in known:
            raise UnknownFieldError(f"unknown field{hint(name, known)}", field=f"{part}.{name}")
        if value is not None and not known[name].belongs_to(mode):
            raise InvalidValueError(
                f"does not belong to the auth_mode {mode}", field=f"{part}.{name}"
            )


def _check_complete(
    part: str, values: Mapping[str, Any], known: Mapping[str, Field], mode: str
) -> None:
    for field in known.values():
        if field.required and field.belongs_to(mode) and values.get(field.name) is None:
            raise InvalidValueError("is required", field=f"{part}.{field.name}")


def _check_value(path: str, value: object, field: Field) -> None:
    if not isinstance(value, str):
        raise InvalidValueError("must be a string", field=path)
    if not value:
        raise InvalidValueError("must not be empty", field=path)
    if len(value) > _MAX_VALUE_BYTES:
        raise InvalidValueError(f"must have at most {_MAX_VALUE_BYTES} characters", field=path)
    if field.multiline:
        parse_service_account(value, field=path)
    elif path != "auth_config.api_base" and not _HEADER_SAFE.fullmatch(value):
        raise InvalidValueError(
            "must fit into a header: no control or non-Latin characters, no blanks around it",
            field=path,
        )
    if field.choices and value not in field.choices:
        raise InvalidValueError(f"must be one of: {', '.join(field.choices)}", field=path)
    if not field.matches(value):
        raise InvalidValueError(f"is not of the form that it must have: {field.help}", field=path)
