"""The credential of one of LiteLLM's deployments as a secret.

Rule: a value in clear becomes a reference to a variable; it is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.errors import InvalidValueError
from gateway.manifest.draft import Draft
from gateway.manifest.litellm_vendors import Mode, Vendor
from gateway.manifest.references import name_variable
from gateway.manifest.vendors import COMPATIBLE
from gateway.providers import PROVIDERS, check_auth_config
from gateway.providers.origin import parse_base_url
from gateway.yaml_nodes import Node

_ENVIRON: Final = "os.environ/"
_OPENAI_HOST: Final = "api.openai.com"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY_FILE: Final = ".json"


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading one deployment needs."""

    draft: Draft
    environ: Mapping[str, str]
    credentials: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parameters of a deployment stand: its own, and those of its credential."""

    prefix: str
    params: Node
    values: Node
    path: str

    def find(self, name: str) -> Node | None:
        """Return a parameter."""
        return self.params.get(name) or self.values.get(name)


def add_secret(reader: Reader, vendor: Vendor, place: Place, wanted: str | None) -> tuple[str, str]:
    """Add the secret of a deployment; return its provider and its name.

    Raises:
        InvalidValueError: the deployment cannot be mapped; the sentence says why.
    """
    mode = next(
        (mode for mode in vendor.modes if mode.fields and place.find(mode.fields[0][0])),
        vendor.modes[-1],
    )
    base = read_public(reader, "api_base", place) or read_public(reader, "base_url", place)
    provider, auth_config = _choose_provider(vendor, base)
    if mode.name != PROVIDERS[provider].auth_modes[0]:
        auth_config["auth_mode"] = mode.name
    _add_settings(reader, vendor, mode, place, auth_config)
    organization = read_public(reader, "organization", place)
    if organization:
        auth_config["organization"] = organization
    try:
        check_auth_config(provider, auth_config)
    except InvalidValueError as error:
        raise InvalidValueError(f"its {error.field} {error.detail}") from None
    fields = _read_fields(vendor, mode, place)
    name = reader.draft.add_secret(
        wanted or _name_secret(fields, place.prefix, base), provider, auth_config, fields
    )
    _note_clear(reader.draft, mode, place, fields, name)
    return provider, name


def read_text(node: Node, *names: str) -> str | None:
    """Return a text of a mapping; None where there is none."""
    found: Any = node.get(*names)
    return None if found is None else found.text or None


def read_public(reader: Reader, name: str, place: Place) -> str | None:
    """Return a parameter that is no secret, also one that stands in a variable."""
    found = place.find(name)
    text = None if found is None else found.text or None
    if text is None or not text.startswith(_ENVIRON):
        return text
    variable = text.removeprefix(_ENVIRON)
    value = reader.environ.get(variable)
    if not value:
        raise InvalidValueError(
            f"its {name} is in the variable {variable[:64]}, which is not set here; "
            "set it and import again"
        )
    return value


def _add_settings(
    reader: Reader, vendor: Vendor, mode: Mode, place: Place, auth_config: dict[str, str]
) -> None:
    for setting in vendor.settings:
        if setting.mode not in (None, mode.name):
            continue
        value = read_public(reader, setting.parameter, place)
        given = (reader.environ.get(variable) for variable in setting.variables)
        value = value or next(filter(None, given), None) or setting.default
        if value is not None:
            auth_config[setting.name] = value


def _choose_provider(vendor: Vendor, base: str | None) -> tuple[str, dict[str, str]]:
    row = PROVIDERS[vendor.provider]
    if base is None:
        if row.base_url is None:
            raise InvalidValueError("it needs an api_base")
        return vendor.provider, {}
    try:
        base = parse_base_url(base).url
    except InvalidValueError:
        raise InvalidValueError("its api_base is no base URL") from None
    provider = vendor.provider
    if provider == "openai" and urlsplit(base).hostname != _OPENAI_HOST:
        provider = COMPATIBLE
    return provider, {"api_base": base}


def _read_fields(vendor: Vendor, mode: Mode, place: Place) -> dict[str, dict[str, str] | None]:
    """Return where the fields of the credential are; None: in a variable named after the secret."""
    found: dict[str, dict[str, str] | None] = {}
    for parameter, field in mode.fields:
        node = place.find(parameter)
        if node is not None:
            found[field] = _refer(node.text or "")
    if not found and mode.fields and vendor.variable is not None:
        found[mode.fields[0][1]] = {"env": vendor.variable}  # where LiteLLM looks then
    return found


def _refer(text: str) -> dict[str, str] | None:
    variable = text.removeprefix(_ENVIRON)
    if text.startswith(_ENVIRON):
        is_good = _VARIABLE.fullmatch(variable) and not variable.startswith("LOCKGATE_")
        return {"env": variable} if is_good else None
    if text.endswith(_KEY_FILE) and "{" not in text:  # a key file of Google's
        return {"file": text}
    return None


def _note_clear(
    draft: Draft,
    mode: Mode,
    place: Place,
    fields: Mapping[str, dict[str, str] | None],
    name: str,
) -> None:
    for parameter, field in mode.fields:
        node = place.find(parameter)
        if node is not None and fields.get(field) is None:
            draft.note(
                node,
                f"{place.path}.{parameter}",
                "stands in clear and is not taken over: put it into the variable "
                f"{name_variable(name, field)}",
            )


def _name_secret(fields: Mapping[str, dict[str, str] | None], prefix: str, base: str | None) -> str:
    variable = (fields.get("api_key") or {}).get("env")
    if variable is not None:
        return variable.lower().removesuffix("_key").removesuffix("_api").replace("_", "-")
    return (urlsplit(base).hostname if base else None) or prefix
