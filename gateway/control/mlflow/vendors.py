"""Providers, ways of authentication and fields by MLflow's names, both ways.

Rule: a name of ours is taken as well; what is shown has MLflow's name where MLflow has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from gateway.errors import InvalidValueError
from gateway.manifest.mlflow_vendors import VENDORS, Vendor
from gateway.providers import PROVIDERS, get_provider

AUTH_MODE: Final = "auth_mode"
_BASE: Final = "api_base"
# Where MLflow has two names for one provider, the first is the one that its catalogue has.
_NAMES: Final[Mapping[str, str]] = {
    vendor.provider: name for name, vendor in reversed(list(VENDORS.items()))
}


def find_provider(name: str | None) -> str | None:
    """Return our name of a provider; one that MLflow does not have stays as it is."""
    vendor = VENDORS.get(name or "")
    return name if vendor is None or name in PROVIDERS else vendor.provider


def show_provider(name: str | None) -> str | None:
    """Return MLflow's name of a provider; one that MLflow does not have stays as it is."""
    return name if name is None else _NAMES.get(name, name)


def find_fields(provider: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under our names."""
    names = _list_fields(provider)
    return {names.get(name, name): value for name, value in fields.items()}


def show_fields(provider: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under MLflow's names."""
    names = {ours: theirs for theirs, ours in _list_fields(provider).items()}
    return {names.get(name, name): value for name, value in fields.items()}


def find_settings(provider: str | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are here: their names, the way of authentication, the base URL."""
    found = find_fields(provider, config)
    vendor = _find_vendor(provider)
    if vendor is None:
        return found
    modes = dict(_list_modes(vendor))
    if found.get(AUTH_MODE) in modes:
        found[AUTH_MODE] = modes[found[AUTH_MODE]]
    base = found.get(_BASE)
    if isinstance(base, str) and vendor.base_added:
        base = base.rstrip("/")
        found[_BASE] = base if base.endswith(vendor.base_added) else base + vendor.base_added
    return found


def show_settings(provider: str | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as MLflow has them."""
    shown = show_fields(provider, config)
    if AUTH_MODE in shown:
        shown[AUTH_MODE] = show_mode(provider, shown[AUTH_MODE])
    return shown


def show_mode(provider: str | None, mode: str) -> str:
    """Return MLflow's name of a way of authentication; one of ours alone stays as it is."""
    vendor = _find_vendor(provider)
    modes = () if vendor is None else _list_modes(vendor)
    return next((theirs for theirs, ours in modes if ours == mode), mode)


@contextmanager
def name_fields(provider: str | None) -> Iterator[None]:
    """Let a refusal name the field as MLflow's client knows it."""
    try:
        yield
    except InvalidValueError as error:
        part, _, name = (error.field or "").partition(".")
        if name:
            (theirs,) = show_fields(provider, {name: None})
            error.field = f"{part}.{theirs}"
        raise


def _find_vendor(provider: str | None) -> Vendor | None:
    return VENDORS.get(show_provider(provider) or "")


def _list_fields(provider: str | None) -> dict[str, str]:
    """Return the names of a provider's fields: MLflow's, ours."""
    vendor = _find_vendor(provider)
    if vendor is None:
        return {}
    found = dict(vendor.settings)
    for mode in vendor.modes.values():
        found |= mode.fields
    return found


def _list_modes(vendor: Vendor) -> Iterable[tuple[str, str]]:
    """Return ways of authentication: MLflow's name, ours."""
    default = get_provider(vendor.provider).auth_modes[0]
    return [(theirs, mode.name or default) for theirs, mode in vendor.modes.items()]
