"""Rows of endpoints with their mappings, model definitions and tags.

Rule: a page costs four queries whatever its size, and one model definition is
one instance however many mappings share it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from gateway.entities import (
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    FallbackStrategy,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    Page,
    PageRequest,
    Resilience,
    RoutingStrategy,
    SecretId,
    Users,
)
from gateway.store import sql
from gateway.store.model_definitions import build_model_definition
from gateway.store.rows import (
    build_sliced,
    change_row,
    dump_json,
    fetch_page_rows,
    fetch_users,
    not_found,
    parse_json,
)
from gateway.store.session import Row, Session

_LIMITS = (
    "max_body_bytes",
    "connect_timeout_ms",
    "first_byte_timeout_ms",
    "idle_timeout_ms",
    "total_timeout_ms",
)
_LINKAGE = {linkage.value: linkage for linkage in LinkageType}
_STRATEGY = {None: None} | {strategy.value: strategy for strategy in RoutingStrategy}
_TEXTS_KEPT = 1024  # thousands of endpoints share a few limits and fallback configurations


async def build_endpoints(
    endpoints: Sequence[Row],
    mappings: Sequence[Row],
    definitions: Sequence[Row],
    tags: Sequence[Row],
) -> tuple[GatewayEndpoint, ...]:
    """Build endpoints of the rows of four queries; mappings come in their order.

    Raises:
        DatabaseDamagedError: a row cannot be read or points nowhere.
    """
    models: dict[ModelDefinitionId, GatewayModelDefinition] = {}
    tags_of: dict[str, dict[str, str]] = defaultdict(dict)
    mappings_of: dict[str, list[GatewayEndpointModelMapping]] = defaultdict(list)

    def take_model(row: Row) -> None:
        models[row["model_definition_id"]] = build_model_definition(row)

    def take_tag(row: Row) -> None:
        tags_of[row["endpoint_id"]][row["key"]] = row["value"]

    def take_mapping(row: Row) -> None:
        mappings_of[row["endpoint_id"]].append(_build_mapping(row, models))

    def build(row: Row) -> GatewayEndpoint:
        endpoint_id = row["endpoint_id"]
        return _build_endpoint(
            row, tuple(mappings_of.get(endpoint_id, ())), tags_of.get(endpoint_id, {})
        )

    await build_sliced(take_model, definitions)
    await build_sliced(take_tag, tags)
    await build_sliced(take_mapping, mappings)
    return await build_sliced(build, endpoints)


def _build_mapping(
    row: Row, models: Mapping[ModelDefinitionId, GatewayModelDefinition]
) -> GatewayEndpointModelMapping:
    model_definition_id = row["model_definition_id"]
    return GatewayEndpointModelMapping(
        mapping_id=row["mapping_id"],
        endpoint_id=row["endpoint_id"],
        model_definition_id=model_definition_id,
        model_definition=models[model_definition_id],
        weight=row["weight"],
        linkage_type=_LINKAGE[row["linkage_type"]],
        fallback_order=row["fallback_order"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def _build_endpoint(
    row: Row, mappings: tuple[GatewayEndpointModelMapping, ...], tags: Mapping[str, str]
) -> GatewayEndpoint:
    return GatewayEndpoint(
        endpoint_id=row["endpoint_id"],
        name=row["name"],
        model_mappings=mappings,
        tags=tags,
        routing_strategy=_STRATEGY[row["routing_strategy"]],
        fallback_config=_parse_fallback(row["fallback_config"]),
        usage_tracking=bool(row["usage_tracking"]),
        limits=_parse_limits(row["limits"]),
        resilience=_parse_resilience(row["resilience"]),
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


@lru_cache(maxsize=_TEXTS_KEPT)
def _parse_limits(text: str) -> EndpointLimits:
    return EndpointLimits(**parse_json(text))


@lru_cache(maxsize=_TEXTS_KEPT)
def _parse_resilience(text: str) -> Resilience:
    value = parse_json(text)
    return Resilience(
        fallback_on=tuple(value.get("fallback_on", ())), hedge=bool(value.get("hedge", False))
    )


@lru_cache(maxsize=_TEXTS_KEPT)
def _parse_fallback(text: str | None) -> FallbackConfig | None:
    if text is None:
        return None
    value = parse_json(text)
    return FallbackConfig(
        strategy=FallbackStrategy(value["strategy"]), max_attempts=value["max_attempts"]
    )


def _dump_fallback(config: FallbackConfig | None) -> str | None:
    if config is None:
        return None
    return dump_json({"strategy": config.strategy.value, "max_attempts": config.max_attempts})


def _dump_limits(limits: EndpointLimits) -> str | None:
    given = {name: getattr(limits, name) for name in _LIMITS}
    return dump_json({name: value for name, value in given.items() if value is not None})


def _dump_resilience(resilience: Resilience) -> str | None:
    if resilience == Resilience():
        return "{}"
    return dump_json({"fallback_on": list(resilience.fallback_on), "hedge": resilience.hedge})


def _dump_endpoint(row: GatewayEndpoint) -> dict[str, Any]:
    return {
        "endpoint_id": row.endpoint_id,
        "name": row.name,
        "routing_strategy": None if row.routing_strategy is None else row.routing_strategy.value,
        "fallback_config": _dump_fallback(row.fallback_config),
        "usage_tracking": int(row.usage_tracking),
        "limits": _dump_limits(row.limits),
        "resilience": _dump_resilience(row.resilience),
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
        "version": row.version,
    }


def _dump_mapping(
    row: GatewayEndpointModelMapping, endpoint_id: EndpointId, position: int
) -> dict[str, Any]:
    return {
        "mapping_id": row.mapping_id,
        "endpoint_id": endpoint_id,
        "model_definition_id": row.model_definition_id,
        "position": position,
        "weight": row.weight,
        "linkage_type": row.linkage_type.value,
        "fallback_order": row.fallback_order,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def dump_pattern(part: str) -> str:
    r"""Return the LIKE pattern (escape ``\``) of names that contain `part`, in lower case."""
    escaped = part.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _build_user(row: Row) -> tuple[str, str, str]:
    binding_id = f"{row['resource_type']}/{row['resource_id']}"
    return "binding", binding_id, row["display_name"] or binding_id


class SqlEndpointRows:
    """`gateway.ports.EndpointRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, endpoint_id: EndpointId) -> GatewayEndpoint:
        """Get one with mappings and tags. Raises NotFoundError."""
        key = {"endpoint_id": endpoint_id}
        row = await self._session.fetch_one(sql.ENDPOINT_GET, key)
        if row is None:
            raise not_found(key)
        return (await self._complete((row,)))[0]

    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
        model_definition_id: ModelDefinitionId | None = None,
        q: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpoint]:
        """List by creation, in four queries."""
        filters = {
            "name": name,
            "provider": provider,
            "secret_id": secret_id,
            "model_definition_id": model_definition_id,
            "q": None if q is None else dump_pattern(q),
            "resource_type": resource_type,
            "resource_id": resource_id,
        }
        rows, next_after = await fetch_page_rows(self._session, sql.ENDPOINT_LIST, page, filters)
        return Page(items=await self._complete(rows), next_after=next_after)

    async def list_of(self, ids: Collection[EndpointId]) -> tuple[GatewayEndpoint, ...]:
        """List those of these ids that there are, in four queries."""
        return await self._complete(await self._session.fetch_in(sql.ENDPOINT_OF_IDS, sorted(ids)))

    async def list_users(
        self, model_definition_ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayEndpoint, ...]:
        """List by id all that are mapped to one of these, in five queries."""
        wanted = sorted(model_definition_ids)
        users = await self._session.fetch_in(sql.ENDPOINT_IDS_OF_MODELS, wanted)
        ids = sorted(row["endpoint_id"] for row in users)
        return await self._complete(await self._session.fetch_in(sql.ENDPOINT_OF_IDS, ids))

    async def _complete(self, rows: Sequence[Row]) -> tuple[GatewayEndpoint, ...]:
        ids = [row["endpoint_id"] for row in rows]
        mappings = await self._session.fetch_in(sql.MAPPING_OF_ENDPOINTS, ids)
        definitions = await self._session.fetch_in(sql.MODEL_OF_ENDPOINTS, ids)
        tags = await self._session.fetch_in(sql.TAG_OF_ENDPOINTS, ids)
        return await build_endpoints(rows, mappings, definitions, tags)

    async def insert(self, row: GatewayEndpoint) -> None:
        """Insert one with mappings and tags. Raises ConflictError."""
        await self.insert_many((row,))

    async def insert_many(self, rows: Sequence[GatewayEndpoint]) -> None:
        """Insert several, in as many statements as one. Raises ConflictError."""
        await self._session.execute_many(sql.ENDPOINT_INSERT, map(_dump_endpoint, rows))
        await self._insert_mappings({row.endpoint_id: row.model_mappings for row in rows})
        await self._insert_tags({row.endpoint_id: row.tags for row in rows})

    async def update(self, row: GatewayEndpoint) -> None:
        """Update the endpoint's own columns. Raises NotFoundError, ConflictError."""
        params = _dump_endpoint(row)
        await change_row(self._session, sql.ENDPOINT_UPDATE, params, key="endpoint_id")

    async def replace_mappings(
        self, endpoint_id: EndpointId, rows: Sequence[GatewayEndpointModelMapping]
    ) -> None:
        """Make `rows` the endpoint's mappings, in this order. Raises NotFoundError, ConflictError.

        All go and come back, since two that swap their linkage type would be in each other's way.
        """
        await self._require(endpoint_id)
        await self._session.execute(sql.MAPPING_DELETE_ALL, {"endpoint_id": endpoint_id})
        await self._insert_mappings({endpoint_id: rows})

    async def delete_mapping(self, mapping_id: MappingId) -> None:
        """Delete one mapping. Raises NotFoundError."""
        params = {"mapping_id": mapping_id}
        await change_row(self._session, sql.MAPPING_DELETE, params, key="mapping_id")

    async def put_tag(self, endpoint_id: EndpointId, key: str, value: str) -> None:
        """Set one tag. Raises NotFoundError when there is no such endpoint."""
        await self._require(endpoint_id)
        params = {"endpoint_id": endpoint_id, "key": key, "value": value}
        await self._session.execute(sql.TAG_PUT, params)

    async def delete_tag(self, endpoint_id: EndpointId, key: str) -> None:
        """Delete one tag. Raises NotFoundError."""
        params = {"endpoint_id": endpoint_id, "key": key}
        await change_row(self._session, sql.TAG_DELETE, params, key="key")

    async def replace_tags(self, endpoint_id: EndpointId, tags: Mapping[str, str]) -> None:
        """Make `tags` the endpoint's tags. Raises NotFoundError."""
        await self._require(endpoint_id)
        await self._session.execute(sql.TAG_DELETE_ALL, {"endpoint_id": endpoint_id})
        await self._insert_tags({endpoint_id: tags})

    async def delete(self, endpoint_id: EndpointId) -> None:
        """Delete one with mappings and tags. Raises NotFoundError, ConflictError when bound."""
        key = "endpoint_id"
        params = {key: endpoint_id}
        await change_row(self._session, sql.ENDPOINT_DELETE, params, key=key, references=key)

    async def users(self, endpoint_id: EndpointId) -> Users:
        """List the bindings that use it."""
        queries = (sql.ENDPOINT_USERS, sql.ENDPOINT_USERS_COUNT)
        return await fetch_users(self._session, queries, endpoint_id, _build_user)

    async def _require(self, endpoint_id: EndpointId) -> None:
        key = {"endpoint_id": endpoint_id}
        if await self._session.fetch_one(sql.ENDPOINT_EXISTS, key) is None:
            raise not_found(key)

    async def _insert_mappings(
        self, rows_of: Mapping[EndpointId, Sequence[GatewayEndpointModelMapping]]
    ) -> None:
        params = (
            _dump_mapping(row, endpoint_id, place)
            for endpoint_id, rows in rows_of.items()
            for place, row in enumerate(rows)
        )
        if any(rows_of.values()):
            await self._session.execute_many(
                sql.MAPPING_INSERT, params, references="model_definition_id"
            )

    async def _insert_tags(self, tags_of: Mapping[EndpointId, Mapping[str, str]]) -> None:
        params = (
            {"endpoint_id": endpoint_id, "key": key, "value": value}
            for endpoint_id, tags in tags_of.items()
            for key, value in tags.items()
        )
        if any(tags_of.values()):
            await self._session.execute_many(sql.TAG_INSERT, params)
