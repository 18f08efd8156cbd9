"""From a document that was sent to the entities that it wants.

Rule: what REST refuses, a document refuses, by the same functions; an error names the path in the
document.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.control.parts import ControlParts
from gateway.control.schema import configuration as schema
from gateway.control.service.change import new_id
from gateway.control.service.configuration.document import STORED, Item, dump_weight, in_turns
from gateway.control.service.configuration.plan import Items, Key
from gateway.control.service.secrets import (
    check_binding_of,
    check_origin,
    compute_mac,
    is_binding_kept,
)
from gateway.entities import LinkageType, ModelDefinitionId
from gateway.errors import InvalidValueError, RequestError
from gateway.providers import (
    check_auth_config,
    check_secret,
    check_stored_fields,
    get_provider,
)
from gateway.routing import MappingSpec, check_mappings, fill_fallback_orders
from gateway.secret import mask

Values = dict[str, Mapping[str, str]]  # of secrets that are sealed anew, by name


@dataclass(slots=True)
class Wanted:
    """The entities that a document wants, where each stands in it, and values to seal."""

    items: dict[Key, Item] = field(default_factory=dict)
    paths: dict[Key, str] = field(default_factory=dict)
    values: Values = field(default_factory=dict, repr=False)
    sections: list[str] = field(default_factory=list)  # kinds

    def add(self, item: Item, path: str, field_name: str = "name") -> None:
        """Add an entity. Raises InvalidValueError where the document has it twice."""
        if item.key in self.items:
            raise InvalidValueError(
                f"stands twice: {self.paths[item.key]} has the same", field=f"{path}.{field_name}"
            )
        self.items[item.key] = item
        self.paths[item.key] = path


@contextmanager
def under(path: str) -> Iterator[None]:
    """Put a path before the field of what is refused inside."""
    try:
        yield
    except RequestError as error:
        if error.field is not None and not error.field.startswith(path):
            joint = "" if error.field.startswith("[") else "."
            raise type(error)(
                error.detail, field=f"{path}{joint}{error.field}", extra=error.extra
            ) from None
        raise


async def build_wanted(
    parts: ControlParts,
    document: schema.ConfigurationDocument,
    current: Items,
    macs: Mapping[str, bytes],
) -> Wanted:
    """Check a document and return what it wants.

    Args:
        parts: for the operator's settings and the key that values are compared with.
        document: as it was sent.
        current: the entities as they stand.
        macs: of the stored values of secrets that the document gives values for, by secret id.

    Raises:
        InvalidValueError: `field` is the path in the document.
        CredentialRebindError: origin or provider would change without the credential.
    """
    wanted = Wanted()
    async for place, secret in _iterate(wanted, "secret", document.secrets):
        path = f"secrets[{place}]"
        with under(path):
            found = current.get(("secret", secret.secret_name))
            _add_secret(wanted, parts, secret, found, macs, path)
    async for place, definition in _iterate(wanted, "model_definition", document.model_definitions):
        path = f"model_definitions[{place}]"
        with under(path):
            get_provider(definition.provider)
        content = definition.model_dump()
        wanted.add(_build(current, "model_definition", definition.name, content), path)
    async for place, endpoint in _iterate(wanted, "endpoint", document.endpoints):
        path = f"endpoints[{place}]"
        with under(path):
            content = _dump_endpoint(endpoint)
        wanted.add(_build(current, "endpoint", endpoint.name, content), path)
    async for place, binding in _iterate(wanted, "binding", document.bindings):
        content = binding.model_dump(exclude_none=True)
        name = f"{binding.endpoint}\n{binding.resource_type}\n{binding.resource_id}"
        item = _build(current, "binding", name, content)
        wanted.add(item, f"bindings[{place}]", "resource_id")
    await _add_api_keys(wanted, document, current)
    return wanted


async def _iterate(
    wanted: Wanted, kind: str, section: Sequence[Any] | None
) -> AsyncIterator[tuple[int, Any]]:
    if section is not None:
        wanted.sections.append(kind)
        async for place, body in in_turns(enumerate(section)):
            yield place, body


_PREFIX = {"secret": "s-", "model_definition": "d-", "endpoint": "e-", "api_key": "k-"}


def _build(current: Items, kind: str, name: str, content: dict[str, Any]) -> Item:
    known = current.get((kind, name))
    if known is not None:
        row_id = known.row_id
    else:
        row_id = name if kind == "binding" else new_id(_PREFIX[kind])
    return Item(kind=kind, name=name, row_id=row_id, content=content)


# --- secrets ------------------------------------------------------------------------------


def _add_secret(
    wanted: Wanted,
    parts: ControlParts,
    body: schema.DocumentSecret,
    known: Item | None,
    macs: Mapping[str, bytes],
    path: str,
) -> None:
    given = _list_given(body)
    content: dict[str, Any] = {"secret_name": body.secret_name}
    if body.provider is not None:
        content["provider"] = body.provider
    if body.auth_config:
        content["auth_config"] = body.auth_config
    if body.expires_at is not None:
        content["expires_at"] = body.expires_at
    if given is None and known is None and not body.secret_value and _needs_no_value(body):
        given = {}
    if given is None:
        if known is None:
            missing = next(iter(body.secret_value or {}), None)
            raise InvalidValueError(
                "is required: there is no stored value of this secret",
                field="secret_value" + (f".{missing}" if missing else ""),
            )
        content["secret_value"] = known.content["secret_value"]
    else:
        content["secret_value"] = dict.fromkeys(sorted(given), STORED)
    item = replace(
        _build({} if known is None else {known.key: known}, "secret", body.secret_name, content),
        value=None if known is None else known.value,
    )
    wanted.add(_settle_value(wanted, parts, item, known, given, macs), path, "secret_name")


def _needs_no_value(body: schema.DocumentSecret) -> bool:
    """Tell whether the machine has the credential, or none is needed."""
    try:
        check_secret(body.provider, {}, body.auth_config)
    except InvalidValueError as error:
        return not (error.field or "").startswith("secret_value")  # told once it is checked
    return True


def _list_given(body: schema.DocumentSecret) -> dict[str, str] | None:
    fields = body.secret_value or {}
    given = {name: source.value for name, source in fields.items() if source.value is not None}
    if given and len(given) < len(fields):
        kept = next(name for name, source in fields.items() if source.value is None)
        raise InvalidValueError(
            "stays as it is stored while another field is given: give all of them, or none",
            field=f"secret_value.{kept}",
        )
    return given or None


def _settle_value(
    wanted: Wanted,
    parts: ControlParts,
    item: Item,
    known: Item | None,
    given: dict[str, str] | None,
    macs: Mapping[str, bytes],
) -> Item:
    """Check a secret that is new or changed, and give its value a token of its own."""
    provider, auth_config = item.content.get("provider"), item.content.get("auth_config")
    if known is not None and _may_stay(parts, item, known, given, macs):
        given = None
        if item.equals(known):
            return item
    if given is None:
        check_auth_config(provider, auth_config)
        if provider is not None:
            check_stored_fields(provider, item.content["secret_value"], auth_config)
        if known is not None:
            old = known.content.get("provider"), known.content.get("auth_config")
            check_binding_of(old, (provider, auth_config))
    else:
        check_secret(provider, given, auth_config)
    check_origin(parts.settings, provider, auth_config)
    if given is None:
        return item
    wanted.values[item.name] = given
    version = 1 if known is None or known.value is None else get_secret_version(known.value) + 1
    return replace(item, value=f"{item.row_id}:{version}")


def get_secret_version(value: str) -> int:
    """Return the number of a secret's value that a token stands for."""
    return int(value.rpartition(":")[2])


def _may_stay(
    parts: ControlParts,
    item: Item,
    known: Item,
    given: dict[str, str] | None,
    macs: Mapping[str, bytes],
) -> bool:
    """Tell whether a value is the stored one, sealed for where it is to be sent.

    One that stays is not sealed anew, so that a former one keeps its grace.
    """
    if given is None:
        return True
    stored = macs.get(item.row_id, b"")
    if not hmac.compare_digest(stored, compute_mac(parts, item.row_id, given)):
        return False
    old, new = (
        (found.content.get("provider"), found.content.get("auth_config")) for found in (known, item)
    )
    return is_binding_kept(old, new)


# --- endpoints and api keys ---------------------------------------------------------------


def _dump_endpoint(body: schema.DocumentEndpoint) -> dict[str, Any]:
    content: dict[str, Any] = {"name": body.name, "model_mappings": _dump_mappings(body)}
    resilience = None if body.resilience is None else body.resilience.model_dump(mode="json")
    if resilience is not None:
        resilience["fallback_on"] = list(dict.fromkeys(resilience["fallback_on"]))
        resilience = {name: value for name, value in resilience.items() if value}
    optional = {
        "routing_strategy": body.routing_strategy and body.routing_strategy.value,
        "fallback_config": body.fallback_config
        and body.fallback_config.model_dump(mode="json", exclude_none=True),
        "limits": (body.limits and body.limits.model_dump(exclude_none=True)) or None,
        "resilience": resilience or None,
        "tags": dict(sorted(body.tags.items())) or None,
    }
    content |= {name: value for name, value in optional.items() if value is not None}
    if not body.usage_tracking:
        content["usage_tracking"] = False
    return content


def _dump_mappings(body: schema.DocumentEndpoint) -> list[dict[str, Any]]:
    specs = fill_fallback_orders(
        [
            MappingSpec(
                ModelDefinitionId(row.model_definition),
                row.weight,
                row.linkage_type,
                row.fallback_order,
            )
            for row in body.model_mappings
        ]
    )
    try:
        check_mappings(specs)
    except InvalidValueError as error:
        field_name = (error.field or "").replace("model_definition_id", "model_definition")
        raise InvalidValueError(error.detail, field=field_name) from None
    return [_dump_mapping(spec) for spec in specs]


def _dump_mapping(spec: MappingSpec) -> dict[str, Any]:
    content: dict[str, Any] = {"model_definition": spec.model_definition_id}
    if spec.linkage_type is not LinkageType.PRIMARY:
        content["linkage_type"] = spec.linkage_type.value
    if spec.weight != 1:
        content["weight"] = dump_weight(spec.weight)
    if spec.fallback_order is not None:
        content["fallback_order"] = spec.fallback_order
    return content


async def _add_api_keys(
    wanted: Wanted, document: schema.ConfigurationDocument, current: Items
) -> None:
    async for place, key in _iterate(wanted, "api_key", document.api_keys):
        path = f"api_keys[{place}]"
        with under(path):
            content = _dump_api_key(key, current.get(("api_key", key.name)))
        wanted.add(_build(current, "api_key", key.name, content), path)


def _dump_api_key(body: schema.DocumentApiKey, known: Item | None) -> dict[str, Any]:
    content: dict[str, Any] = {"name": body.name}
    if body.allowed_endpoints != ("*",):
        content["allowed_endpoints"] = list(body.allowed_endpoints)
    if body.expires_at is not None:
        content["expires_at"] = body.expires_at
    if body.disabled:
        content["disabled"] = True
    if body.value is not None:
        content["value"] = _dump_key_value(body.value)
    elif known is not None:
        content["value"] = known.content["value"]
    else:
        raise InvalidValueError("is required: there is no such api key yet", field="value")
    return content


def _dump_key_value(source: schema.ApiKeySource) -> dict[str, Any]:
    if source.value is None:
        return {"sha256": source.sha256, "masked": source.masked}
    digest = hashlib.sha256(source.value.encode()).hexdigest()
    return {"sha256": digest, "masked": mask(source.value)}
