"""What the settings of a credential in MLflow's database become.

Rule: a credential goes to no other place than MLflow sent it to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InvalidValueError
from gateway.manifest.mlflow_vendors import VENDORS, Mode, Vendor
from gateway.providers import check_auth_config


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a credential of MLflow's becomes.

    Attributes:
        provider: its name here.
        settings: the credential's.
        rest: names of settings that are left out.
        fields: of the value: theirs -> ours.
    """

    provider: str
    settings: dict[str, Any] | None
    rest: list[str]
    fields: Mapping[str, str]


_AZURE_TYPES: Final = ("azure", "azuread")
# Settings of MLflow's that say with whose rights to act: without them it is another identity.
_ROLES: Final = ("aws_role_name", "aws_session_name")


class NotMapped(Exception):  # noqa: N818  an answer, not a failure
    """There is nothing here that this could become; the text says why."""


def map_settings(provider: str, auth_config: Mapping[str, Any]) -> Mapped:
    """Return what a credential becomes here.

    Raises:
        NotMapped: no such provider here, or it is reached in another way.
    """
    name = provider.lower()
    if name == "openai" and auth_config.get("api_type") in _AZURE_TYPES:
        raise NotMapped("it is of openai with api_type azure: store it with the provider azure")
    vendor = VENDORS.get(name)
    if vendor is None:
        raise NotMapped(f"Lockgate has no provider {provider!r}")
    mode = _find_mode(vendor, provider, auth_config)
    given = {
        key: value for key, value in auth_config.items() if key != "auth_mode" and value is not None
    }
    if any(given.get(role) for role in _ROLES):
        raise NotMapped("Lockgate takes on no other role of AWS (aws_role_name)")
    settings: dict[str, Any] = {} if mode.name is None else {"auth_mode": mode.name}
    base = _find_base(vendor, given)
    if base is not None:
        settings["api_base"] = base
    for theirs, ours in vendor.settings.items():
        if given.get(theirs):
            settings[ours] = given.pop(theirs)
    try:
        check_auth_config(vendor.provider, settings)
    except InvalidValueError as error:
        raise NotMapped(f"{error.field} {error.detail}") from None
    return Mapped(vendor.provider, settings or None, sorted(given), mode.fields)


def _find_mode(vendor: Vendor, provider: str, auth_config: Mapping[str, Any]) -> Mode:
    given = auth_config.get("auth_mode") or next(iter(vendor.modes))
    mode = vendor.modes.get(str(given))
    if mode is None:
        raise NotMapped(f"Lockgate has no auth_mode {given!r} of {provider}")
    return mode


def _find_base(vendor: Vendor, given: dict[str, Any]) -> str | None:
    """Take the base URL out of the settings, as it has to be here."""
    base = given.pop("api_base", None) if vendor.takes_base else None
    if base and not str(base).rstrip("/").endswith(vendor.base_end):
        raise NotMapped(
            f"its api_base does not end with {vendor.base_end}, which is put behind it here"
        )
    if base and not str(base).rstrip("/").endswith(vendor.base_added):
        base = str(base).rstrip("/") + vendor.base_added
    return base or vendor.api_base
