"""Between a state of the configuration and the document that describes it.

Rule: pure; names stand where a state has ids, defaults are left out, lists are sorted by
name: equal states are equal documents, byte for byte. No value of a secret is in one.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson

from gateway.entities import ConfigurationState, LinkageType

FORMAT = 1
STORED = "stored"  # in place of a value that stays as it is
SECTIONS: Final = {
    "secret": "secrets",
    "model_definition": "model_definitions",
    "endpoint": "endpoints",
    "binding": "bindings",
    "api_key": "api_keys",
}
_EXACT = 1 << 53  # a weight below it that is whole is written as a whole number
_SLICE = 200  # entities, a few milliseconds

ValueT = TypeVar("ValueT")

Names = Mapping[str, str]  # of the entities that others refer to, by id


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entity as a document has it.

    `value` tells one value of a secret from another without saying what it is; null for what is
    no secret.
    """

    kind: str
    name: str
    row_id: str
    content: dict[str, Any]
    value: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is found by in a document."""
        return self.kind, self.name

    def equals(self, other: Item | None) -> bool:
        """Tell whether the other one is the same but for its row."""
        return other is not None and (self.content, self.value) == (other.content, other.value)


def build_names(state: ConfigurationState) -> Names:
    """Return the names of all entities that others refer to, by id."""
    names = {row_id: row["secret_name"] for row_id, row in state["secret"].items()}
    for kind in ("model_definition", "endpoint"):
        names |= {row_id: row["name"] for row_id, row in state[kind].items()}
    return names


def _order(item: Item) -> tuple[str, ...]:
    return tuple(item.name.split("\n"))


def _dump_secret(row_id: str, row: Mapping[str, Any], _: Names) -> Item:
    content = {"secret_name": row["secret_name"]}
    if row["provider"] is not None:
        content["provider"] = row["provider"]
    if row["auth_config"]:
        content["auth_config"] = row["auth_config"]
    if row["expires_at"] is not None:
        content["expires_at"] = row["expires_at"]
    content["secret_value"] = dict.fromkeys(row["fields"], STORED)
    value = f"{row_id}:{row['secret_version']}"
    return Item(kind="secret", name=row["secret_name"], row_id=row_id, content=content, value=value)


def _dump_model(row_id: str, row: Mapping[str, Any], names: Names) -> Item:
    content = {
        "name": row["name"],
        "provider": row["provider"],
        "model_name": row["model_name"],
        "secret_name": names[row["secret_id"]],
    }
    return Item(kind="model_definition", name=row["name"], row_id=row_id, content=content)


def _dump_endpoint(row_id: str, row: Mapping[str, Any], names: Names) -> Item:
    content = {
        "name": row["name"],
        "model_mappings": [_dump_mapping(found, names) for found in row["model_mappings"]],
    }
    optional = {
        "routing_strategy": row["routing_strategy"],
        "fallback_config": _drop_nulls(row["fallback_config"]),
        "limits": _drop_nulls(row["limits"]) or None,
        "resilience": _dump_resilience(row["resilience"]),
        "tags": dict(sorted(row["tags"].items())) or None,
    }
    content |= {name: value for name, value in optional.items() if value is not None}
    if not row["usage_tracking"]:
        content["usage_tracking"] = False
    return Item(kind="endpoint", name=row["name"], row_id=row_id, content=content)


def _drop_nulls(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {name: value for name, value in given.items() if value is not None}


def _dump_resilience(given: Mapping[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in given.items() if value} or None


def _dump_mapping(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    content: dict[str, Any] = {"model_definition": names[row["model_definition_id"]]}
    if row["linkage_type"] != LinkageType.PRIMARY.value:
        content["linkage_type"] = row["linkage_type"]
    weight = dump_weight(row["weight"])
    if weight != 1:
        content["weight"] = weight
    if row["fallback_order"] is not None:
        content["fallback_order"] = row["fallback_order"]
    return content


def dump_weight(weight: float) -> float:
    """Return a weight as a document has it: a whole number where it is one."""
    return int(weight) if weight.is_integer() and weight < _EXACT else weight


def _dump_binding(row_id: str, row: Mapping[str, Any], names: Names) -> Item:
    content = {
        "endpoint": names[row["endpoint_id"]],
        "resource_type": row["resource_type"],
        "resource_id": row["resource_id"],
    }
    name = "\n".join(content.values())
    if row["display_name"] is not None:
        content["display_name"] = row["display_name"]
    return Item(kind="binding", name=name, row_id=row_id, content=content)


def _dump_api_key(row_id: str, row: Mapping[str, Any], _: Names) -> Item:
    content = {"name": row["name"]}
    if row["allowed_endpoints"] != ["*"]:
        content["allowed_endpoints"] = row["allowed_endpoints"]
    if row["expires_at"] is not None:
        content["expires_at"] = row["expires_at"]
    if row["disabled"]:
        content["disabled"] = True
    content["value"] = {"sha256": row["sha256"], "masked": row["masked"]}
    return Item(kind="api_key", name=row["name"], row_id=row_id, content=content)


_DUMPS: Final[dict[str, Callable[[str, Mapping[str, Any], Names], Item]]] = {
    "secret": _dump_secret,
    "model_definition": _dump_model,
    "endpoint": _dump_endpoint,
    "binding": _dump_binding,
    "api_key": _dump_api_key,
}


async def list_items(state: ConfigurationState, names: Names | None = None) -> list[Item]:
    """List all entities of a state in the order of a document.

    `names` are those that references are shown with, where not the state's own.
    """
    names = build_names(state) if names is None else names
    items: list[Item] = []
    for kind, dump in _DUMPS.items():
        found = [dump(row_id, row, names) async for row_id, row in in_turns(state[kind].items())]
        items += sorted(found, key=_order)
        await asyncio.sleep(0)
    return items


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from looking through a whole configuration while it is compared.

    It holds no cycle, and each look would take as long as a hundred slices of the work.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def in_turns(values: Iterable[ValueT]) -> AsyncIterator[ValueT]:
    """Yield values; the event loop has its turn every few milliseconds."""
    for place, value in enumerate(values):
        if place % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        yield value


def build_document(items: list[Item]) -> dict[str, Any]:
    """Return the document of all entities, without its base."""
    document: dict[str, Any] = {"lockgate": FORMAT}
    document |= {section: [] for section in SECTIONS.values()}
    for item in items:
        document[SECTIONS[item.kind]].append(item.content)
    return document


async def compute_digest(document: Mapping[str, Any]) -> str:
    """Compute the digest of a document's own content, without its base.

    SHA-256 over JSON with sorted keys, one line for each entity.
    """
    digest = hashlib.sha256()
    for section in SECTIONS.values():
        digest.update(section.encode() + b"\n")
        async for content in in_turns(document[section]):
            digest.update(orjson.dumps(content, option=orjson.OPT_SORT_KEYS) + b"\n")
    return f"sha256:{digest.hexdigest()}"


def compute_item_digest(item: Item) -> str:
    """Compute the digest that an entity is known by once a document has made it."""
    content = orjson.dumps([item.content, item.value], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()
