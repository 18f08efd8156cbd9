"""Carrying steps out: rows, in an order that no reference breaks, and an audit row for each.

Rule: runs in one `Change`; ids stay, and a mapping that stays the same model definition under the
same linkage keeps its own. What was checked before is not checked again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.control.service import api_keys, bindings, endpoints, model_definitions, secrets
from gateway.control.service.change import MASKED, Change, Stored
from gateway.control.service.configuration import rows
from gateway.control.service.configuration.document import Item, in_turns
from gateway.control.service.configuration.plan import Step
from gateway.control.service.configuration.wanted import Values, get_secret_version
from gateway.entities import (
    ApiKeyId,
    EndpointId,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayModelDefinition,
    GatewaySecretInfo,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
    StoredApiKey,
)

# What others refer to comes before them and goes after them; what takes a value goes first.
_ORDER: Final = (
    ("binding", "delete"),
    ("endpoint", "delete"),
    ("api_key", "delete"),
    ("secret", "create"),
    ("secret", "update"),
    ("model_definition", "create"),
    ("model_definition", "update"),
    ("endpoint", "create"),
    ("endpoint", "update"),
    ("model_definition", "delete"),
    ("secret", "delete"),
    ("binding", "create"),
    ("binding", "update"),
    ("api_key", "create"),
    ("api_key", "update"),
)


@dataclass(slots=True)
class Writer:
    """The rows that steps start from, and the ids that names stand for after them."""

    change: Change
    values: Values = field(repr=False)
    ids: Mapping[tuple[str, str], str]  # by kind and name, of everything that there will be
    secrets: dict[str, GatewaySecretInfo] = field(default_factory=dict)
    definitions: dict[str, GatewayModelDefinition] = field(default_factory=dict)
    endpoints: dict[str, GatewayEndpoint] = field(default_factory=dict)
    api_keys: dict[str, GatewayApiKey] = field(default_factory=dict)
    new_secrets: list[tuple[GatewaySecretInfo, SealedSecret]] = field(default_factory=list)
    new_definitions: list[GatewayModelDefinition] = field(default_factory=list)
    new_endpoints: list[GatewayEndpoint] = field(default_factory=list)
    new_api_keys: list[StoredApiKey] = field(default_factory=list)

    async def flush(self) -> None:
        """Insert the new rows of a phase together."""
        tx = self.change.tx
        if self.new_secrets:
            await tx.secrets.insert_many(self.new_secrets)
        if self.new_definitions:
            await tx.model_definitions.insert_many(self.new_definitions)
        if self.new_endpoints:
            await tx.endpoints.insert_many(self.new_endpoints)
        if self.new_api_keys:
            await tx.api_keys.insert_many(self.new_api_keys)
        for written in (
            self.new_secrets,
            self.new_definitions,
            self.new_endpoints,
            self.new_api_keys,
        ):
            written.clear()

    async def load(self, steps: Sequence[Step]) -> None:
        """Read the rows that the steps change or name, in a constant number of queries."""
        tx = self.change.tx
        known = {
            kind: {step.before.row_id for step in steps if step.before and step.item.kind == kind}
            for kind in ("secret", "model_definition", "endpoint", "api_key")
        }
        named = _list_named(steps, self.ids)
        for secret in await tx.secrets.list_of(
            {*map(SecretId, known["secret"]), *map(SecretId, named["secret"])}
        ):
            self.secrets[secret.secret_id] = secret
        for definition in await tx.model_definitions.list_of(
            {
                ModelDefinitionId(row)
                for row in (*known["model_definition"], *named["model_definition"])
            }
        ):
            self.definitions[definition.model_definition_id] = definition
        for endpoint in await tx.endpoints.list_of(set(map(EndpointId, known["endpoint"]))):
            self.endpoints[endpoint.endpoint_id] = endpoint
        for key in await tx.api_keys.list_of(set(map(ApiKeyId, known["api_key"]))):
            self.api_keys[key.key_id] = key


def _list_named(steps: Sequence[Step], ids: Mapping[tuple[str, str], str]) -> dict[str, set[str]]:
    named: dict[str, set[str]] = {"secret": set(), "model_definition": set()}
    for step in steps:
        if step.after is None:
            continue
        if step.after.kind == "model_definition":
            named["secret"].add(ids["secret", step.after.content["secret_name"]])
        if step.after.kind == "endpoint":
            for mapping in step.after.content["model_mappings"]:
                named["model_definition"].add(ids["model_definition", mapping["model_definition"]])
    return named


async def write_steps(
    change: Change,
    steps: Sequence[Step],
    values: Values,
    ids: Mapping[tuple[str, str], str],
) -> None:
    """Carry out steps.

    Args:
        change: the write transaction.
        steps: what to do, in any order.
        values: of secrets that are sealed anew, by name.
        ids: of everything that there will be, by kind and name.

    Raises:
        ConflictError: a name or a value of an api key is taken.
    """
    writer = Writer(change, values, ids)
    await writer.load(steps)
    await _free_names(writer, steps)
    await _free_key_values(writer, steps)
    by_phase: dict[tuple[str, str], list[Step]] = {phase: [] for phase in _ORDER}
    for step in steps:
        by_phase[step.item.kind, step.action].append(step)
    sealed = sum(step.item.kind == "secret" and step.item.name in values for step in steps)
    if sealed:
        await secrets.count_wraps(change, sealed)
    for phase in _ORDER:
        async for step in in_turns(by_phase[phase]):
            await _WRITERS[phase](writer, step)
        await writer.flush()


async def _free_names(writer: Writer, steps: Sequence[Step]) -> None:
    """Move those out of the way whose name another entity of the kind is about to take."""
    taken = {step.after.key for step in steps if step.after is not None}
    tx = writer.change.tx
    for step in steps:
        before, after = step.before, step.after
        if before is None or before.key not in taken or (after and after.name == before.name):
            continue
        if before.kind == "model_definition":
            definition = writer.definitions[before.row_id]
            await tx.model_definitions.update(replace(definition, name=before.row_id))
        elif before.kind == "endpoint" and after is not None:
            endpoint = writer.endpoints[before.row_id]
            await tx.endpoints.update(replace(endpoint, name=before.row_id))
        elif before.kind == "api_key" and after is not None:
            key = writer.api_keys[before.row_id]
            await tx.api_keys.update(replace(key, name=before.row_id))


async def _free_key_values(writer: Writer, steps: Sequence[Step]) -> None:
    """Move values out of the way that another api key is about to take."""
    keys = [step for step in steps if step.item.kind == "api_key" and step.after is not None]
    taken = {_after(step).content["value"]["sha256"] for step in keys}
    for step in keys:
        if step.before is None or step.before.content["value"]["sha256"] not in taken:
            continue
        if step.before.content["value"] != _after(step).content["value"]:
            free = hashlib.sha256(step.before.row_id.encode()).digest()  # of no value
            row = StoredApiKey(key=writer.api_keys[step.before.row_id], digest=free)
            await writer.change.tx.api_keys.update_value(row)


async def _record(writer: Writer, step: Step, stored: Stored | None, before: Stored | None) -> None:
    item = step.item
    await writer.change.record(
        step.action,
        item.kind,
        (stored or before or _NOTHING).row_id,
        item.name.rpartition("\n")[2],
        before=None if before is None else before.representation,
        after=None if stored is None else stored.representation,
    )


_NOTHING: Final = Stored(row_id="", representation={}, version=0)


def _after(step: Step) -> Item:
    assert step.after is not None  # noqa: S101 - a create or update has one
    return step.after


def _before(step: Step) -> Item:
    assert step.before is not None  # noqa: S101 - an update or delete has one
    return step.before


# --- secrets ------------------------------------------------------------------------------


async def _put_secret(writer: Writer, step: Step) -> None:
    change, item = writer.change, _after(step)
    known = writer.secrets.get(item.row_id)
    row = rows.build_secret(change, item, known)
    fields = writer.values.get(item.name)
    if fields is None:
        await change.tx.secrets.update(row, None)
    else:
        credential = secrets.wrap(change, row.secret_id, fields)
        row = replace(row, masked_values=credential.masked)
        version = get_secret_version(item.value or "")
        sealed = secrets.seal_counted(change, row, credential, secret_version=version)
        if known is None:
            writer.new_secrets.append((row, sealed))
        else:
            await change.tx.secrets.update(row, sealed)
            row = await _drop_former(change, row)
    writer.secrets[row.secret_id] = row
    stored = secrets.describe(row)
    if fields is not None:
        stored = replace(stored, representation=stored.representation | {"secret_value": MASKED})
    await _record(writer, step, stored, None if known is None else secrets.describe(known))


async def _drop_former(change: Change, row: GatewaySecretInfo) -> GatewaySecretInfo:
    """A value that a document replaces may have leaked: neither it nor the one before counts."""
    if row.previous_value is None:
        return row
    await change.tx.secrets.delete_previous(row.secret_id)
    return replace(row, previous_value=None)


async def _delete_secret(writer: Writer, step: Step) -> None:
    row = writer.secrets[_before(step).row_id]
    await writer.change.tx.secrets.delete(row.secret_id)
    await _record(writer, step, None, secrets.describe(row))


# --- model definitions --------------------------------------------------------------------


async def _put_definition(writer: Writer, step: Step) -> None:
    change, item = writer.change, _after(step)
    known = writer.definitions.get(item.row_id)
    secret = writer.secrets[writer.ids["secret", item.content["secret_name"]]]
    row = rows.build_model_definition(change, item, secret, known)
    if known is None:
        writer.new_definitions.append(row)
    else:
        await change.tx.model_definitions.update(row)
    writer.definitions[row.model_definition_id] = row
    before = None if known is None else model_definitions.describe(known)
    await _record(writer, step, model_definitions.describe(row), before)


async def _delete_definition(writer: Writer, step: Step) -> None:
    row = writer.definitions[_before(step).row_id]
    await writer.change.tx.model_definitions.delete(row.model_definition_id)
    await _record(writer, step, None, model_definitions.describe(row))


# --- endpoints ----------------------------------------------------------------------------


async def _put_endpoint(writer: Writer, step: Step) -> None:
    change, item = writer.change, _after(step)
    known = writer.endpoints.get(item.row_id)
    named = [
        writer.definitions[writer.ids["model_definition", mapping["model_definition"]]]
        for mapping in item.content["model_mappings"]
    ]
    row = rows.build_endpoint(change, item, named, known)
    if known is None:
        writer.new_endpoints.append(row)
    else:
        await change.tx.endpoints.update(row)
        if row.model_mappings != known.model_mappings:
            await change.tx.endpoints.replace_mappings(row.endpoint_id, row.model_mappings)
        if row.tags != known.tags:
            await change.tx.endpoints.replace_tags(row.endpoint_id, row.tags)
    before = None if known is None else endpoints.describe(known)
    await _record(writer, step, endpoints.describe(row), before)


async def _delete_endpoint(writer: Writer, step: Step) -> None:
    row = writer.endpoints[_before(step).row_id]
    await writer.change.tx.endpoints.delete(row.endpoint_id)
    await _record(writer, step, None, endpoints.describe(row))


# --- bindings and api keys ----------------------------------------------------------------


async def _put_binding(writer: Writer, step: Step) -> None:
    change, content = writer.change, _after(step).content
    endpoint_id = EndpointId(writer.ids["endpoint", content["endpoint"]])
    known = None
    if step.before is not None:
        known = await change.tx.bindings.get(
            endpoint_id, content["resource_type"], content["resource_id"]
        )
    row = rows.build_binding(change, content, endpoint_id, known)
    await change.tx.bindings.put(row)
    before = None if known is None else bindings.describe(known)
    await _record(writer, step, bindings.describe(row), before)


async def _delete_binding(writer: Writer, step: Step) -> None:
    change = writer.change
    endpoint_id, resource_type, resource_id = _before(step).row_id.split("\n")
    row = await change.tx.bindings.get(EndpointId(endpoint_id), resource_type, resource_id)
    await change.tx.bindings.delete(row.endpoint_id, row.resource_type, row.resource_id)
    await _record(writer, step, None, bindings.describe(row))


async def _put_api_key(writer: Writer, step: Step) -> None:
    change, item = writer.change, _after(step)
    known = writer.api_keys.get(item.row_id)
    row = rows.build_api_key(change, item, known)
    stored = StoredApiKey(key=row, digest=bytes.fromhex(item.content["value"]["sha256"]))
    if known is None:
        writer.new_api_keys.append(stored)
    else:
        await change.tx.api_keys.update(row)
        if _before(step).content["value"] != item.content["value"]:
            await change.tx.api_keys.update_value(stored)
    before = None if known is None else api_keys.describe(known)
    await _record(writer, step, api_keys.describe(row), before)


async def _delete_api_key(writer: Writer, step: Step) -> None:
    row = writer.api_keys[_before(step).row_id]
    await writer.change.tx.api_keys.delete(row.key_id)
    await _record(writer, step, None, api_keys.describe(row))


_WRITERS: Final[dict[tuple[str, str], Callable[[Writer, Step], Awaitable[Any]]]] = {
    ("binding", "delete"): _delete_binding,
    ("endpoint", "delete"): _delete_endpoint,
    ("api_key", "delete"): _delete_api_key,
    ("secret", "create"): _put_secret,
    ("secret", "update"): _put_secret,
    ("model_definition", "create"): _put_definition,
    ("model_definition", "update"): _put_definition,
    ("endpoint", "create"): _put_endpoint,
    ("endpoint", "update"): _put_endpoint,
    ("model_definition", "delete"): _delete_definition,
    ("secret", "delete"): _delete_secret,
    ("binding", "create"): _put_binding,
    ("binding", "update"): _put_binding,
    ("api_key", "create"): _put_api_key,
    ("api_key", "update"): _put_api_key,
}
