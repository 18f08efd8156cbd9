"""MLflow's gateway configuration as a document of ours.

Source of the keys: mlflow.org/docs/latest/genai/governance/ai-gateway, pages "setup" and
"configuration", read in November 2026; the ``routes`` of MLflow before 2.9 are read as well.

Rule: every key of the file is mapped, or noted with its line and what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.errors import InvalidValueError
from gateway.manifest.draft import Draft
from gateway.manifest.references import name_variable
from gateway.manifest.vendors import COMPATIBLE
from gateway.providers.origin import parse_base_url
from gateway.yaml_nodes import Fault, Node, build_error

_NONE: Final = "has no counterpart"


@dataclass(frozen=True, slots=True)
class _Provider:
    """What stands for a provider's name there, and the names of its settings."""

    provider: str
    key: str
    base_key: str | None = None


_PROVIDERS: Final[Mapping[str, _Provider]] = MappingProxyType(
    {
        "openai": _Provider("openai", "openai_api_key", "openai_api_base"),
        "anthropic": _Provider("anthropic", "anthropic_api_key", "anthropic_api_base"),
        "gemini": _Provider("gemini", "gemini_api_key"),
        "cohere": _Provider("cohere", "cohere_api_key"),
        "mistral": _Provider("mistral", "mistral_api_key"),
        "togetherai": _Provider("together", "togetherai_api_key"),
    }
)
_AZURE: Final = _Provider("azure", "openai_api_key", "openai_api_base")
_ENTRA_TYPE: Final = "azuread"
_AZURE_TYPES: Final = ("azure", "azuread")
_USED: Final = frozenset(
    ["openai_organization", "openai_api_type", "openai_deployment_name", "openai_api_version"]
)
_OPENAI_BASE: Final = "https://api.openai.com/v1"


def import_mlflow(root: Node, name: str) -> Draft:
    """Map an MLflow gateway configuration.

    Raises:
        ManifestError: it is no such file.
    """
    if root.get("endpoints") is None and root.get("routes") is None:
        message = "is no configuration of MLflow's gateway: it has no endpoints"
        raise build_error(name, [Fault(root.line, "", message)])
    draft = Draft()
    for section, node in root.fields.items():
        if section not in ("endpoints", "routes"):
            draft.note(node, section, _NONE)
    for section in ("endpoints", "routes"):
        for index, entry in enumerate(draft.list_items(root.get(section), section)):
            path = f"{section}[{index}]"
            try:
                _add_entry(draft, entry, path)
            except InvalidValueError as error:
                draft.note(entry, path, f"is not mapped: {error.detail}")
    return draft


def _add_entry(draft: Draft, entry: Node, path: str) -> None:
    name = entry.get("name")
    if name is None or name.text is None:
        raise InvalidValueError("it has no name")
    if entry.get("destinations") is not None:
        _add_split(draft, entry, name.text, path)
        return
    definition = _add_definition(draft, entry, path)
    draft.add_route(name.text, name, f"{path}.name").add_primary(definition, 1.0)
    for field, node in entry.fields.items():
        if field == "limit":
            draft.note(node, f"{path}.limit", "is not mapped: an endpoint has no limit of calls")
        elif field not in ("name", "endpoint_type", "route_type", "model"):
            draft.note(node, f"{path}.{field}", _NONE)


def _add_definition(draft: Draft, entry: Node, path: str) -> str:
    provider_name = _read(entry, "model", "provider")
    if provider_name is None:
        raise InvalidValueError("it names no model.provider")
    config = entry.get("model", "config") or Node({}, entry.line)
    row = _find_provider(provider_name.lower(), config)
    model_name = _read(config, "openai_deployment_name") or _read(entry, "model", "name")
    if model_name is None:
        raise InvalidValueError("it names no model")
    provider, auth_config = _choose_base(row, config)
    version = _read(config, "openai_api_version")
    if row is _AZURE and version is not None:
        auth_config["api_version"] = version
    organization = _read(config, "openai_organization")
    if organization is not None and row is not _AZURE:
        auth_config["organization"] = organization
    if row is _AZURE and _ENTRA_TYPE in (provider_name, _read(config, "openai_api_type")):
        reason = "its key was a token of Entra ID: give the resource's key, or use auth_mode entra"
        draft.note(entry, f"{path}.model.provider", reason)
    secret_name = _add_secret(draft, row, provider, auth_config, config, f"{path}.model.config")
    for field, node in config.fields.items():
        if field not in (row.key, row.base_key) and field not in _USED:
            draft.note(node, f"{path}.model.config.{field}", _NONE)
        elif field == "openai_api_version" and row is not _AZURE:
            reason = "is not mapped: the API that is called has no such parameter"
            draft.note(node, f"{path}.model.config.{field}", reason)
    return draft.add_definition(provider, model_name, secret_name)


def _find_provider(name: str, config: Node) -> _Provider:
    if name in _AZURE_TYPES or _read(config, "openai_api_type") in _AZURE_TYPES:
        return _AZURE
    row = _PROVIDERS.get(name)
    if row is None:
        raise InvalidValueError(f"the provider {name[:64]} speaks no API that Lockgate calls")
    return row


def _choose_base(row: _Provider, config: Node) -> tuple[str, dict[str, str]]:
    base = _read(config, row.base_key) if row.base_key else None
    if base is None:
        if row is _AZURE:
            raise InvalidValueError("it has no openai_api_base")
        return row.provider, {}
    if base.startswith("$"):
        raise InvalidValueError("its base URL is in a variable; write the URL into the file")
    try:
        base = parse_base_url(base).url
    except InvalidValueError:
        raise InvalidValueError("its base URL is none") from None
    if row.provider == "openai":
        return ("openai", {}) if base == _OPENAI_BASE else (COMPATIBLE, {"api_base": base})
    return row.provider, {"api_base": base}


def _add_secret(
    draft: Draft,
    row: _Provider,
    provider: str,
    auth_config: Mapping[str, str],
    config: Node,
    path: str,
) -> str:
    key = config.get(row.key)
    if key is None or key.text is None:
        raise InvalidValueError(f"model.config has no {row.key}")
    variable = key.text[1:].strip("{}") if key.text.startswith("$") else None
    wanted = (
        variable.lower().removesuffix("_key").removesuffix("_api").replace("_", "-")
        if variable
        else row.key.removesuffix("_api_key")
    )
    fields = {"api_key": {"env": variable} if variable else None}
    name = draft.add_secret(wanted, provider, auth_config, fields)
    if variable is None:
        draft.note(
            key,
            f"{path}.{row.key}",
            "is no variable and is not taken over: put the key into the variable "
            f"{name_variable(name, 'api_key')}",
        )
    return name


def _add_split(draft: Draft, entry: Node, name: str, path: str) -> None:
    found = []
    for index, item in enumerate((entry.get("destinations") or entry).items):
        target = _read(item, "name")
        source = draft.routes.get(target or "")
        share = item.get("traffic_percentage")
        weight = None if share is None else share.value
        if source is None:
            reason = "is not mapped: it names no endpoint that is mapped"
            draft.note(item, f"{path}.destinations[{index}]", reason)
        elif isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            reason = "is not mapped: its traffic_percentage is no number of 0 or more"
            draft.note(item, f"{path}.destinations[{index}]", reason)
        else:
            found.append((source, float(weight)))
    if not found:
        raise InvalidValueError("none of its destinations is")
    route = draft.add_route(name, entry.get("name") or entry, f"{path}.name")
    for source, weight in found:
        for primary in source.primaries:
            route.add_primary(primary.definition, weight)
    for field, node in entry.fields.items():
        if field not in ("name", "task_type", "destinations", "routing_strategy"):
            draft.note(node, f"{path}.{field}", _NONE)


def _read(node: Node, *names: str) -> str | None:
    found = node.get(*names)
    return None if found is None else found.text or None
