"""A thousand of each: pages cost the same, whatever stands before and on them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import (
    EndpointLimits,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    LinkageType,
    SealedSecret,
)

COUNT = 1_000
STAMPS = {"created_by": "seed", "last_updated_by": "seed"}


def stamps(number: Any) -> Any:
    return {"created_at": number // 7, "last_updated_at": number // 7, **STAMPS}


def build_endpoint(number: Any, definition: Any) -> Any:
    endpoint_id = f"e-{number:032x}"
    mapping = GatewayEndpointModelMapping(
        mapping_id=f"m-{number:032x}",
        endpoint_id=endpoint_id,
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=1.0,
        linkage_type=LinkageType.PRIMARY,
        fallback_order=None,
        created_at=0,
        created_by="seed",
    )
    return GatewayEndpoint(
        endpoint_id=endpoint_id,
        name=f"endpoint-{number}",
        model_mappings=(mapping,),
        tags={"n": str(number)},
        routing_strategy=None,
        fallback_config=None,
        usage_tracking=True,
        limits=EndpointLimits(),
        **stamps(number),
    )


async def seed(store: Any) -> None:
    async with store.write() as tx:
        for number in range(COUNT):
            info = GatewaySecretInfo(
                secret_id=f"s-{number:032x}",
                secret_name=f"secret-{number}",
                masked_values={"api_key": "***"},
                provider="openai",
                auth_config=None,
                **stamps(number),
            )
            sealed = SealedSecret(
                secret_id=info.secret_id,
                secret_name=info.secret_name,
                provider="openai",
                auth_config=None,
                secret_version=1,
                kek_term=1,
                record=b"x" * 200,
            )
            await tx.secrets.insert(info, sealed)
            definition = GatewayModelDefinition(
                model_definition_id=f"d-{number:032x}",
                name=f"model-{number}",
                secret_id=info.secret_id,
                secret_name=info.secret_name,
                provider="openai",
                model_name="m",
                **stamps(number),
            )
            await tx.model_definitions.insert(definition)
            await tx.endpoints.insert(build_endpoint(number, definition))


@pytest.mark.parametrize("limit", [50, 333])
async def test_a_thousand_of_each_page_by_page(control: Any, limit: Any) -> None:
    await seed(control.installation.store)
    for path, key in [("/secrets", "secret_id"), ("/endpoints", "endpoint_id")]:
        found, cursor = [], None
        while True:
            query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page = (await control.get(path, params=query)).json
            found += [row[key] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            assert len(page["items"]) == limit
        assert found == [f"{key[0]}-{number:032x}" for number in range(COUNT)]
