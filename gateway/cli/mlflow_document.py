"""What an MLflow gateway becomes here: a configuration document, and a list of what does not fit.

Rule: pure; everything that is read is either in the document or in the list, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.cli.mlflow_vendors import NotMapped, map_settings
from gateway.control.schema.base import Content, Name
from gateway.control.schema.endpoints import MAX_MAPPINGS, EndpointName, Tags
from gateway.secret import Secret
from gateway.store.mlflow_tables import (
    MlflowBinding,
    MlflowEndpoint,
    MlflowGateway,
    MlflowMapping,
    MlflowModel,
    MlflowSecret,
)

_NAME: Final = TypeAdapter[str](Name)
_ENDPOINT_NAME: Final = TypeAdapter[str](EndpointName)
_CONTENT: Final = TypeAdapter[str](Content)
_TAGS: Final = TypeAdapter[dict[str, str]](Tags)
_FIELD: Final = "api_key"  # the one field of every provider here
_NO_PRIMARY: Final = "no PRIMARY with a weight above 0 is left"
_ENDPOINT_RULE: Final = "1 to 255 of A-Z a-z 0-9 _ . -; rename it in MLflow"
_ENDPOINT_LOST: Final = "its endpoint does not move"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that does not move as it is, and why."""

    kind: str
    name: str
    reason: str


@dataclass(slots=True)
class Draft:
    """A document in the making; secret values are `Secret`s."""

    secrets: list[dict[str, Any]] = field(default_factory=list)
    model_definitions: list[dict[str, Any]] = field(default_factory=list)
    endpoints: list[dict[str, Any]] = field(default_factory=list)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def build(self) -> dict[str, Any]:
        """Return the document as a request has it."""
        return {
            "lockgate": 1,
            "secrets": self.secrets,
            "model_definitions": self.model_definitions,
            "endpoints": self.endpoints,
            "bindings": self.bindings,
        }

    def leave(self, kind: str, name: str, reason: str) -> None:
        """Note what does not move."""
        self.left_out.append(LeftOut(kind, name, reason))


def build_draft(
    gateway: MlflowGateway,
    values: Mapping[str, Mapping[str, Secret] | None],
    skipped: frozenset[str] = frozenset(),
) -> Draft:
    """Turn what MLflow has into what Lockgate has.

    Args:
        gateway: the rows.
        values: by secret id, the fields of its opened value; None: it has no fields.
        skipped: names of secrets to leave out.
    """
    draft = Draft()
    users: dict[str, set[str]] = {}
    for model in gateway.models:
        users.setdefault(model.secret_id or "", set()).add(model.provider)
    secrets: dict[str, tuple[str, dict[str, Any]]] = {}
    for secret in gateway.secrets:
        provider = secret.provider or _find_only(users.get(secret.secret_id, set()))
        if secret.name in skipped:
            draft.leave("secret", secret.name, "left out with --skip")
            continue
        try:
            entry = _build_secret(draft, secret, provider, values.get(secret.secret_id))
        except NotMapped as reason:
            draft.leave("secret", secret.name, str(reason))
            continue
        draft.secrets.append(entry)
        secrets[secret.secret_id] = (provider or "", entry)
    names = {secret.secret_id: secret.name for secret in gateway.secrets}
    models: dict[str, str] = {}
    for model in gateway.models:
        try:
            definition = _build_model(model, secrets, names)
        except NotMapped as reason:
            draft.leave("model_definition", model.name, str(reason))
            continue
        draft.model_definitions.append(definition)
        models[model.model_id] = model.name
    _add_endpoints(draft, gateway, models)
    for guardrail in gateway.guardrails:
        draft.leave("guardrail", guardrail, "Lockgate has no guardrails")
    for budget in gateway.budgets:
        draft.leave("budget", budget, "Lockgate does not read MLflow's budgets")
    return draft


def _find_only(providers: set[str]) -> str | None:
    """Return the one provider that a secret without one is used for."""
    if len(providers) > 1:
        return None
    return next(iter(providers), None)


def _build_secret(
    draft: Draft,
    secret: MlflowSecret,
    provider: str | None,
    value: Mapping[str, Secret] | None,
) -> dict[str, Any]:
    _check(_NAME, secret.name, "its name")
    if provider is None:
        raise NotMapped("it is of no provider, or used for several")
    mapped = map_settings(provider, secret.auth_config)
    fields = value or {}
    if set(fields) != set(mapped.fields):
        found = f"the fields {', '.join(sorted(fields))}" if fields else "no fields"
        wanted = ", ".join(mapped.fields) or "none"
        raise NotMapped(f"its value has {found}, {mapped.provider} takes {wanted}")
    for setting in mapped.rest:
        draft.leave("setting", f"{secret.name}: {setting}", "Lockgate has no such setting")
    entry: dict[str, Any] = {"secret_name": secret.name, "provider": mapped.provider}
    if mapped.settings is not None:
        entry["auth_config"] = mapped.settings
    return entry | {
        "secret_value": {mapped.fields[name]: {"value": part} for name, part in fields.items()}
    }


def _build_model(
    model: MlflowModel,
    secrets: Mapping[str, tuple[str, dict[str, Any]]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    _check(_NAME, model.name, "its name")
    _check(_NAME, model.model_name, "its model_name")
    found = secrets.get(model.secret_id or "")
    if found is None:
        name = names.get(model.secret_id or "")
        what = "was deleted in MLflow" if name is None else f"{name!r} does not move"
        raise NotMapped(f"its secret {what}")
    provider, secret = found
    if model.provider != provider:
        raise NotMapped(
            f"it is of {model.provider}, its secret {secret['secret_name']!r} of {provider}"
        )
    return {
        "name": model.name,
        "provider": secret["provider"],
        "model_name": model.model_name,
        "secret_name": secret["secret_name"],
    }


def _add_endpoints(draft: Draft, gateway: MlflowGateway, models: Mapping[str, str]) -> None:
    known = {model.model_id: model.name for model in gateway.models}
    moved: set[str] = set()
    for endpoint in gateway.endpoints:
        try:
            draft.endpoints.append(_build_endpoint(draft, endpoint, models, known))
            moved.add(endpoint.endpoint_id)
        except NotMapped as reason:
            draft.leave("endpoint", endpoint.name, str(reason))
            for key in endpoint.tags:
                draft.leave("tag", f"{endpoint.name}: {key}", _ENDPOINT_LOST)
    names = {endpoint.endpoint_id: endpoint.name for endpoint in gateway.endpoints}
    for binding in gateway.bindings:
        shown = f"{names[binding.endpoint_id]}: {binding.resource_type} {binding.resource_id}"
        if binding.endpoint_id not in moved:
            draft.leave("binding", shown, _ENDPOINT_LOST)
            continue
        try:
            draft.bindings.append(_build_binding(binding, names[binding.endpoint_id]))
        except NotMapped as reason:
            draft.leave("binding", shown, str(reason))


def _build_endpoint(
    draft: Draft, endpoint: MlflowEndpoint, models: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, Any]:
    _check(_ENDPOINT_NAME, endpoint.name, "its name", _ENDPOINT_RULE)
    kept: list[MlflowMapping] = []
    lost: list[tuple[str, str]] = []
    for mapping in endpoint.mappings:
        reason = _find_reason(mapping, models)
        if reason is None:
            kept.append(mapping)
        else:
            shown = names.get(mapping.model_id, mapping.model_id)
            lost.append((f"{endpoint.name}: {shown}", reason))
    for name, reason in lost:
        draft.leave("mapping", name, reason)
    if not any(not mapping.is_fallback and mapping.weight > 0 for mapping in kept):
        raise NotMapped(_NO_PRIMARY)
    entry: dict[str, Any] = {
        "name": endpoint.name,
        "model_mappings": _build_mappings(kept, models),
    }
    config = _build_fallback_config(endpoint, kept)
    if config is not None:
        entry["fallback_config"] = config
    if not endpoint.usage_tracking:
        entry["usage_tracking"] = False
    tags = _choose_tags(draft, endpoint)
    return entry | ({"tags": tags} if tags else {})


def _find_reason(mapping: MlflowMapping, models: Mapping[str, str]) -> str | None:
    if mapping.model_id not in models:
        return "its model definition does not move"
    if not (math.isfinite(mapping.weight) and mapping.weight >= 0):
        return f"its weight is {mapping.weight}"
    return None


def _build_mappings(
    kept: Sequence[MlflowMapping], models: Mapping[str, str]
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for mapping in kept:
        if not mapping.is_fallback:
            entry: dict[str, Any] = {"model_definition": models[mapping.model_id]}
            if mapping.weight != 1:
                entry["weight"] = mapping.weight
            entries.append(entry)
    fallbacks = [mapping for mapping in kept if mapping.is_fallback]
    fallbacks.sort(key=lambda row: (row.fallback_order is None, row.fallback_order or 0))
    for order, mapping in enumerate(fallbacks):  # MLflow's may have gaps and stand twice
        entry = {"model_definition": models[mapping.model_id], "linkage_type": "FALLBACK"}
        entries.append(entry | {"fallback_order": order})
    return entries


def _build_fallback_config(
    endpoint: MlflowEndpoint, kept: Sequence[MlflowMapping]
) -> dict[str, Any] | None:
    """Say how many FALLBACKs are tried: MLflow takes 0 and null for all, and nothing for none."""
    if endpoint.fallback_config is not None:
        most = endpoint.fallback_config.get("max_attempts")
        is_cut = isinstance(most, int) and 0 < most <= MAX_MAPPINGS
        return {"strategy": "SEQUENTIAL"} | ({"max_attempts": most} if is_cut else {})
    if any(mapping.is_fallback for mapping in kept):
        return {"strategy": "SEQUENTIAL", "max_attempts": 0}
    return None


def _choose_tags(draft: Draft, endpoint: MlflowEndpoint) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in endpoint.tags.items():
        try:
            _check(_NAME, key, "its name")
            _check(_CONTENT, value, "its value")
            _check(_TAGS, tags | {key: value}, "the number of tags")
            tags[key] = value
        except NotMapped as reason:
            draft.leave("tag", f"{endpoint.name}: {key}", str(reason))
    return tags


def _build_binding(binding: MlflowBinding, endpoint: str) -> dict[str, Any]:
    _check(_NAME, binding.resource_type, "its resource_type")
    _check(_NAME, binding.resource_id, "its resource_id")
    entry = {
        "endpoint": endpoint,
        "resource_type": binding.resource_type,
        "resource_id": binding.resource_id,
    }
    if binding.display_name is not None:
        _check(_NAME, binding.display_name, "its display_name")
        entry["display_name"] = binding.display_name
    return entry


def _check(rule: TypeAdapter[Any], value: object, what: str, allowed: str = "") -> None:
    try:
        rule.validate_python(value, strict=True)
    except ValidationError as error:
        words = error.errors(include_input=False, include_url=False)[0]["msg"]
        reason = words.removeprefix("Value error, ").removeprefix("String ")
        raise NotMapped(f"{what} cannot be one here: {allowed or reason}") from None
