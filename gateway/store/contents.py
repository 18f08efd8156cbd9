"""The contents of entities as the history keeps them: what a document says, with ids for names.

Rule: a content holds no credential and nothing that says who changed a row or when; equal
entities have equal contents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.entities import ConfigurationState
from gateway.store import history_sql, sql
from gateway.store.rows import build_sliced, parse_json
from gateway.store.session import Row, Session

KINDS: Final = ("secret", "model_definition", "endpoint", "binding", "api_key")
_FEW_BINDINGS = 50  # above, one query for their endpoints is cheaper than one for each

Content = dict[str, Any]
_Found = tuple[str, Content]


def _build_secret(row: Row) -> _Found:
    return row["secret_id"], {
        "secret_name": row["secret_name"],
        "provider": row["provider"],
        "auth_config": parse_json(row["auth_config"]),
        "fields": sorted(parse_json(row["masked_values"])),
        "secret_version": row["secret_version"],
        "expires_at": row["expires_at"],
    }


def _build_model(row: Row) -> _Found:
    return row["model_definition_id"], {
        "name": row["name"],
        "provider": row["provider"],
        "model_name": row["model_name"],
        "secret_id": row["secret_id"],
    }


def _build_mapping(row: Row) -> Content:
    return {
        "model_definition_id": row["model_definition_id"],
        "weight": row["weight"],
        "linkage_type": row["linkage_type"],
        "fallback_order": row["fallback_order"],
    }


def _build_endpoint(row: Row, mappings: list[Content], tags: dict[str, str]) -> _Found:
    return row["endpoint_id"], {
        "name": row["name"],
        "model_mappings": mappings,
        "routing_strategy": row["routing_strategy"],
        "fallback_config": parse_json(row["fallback_config"]),
        "usage_tracking": bool(row["usage_tracking"]),
        "limits": parse_json(row["limits"]),
        "resilience": parse_json(row["resilience"]),
        "tags": tags,
    }


def _build_binding(row: Row) -> _Found:
    row_id = dump_binding_id(row["endpoint_id"], row["resource_type"], row["resource_id"])
    return row_id, {
        "endpoint_id": row["endpoint_id"],
        "resource_type": row["resource_type"],
        "resource_id": row["resource_id"],
        "display_name": row["display_name"],
    }


def _build_api_key(row: Row) -> _Found:
    return row["key_id"], {
        "name": row["name"],
        "allowed_endpoints": parse_json(row["allowed_endpoints"]),
        "expires_at": row["expires_at"],
        "disabled": bool(row["disabled"]),
        "sha256": bytes(row["digest"]).hex(),
        "masked": row["masked_value"],
    }


def dump_binding_id(endpoint_id: str, resource_type: str, resource_id: str) -> str:
    """Return a binding's id in the history: its key joined by line feeds."""
    return f"{endpoint_id}\n{resource_type}\n{resource_id}"


def get_name(kind: str, content: Mapping[str, Any]) -> str:
    """Return what a person calls an entity."""
    if kind == "binding":
        return f"{content['resource_type']}/{content['resource_id']}"
    return str(content["secret_name" if kind == "secret" else "name"])


async def read_state(session: Session) -> ConfigurationState:
    """Read all contents in seven queries; the event loop has its turn every few milliseconds."""
    fetch = session.fetch_all
    return {
        "secret": dict(await build_sliced(_build_secret, await fetch(history_sql.SECRET_ALL, {}))),
        "model_definition": dict(
            await build_sliced(_build_model, await fetch(history_sql.MODEL_ALL, {}))
        ),
        "endpoint": await _build_endpoints(
            await fetch(sql.ENDPOINT_ALL, {}),
            await fetch(sql.MAPPING_ALL, {}),
            await fetch(sql.TAG_ALL, {}),
        ),
        "binding": dict(
            await build_sliced(_build_binding, await fetch(history_sql.BINDING_ALL, {}))
        ),
        "api_key": dict(await build_sliced(_build_api_key, await fetch(sql.API_KEY_ALL, {}))),
    }


async def read_contents(session: Session, kind: str, ids: Sequence[str]) -> dict[str, Content]:
    """Read the contents of some entities of a kind, by id; those that are gone are not in it."""
    if kind == "endpoint":
        return await _build_endpoints(
            await session.fetch_in(sql.ENDPOINT_OF_IDS, ids),
            await session.fetch_in(sql.MAPPING_OF_ENDPOINTS, ids),
            await session.fetch_in(sql.TAG_OF_ENDPOINTS, ids),
        )
    if kind == "binding":
        return await _read_bindings(session, ids)
    query, build = {
        "secret": (history_sql.SECRET_OF_IDS, _build_secret),
        "model_definition": (history_sql.MODEL_OF_IDS, _build_model),
        "api_key": (sql.API_KEY_OF_IDS, _build_api_key),
    }[kind]
    return dict(await build_sliced(build, await session.fetch_in(query, ids)))


async def _read_bindings(session: Session, ids: Sequence[str]) -> dict[str, Content]:
    keys = [row_id.split("\n", 2) for row_id in ids]
    rows: list[Row] = []
    if len(keys) <= _FEW_BINDINGS:
        for key in keys:
            params = dict(zip(("endpoint_id", "resource_type", "resource_id"), key, strict=True))
            rows += await session.fetch_all(history_sql.BINDING_OF_KEY, params)
    else:
        endpoints = sorted({key[0] for key in keys})
        rows += await session.fetch_in(history_sql.BINDING_OF_ENDPOINTS, endpoints)
    wanted = set(ids)
    found = await build_sliced(_build_binding, rows)
    return {row_id: content for row_id, content in found if row_id in wanted}


async def _build_endpoints(
    endpoints: Sequence[Row], mappings: Iterable[Row], tags: Iterable[Row]
) -> dict[str, Content]:
    mappings_of: dict[str, list[Content]] = defaultdict(list)
    tags_of: dict[str, dict[str, str]] = defaultdict(dict)

    def take_mapping(row: Row) -> None:
        mappings_of[row["endpoint_id"]].append(_build_mapping(row))

    def take_tag(row: Row) -> None:
        tags_of[row["endpoint_id"]][row["key"]] = row["value"]

    def build(row: Row) -> _Found:
        row_id = row["endpoint_id"]
        return _build_endpoint(row, mappings_of.get(row_id, []), tags_of.get(row_id, {}))

    await build_sliced(take_mapping, list(mappings))
    await build_sliced(take_tag, list(tags))
    return dict(await build_sliced(build, endpoints))
