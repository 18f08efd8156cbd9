"""Writes of endpoints and their tags.

Rule: an endpoint is stored only with mappings that can be routed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.control.represent import represent_endpoint, represent_users
from gateway.control.schema import endpoints as schema
from gateway.control.service.bindings import record_removal
from gateway.control.service.change import Change, Stored, list_all, new_id
from gateway.control.service.mappings import plan_mappings
from gateway.entities import (
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    GatewayEndpoint,
    Resilience,
    RoutingStrategy,
)
from gateway.errors import InUseError, InvalidValueError

_KIND = "endpoint"


def describe(row: GatewayEndpoint) -> Stored:
    """Return the endpoint as answers have it."""
    return Stored(
        row_id=row.endpoint_id, representation=represent_endpoint(row), version=row.version
    )


async def create_endpoint(change: Change, body: schema.EndpointCreate) -> Stored:
    """Create an endpoint with its mappings and tags.

    Raises:
        InvalidValueError: the mappings cannot be routed, or name no model definition.
        ConflictError: the name is taken.
    """
    endpoint_id = EndpointId(new_id("e-"))
    row = GatewayEndpoint(
        endpoint_id=endpoint_id,
        name=body.name,
        model_mappings=await plan_mappings(change, endpoint_id, (), body.model_mappings),
        tags=body.tags,
        routing_strategy=body.routing_strategy,
        fallback_config=_build_fallback(body.fallback_config),
        usage_tracking=body.usage_tracking,
        limits=_build_limits(body.limits),
        resilience=_build_resilience(body.resilience),
        **change.stamp_created(),
    )
    await change.tx.endpoints.insert(row)
    stored = describe(row)
    await change.record("create", _KIND, endpoint_id, row.name, after=stored.representation)
    return stored


def _build_fallback(body: schema.FallbackConfig | None) -> FallbackConfig | None:
    if body is None:
        return None
    return FallbackConfig(strategy=body.strategy, max_attempts=body.max_attempts)


def _build_limits(body: schema.EndpointLimits | None) -> EndpointLimits:
    return EndpointLimits() if body is None else EndpointLimits(**body.model_dump())


def _build_resilience(body: schema.Resilience | None) -> Resilience:
    if body is None:
        return Resilience()
    kinds = dict.fromkeys(kind.value for kind in body.fallback_on)
    return Resilience(fallback_on=tuple(kinds), hedge=body.hedge)


async def update_endpoint(
    change: Change, endpoint_id: EndpointId, body: schema.EndpointPatch
) -> Stored:
    """Change an endpoint; `model_mappings` and `tags` are replaced as a whole.

    Raises:
        NotFoundError, StaleVersionError, InvalidValueError, ConflictError: as everywhere.
    """
    row = await change.tx.endpoints.get(endpoint_id)
    change.require_match(describe(row))
    if not body.model_fields_set:
        return describe(row)
    new = replace(row, **_changed_columns(body))
    if body.given("model_mappings"):
        new = replace(
            new,
            model_mappings=await plan_mappings(
                change, endpoint_id, row.model_mappings, body.model_mappings
            ),
        )
        await change.tx.endpoints.replace_mappings(endpoint_id, new.model_mappings)
    if body.given("tags"):
        new = replace(new, tags=body.tags)
        await change.tx.endpoints.replace_tags(endpoint_id, body.tags)
    return await save(change, row, new)


def _changed_columns(body: schema.EndpointPatch) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("name", "routing_strategy", "usage_tracking")
        if body.given(name)
    }
    if body.given("fallback_config"):
        columns["fallback_config"] = _build_fallback(body.fallback_config)
    if body.given("limits"):
        columns["limits"] = _build_limits(body.limits)
    if body.given("resilience"):
        columns["resilience"] = _build_resilience(body.resilience)
    return columns


async def save(change: Change, before: GatewayEndpoint, after: GatewayEndpoint) -> Stored:
    """Write an endpoint's own columns under a new version, with the audit row of the change."""
    new = replace(after, **change.stamp_updated(before.version))
    await change.tx.endpoints.update(new)
    stored = describe(new)
    await change.record(
        "update",
        _KIND,
        new.endpoint_id,
        new.name,
        before=represent_endpoint(before),
        after=stored.representation,
    )
    return stored


async def delete_endpoint(change: Change, endpoint_id: EndpointId, *, force: bool) -> None:
    """Delete an endpoint with its mappings and tags; with `force` its bindings too.

    Raises:
        NotFoundError, StaleVersionError: as everywhere.
        InUseError: it has bindings, without `force`.
    """
    row = await change.tx.endpoints.get(endpoint_id)
    before = describe(row)
    change.require_match(before)
    users = await change.tx.endpoints.users(endpoint_id)
    if users.count and not force:
        raise InUseError(
            f"{users.count} binding(s) use it; force=true removes them",
            extra=represent_users(users),
        )
    for binding in await list_all(
        lambda page: change.tx.bindings.list_page(page, endpoint_id=endpoint_id)
    ):
        await record_removal(change, binding)
    await change.tx.bindings.delete_of_endpoint(endpoint_id)
    await change.tx.endpoints.delete(endpoint_id)
    await change.record("delete", _KIND, endpoint_id, row.name, before=before.representation)


async def put_tag(change: Change, endpoint_id: EndpointId, key: str, value: str) -> Stored:
    """Set one tag of an endpoint. Raises NotFoundError, StaleVersionError, InvalidValueError."""
    row = await change.tx.endpoints.get(endpoint_id)
    change.require_match(describe(row))
    if row.tags.get(key) == value:
        return describe(row)
    tags = {**row.tags, key: value}
    if len(tags) > schema.MAX_TAGS:
        raise InvalidValueError(f"an endpoint has at most {schema.MAX_TAGS} tags", field="key")
    await change.tx.endpoints.put_tag(endpoint_id, key, value)
    return await save(change, row, replace(row, tags=tags))


async def delete_tag(change: Change, endpoint_id: EndpointId, key: str) -> None:
    """Remove one tag of an endpoint. Raises NotFoundError, StaleVersionError."""
    row = await change.tx.endpoints.get(endpoint_id)
    change.require_match(describe(row))
    await change.tx.endpoints.delete_tag(endpoint_id, key)
    tags = {name: value for name, value in row.tags.items() if name != key}
    await save(change, row, replace(row, tags=tags))


def get_strategy(row: GatewayEndpoint) -> RoutingStrategy:
    """Return the strategy in force: null means a split of the requests by weight."""
    return row.routing_strategy or RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT
