"""LiteLLM's ``model_list`` and ``credential_list``: deployments become mappings of endpoints.

Rule: a credential in clear becomes a reference to a variable; it is never repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import InvalidValueError
from gateway.manifest.draft import Draft
from gateway.manifest.litellm_secrets import Place, Reader, add_secret, read_text
from gateway.manifest.litellm_vendors import VENDORS, split_model
from gateway.yaml_nodes import Node

_USED: Final = frozenset(
    [
        "model",
        *("api_key", "api_base", "base_url", "organization", "litellm_credential_name"),
        *("custom_llm_provider", "weight", "rpm", "tpm", "order", "timeout"),
    ]
)
_NUMBERS: Final = ("weight", "order", "timeout")
_MOST: Final = 1e15  # of a number that a float keeps exactly
_DAY_S: Final = 86_400
_SHARES: Final = ("weight", "rpm", "tpm")  # what LiteLLM's simple-shuffle draws by, in its order
_INSTEAD: Final[Mapping[str, str]] = {
    "api_version": "is not mapped: the API that is called has no such parameter",
    "stream_timeout": "is not mapped: set limits.first_byte_timeout_ms of the endpoint",
    "max_retries": "is not mapped: set LOCKGATE_MAX_ATTEMPTS",
    "num_retries": "is not mapped: set LOCKGATE_MAX_ATTEMPTS",
    "max_parallel_requests": "is not mapped: set LOCKGATE_MAX_IN_FLIGHT_PER_TARGET",
}


@dataclass(slots=True)
class Deployment:
    """One entry of ``model_list`` whose vendor is known here."""

    definition: str
    params: Node
    path: str
    order: int

    def find_number(self, name: str) -> float | None:
        """Return a number of the parameters that is 0 or more."""
        node = self.params.get(name)
        value = None if node is None else node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST:
            return None
        return float(value)


def add_models(draft: Draft, root: Node, environ: Mapping[str, str]) -> None:
    """Add secrets, model definitions and endpoints of a configuration's models."""
    reader = Reader(draft, environ, _index_credentials(draft, root))
    groups: dict[str, list[Deployment]] = {}
    for index, entry in enumerate(draft.list_items(root.get("model_list"), "model_list")):
        path = f"model_list[{index}]"
        group = entry.get("model_name")
        params = entry.get("litellm_params")
        if group is None or group.text is None or params is None or not params.fields:
            draft.note(entry, path, "is not mapped: it needs a model_name and litellm_params")
            continue
        try:
            deployment = _add_deployment(reader, group.text, params, f"{path}.litellm_params")
        except InvalidValueError as error:
            draft.note(entry, f"{path} ({group.text[:64]})", f"is not mapped: {error.detail}")
            continue
        draft.add_route(group.text, group, f"{path}.model_name")
        _take_timeout(draft, deployment, group.text)
        groups.setdefault(group.text, []).append(deployment)
        _note_rest(draft, entry, path)
    for name, group_ in groups.items():
        _add_shares(draft, name, group_)


def _index_credentials(draft: Draft, root: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    listed = draft.list_items(root.get("credential_list"), "credential_list")
    for index, entry in enumerate(listed):
        name = entry.get("credential_name")
        values = entry.get("credential_values")
        if name is None or name.text is None or values is None:
            draft.note(
                entry, f"credential_list[{index}]", "is not mapped: it has no name or values"
            )
            continue
        found[name.text] = entry
        for part in ("credential_values", "credential_info"):
            for key, node in (entry.get(part) or Node({}, 0)).fields.items():
                if key not in _USED:
                    path = f"credential_list[{index}].{part}.{key}"
                    draft.note(node, path, _INSTEAD.get(key, "has no counterpart"))
    return found


def _add_deployment(reader: Reader, group: str, params: Node, path: str) -> Deployment:
    model = read_text(params, "model")
    if model is None:
        raise InvalidValueError("litellm_params names no model")
    if "*" in model or "*" in group:
        raise InvalidValueError("a wildcard; an endpoint names one model, write one for each")
    credential = _find_credential(reader, params)
    custom = read_text(params, "custom_llm_provider") or read_text(
        credential, "credential_info", "custom_llm_provider"
    )
    prefix, model_name = split_model(model, custom)
    vendor = VENDORS.get(prefix or "")
    if vendor is None:
        raise InvalidValueError(
            f"the vendor {prefix[:64]} speaks no API that Lockgate calls"
            if prefix
            else "nothing tells whose model it is; give it a prefix such as openai/"
        )
    if not model_name:
        raise InvalidValueError("litellm_params.model names no model")
    values = credential.get("credential_values") or Node({}, params.line)
    place = Place(prefix or "", params, values, path)
    secret = add_secret(reader, vendor, place, read_text(credential, "credential_name"))
    for begin in vendor.dropped:
        model_name = model_name.removeprefix(begin)
    definition = reader.draft.add_definition(secret[0], model_name, secret[1])
    deployment = Deployment(definition, params, path, 0)
    deployment.order = int(deployment.find_number("order") or 0)
    for name, node in params.fields.items():
        if name in _NUMBERS and deployment.find_number(name) is None:
            reader.draft.note(node, f"{path}.{name}", "is not mapped: it is no number of 0 or more")
        elif name not in _USED and name not in vendor.parameters:
            reason = _INSTEAD.get(name, "is not mapped: a body passes as the application sends it")
            reader.draft.note(node, f"{path}.{name}", reason)
    return deployment


def _find_credential(reader: Reader, params: Node) -> Node:
    name = read_text(params, "litellm_credential_name")
    if name is None:
        return Node({}, params.line)
    found = reader.credentials.get(name)
    if found is None:
        raise InvalidValueError("its litellm_credential_name is not in credential_list")
    return found


def _take_timeout(draft: Draft, deployment: Deployment, group: str) -> None:
    seconds = deployment.find_number("timeout")
    if seconds is None or not 0 < seconds <= _DAY_S:
        return
    route = draft.add_route(group, deployment.params, deployment.path)
    route.total_timeout_ms = max(route.total_timeout_ms or 0, int(seconds * 1000))


def _add_shares(draft: Draft, name: str, group: list[Deployment]) -> None:
    route = draft.routes[name]
    first = min(deployment.order for deployment in group)
    primaries = [deployment for deployment in group if deployment.order == first]
    shares = _find_shares(draft, primaries)
    for deployment, share in zip(primaries, shares, strict=True):
        route.add_primary(deployment.definition, share)
    for deployment in sorted(group, key=lambda found: found.order):
        if deployment.order != first:
            route.add_fallback(deployment.definition)


def _find_shares(draft: Draft, group: list[Deployment]) -> list[float]:
    drawn_by = next(
        (name for name in _SHARES if any(found.params.get(name) for found in group)), None
    )
    for deployment in group:
        for name in _SHARES[1:]:
            node = deployment.params.get(name)
            if node is not None:
                is_share = name == drawn_by and len(group) > 1
                reason = (
                    "became the weight; it limits nothing here"
                    if is_share
                    else ("is not mapped: there is no such limit of a model")
                )
                draft.note(node, f"{deployment.path}.{name}", reason)
    if drawn_by is None or len(group) == 1:
        return [1.0] * len(group)
    return [deployment.find_number(drawn_by) or 0.0 for deployment in group]


def _note_rest(draft: Draft, entry: Node, path: str) -> None:
    for name, node in entry.fields.items():
        if name not in ("model_name", "litellm_params"):
            draft.note(node, f"{path}.{name}", "has no counterpart")
