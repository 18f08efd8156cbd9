"""From flags, environment and file to `Settings`.

Rule: an error names where the value came from, and the nearest known name.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.errors import ManifestError, SettingsError
from gateway.settings.fields import Settings
from gateway.settings.specs import BY_NAME, BY_VARIABLE, ENV_PREFIX, Spec
from gateway.yaml_nodes import Node, build_plain, parse_yaml

# Sections of a configuration file that say what the gateway routes; `gateway.manifest` reads them.
MANAGED_SECTIONS = ("secrets", "model_definitions", "endpoints", "bindings", "api_keys")

FILE_SECTIONS = ("lockgate", "base", "settings", *MANAGED_SECTIONS)


def parse_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Build the settings from flags (None is absent), environment and file.

    Raises:
        SettingsError: an unknown name or a value that cannot be; `field` names where.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values.update(_read_file(file))
    values.update(_read_environ(environ))
    values.update(_read_flags(flags))
    settings = Settings(**values)
    _check(settings)
    return settings


def _read_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in flags.items() if value is not None}
    return {
        name: _parse(BY_NAME[name], str(value), f"--{name.replace('_', '-')}")
        for name, value in given.items()
    }


def _read_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX) or not text:
            continue  # an empty variable is how a shell unsets one
        if variable not in BY_VARIABLE:
            raise _unknown(variable, BY_VARIABLE)
        spec = BY_VARIABLE[variable]
        values[spec.name] = _parse(spec, text, variable)
    return values


def _read_file(path: Path) -> dict[str, Any]:
    root = _load_yaml(path)
    unknown = next((name for name in root.fields if name not in FILE_SECTIONS), None)
    if unknown is not None:
        nearest = difflib.get_close_matches(unknown, FILE_SECTIONS, n=1)
        known = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(FILE_SECTIONS)}"
        where = f"{path}:{root.fields[unknown].line}: {unknown}"
        raise SettingsError(f"{where}: is no section; {known}", field=unknown)
    section = root.fields.get("settings", Node({}, root.line))
    if not isinstance(section.value, dict | None):
        raise SettingsError(f"{path}:{section.line}: settings: must be a mapping", field="settings")
    values: dict[str, Any] = {}
    if any(name in MANAGED_SECTIONS for name in root.fields):
        values["configuration_file"] = path
    for name, node in section.fields.items():
        where = f"{path}:{node.line}: settings"
        if name not in BY_NAME:
            raise _unknown(name, BY_NAME, where=f"{where}: ")
        spec = BY_NAME[name]
        if spec.secret:
            raise SettingsError(
                f"{where}.{name} is a secret: give it as {spec.variable}", field=name
            )
        values[name] = _parse(spec, _to_text(build_plain(node)), f"{where}.{name}")
    return values


def _load_yaml(path: Path) -> Node:
    try:
        root = parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}", field=str(path)) from None
    except ManifestError as error:
        raise SettingsError(error.detail, field=str(path)) from None
    if not isinstance(root.value, dict | None):
        raise SettingsError(f"{path}: must be a mapping at its top level", field=str(path))
    return root


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def _parse(spec: Spec, text: str, where: str) -> Any:
    try:
        return spec.parse(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}", field=where) from None


def _unknown(name: str, known: Mapping[str, Spec], where: str = "") -> SettingsError:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]
    return SettingsError(
        f"{where}{name} is not a setting; the nearest known one is {nearest}", field=name
    )


def _check(settings: Settings) -> None:
    if settings.passphrase is not None and settings.passphrase_file is not None:
        raise SettingsError(
            "give LOCKGATE_PASSPHRASE or LOCKGATE_PASSPHRASE_FILE, not both",
            field="passphrase_file",
        )
    if settings.key_file is not None and (settings.passphrase or settings.passphrase_file):
        raise SettingsError("give a key file or a passphrase, not both", field="key_file")
    _check_oidc(settings)
    if os.name != "posix" and settings.workers not in (None, 1):
        raise SettingsError(
            "this system has one process only, as it cannot hand over sockets: set --workers 1",
            field="workers",
        )
    if settings.redis_url is not None:
        raise SettingsError(
            "this release has no use for Redis: unset LOCKGATE_REDIS_URL", field="redis_url"
        )
    if settings.database_url is not None and not settings.database_url.startswith("sqlite:///"):
        raise SettingsError(
            "this release runs on SQLite: give sqlite:///PATH or nothing", field="database_url"
        )


def _check_oidc(settings: Settings) -> None:
    needed = {
        "oidc_issuer": settings.oidc_issuer,
        "oidc_client_id": settings.oidc_client_id,
        "oidc_roles": settings.oidc_roles,
    }
    missing = [name for name, value in needed.items() if not value]
    if 0 < len(missing) < len(needed):
        variables = " and ".join(ENV_PREFIX + name.upper() for name in missing)
        raise SettingsError(f"a login with OIDC needs {variables} too", field=missing[0])
    if settings.oidc_client_secret and settings.oidc_client_secret_file:
        raise SettingsError(
            "give LOCKGATE_OIDC_CLIENT_SECRET or LOCKGATE_OIDC_CLIENT_SECRET_FILE, not both",
            field="oidc_client_secret_file",
        )
