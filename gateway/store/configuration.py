"""Reads what a snapshot is made of: the whole configuration, or what changed since an epoch.

Rule: the whole is read in seven queries, a change in nine at most, whatever the
size; values are built in slices between which the event loop has its turn.
"""

from __future__ import annotations

from collections import defaultdict

from gateway.entities import (
    ApiKeyId,
    Configuration,
    ConfigurationChanges,
    EndpointId,
    GatewayEndpoint,
    SealedSecret,
    SecretId,
    StoredApiKey,
)
from gateway.store import sql
from gateway.store.api_keys import build_stored_api_key
from gateway.store.endpoints import build_endpoints
from gateway.store.rows import build_sliced
from gateway.store.secrets import build_sealed_secret
from gateway.store.session import Session

KEPT_EPOCHS = 1_000  # of the log of changes: minutes of the busiest admin, a few hundred kilobytes
TRIMMED_EVERY = 100  # epochs; a trim at each would be a statement more for every admin write
LARGEST_CHANGE = 1_000  # rows; above, reading all is not much dearer and surely right


async def read_configuration(session: Session, epoch: int) -> Configuration:
    """Read all."""
    fetch = session.fetch_all
    rows = await fetch(sql.ENDPOINT_ALL, {})
    endpoints = await build_endpoints(
        rows,
        await fetch(sql.MAPPING_ALL, {}),
        await fetch(sql.MODEL_ALL, {}),
        await fetch(sql.TAG_ALL, {}),
    )
    secrets = await fetch(sql.SECRET_ALL_SEALED, {})
    return Configuration(
        epoch=epoch,
        endpoints=endpoints,
        secrets=await build_sliced(build_sealed_secret, secrets),
        api_keys=await build_sliced(build_stored_api_key, await fetch(sql.API_KEY_ALL, {})),
    )


async def read_changes(session: Session, since: int, epoch: int) -> ConfigurationChanges | None:
    """Read what changed after `since`; None where all has to be read."""
    if not epoch - KEPT_EPOCHS <= since <= epoch:
        return None
    touched = await _list_touched(session, since)
    if touched is None:
        return None
    endpoints = await _read_endpoints(session, touched["endpoint"])
    secrets = await _read_secrets(session, touched["secret"])
    api_keys = await _read_api_keys(session, touched["api_key"])
    found_endpoints = {row.endpoint_id for row in endpoints}
    found_secrets = {row.secret_id for row in secrets}
    found_keys = {row.key.key_id for row in api_keys}
    return ConfigurationChanges(
        since=since,
        epoch=epoch,
        endpoints=endpoints,
        secrets=secrets,
        api_keys=api_keys,
        gone_endpoints=frozenset(map(EndpointId, touched["endpoint"])) - found_endpoints,
        gone_secrets=frozenset(map(SecretId, touched["secret"])) - found_secrets,
        gone_api_keys=frozenset(map(ApiKeyId, touched["api_key"])) - found_keys,
    )


async def trim_changes(session: Session, epoch: int) -> None:
    """Forget changes that nobody asks for any more."""
    if epoch % TRIMMED_EVERY == 0:
        await session.execute(sql.CHANGE_DELETE_UNTIL, {"epoch": epoch - KEPT_EPOCHS})


async def _list_touched(session: Session, since: int) -> dict[str, set[str]] | None:
    """List ids by kind, with the endpoints of touched model definitions; None: too many."""
    params = {"since": since, "row_limit": LARGEST_CHANGE + 1}
    rows = await session.fetch_all(sql.CHANGE_LIST, params)
    touched: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        touched[row["kind"]].add(row["row_id"])
    if touched["model_definition"]:
        ids = sorted(touched["model_definition"])
        users = await session.fetch_in(sql.ENDPOINT_IDS_OF_MODELS, ids)
        touched["endpoint"].update(row["endpoint_id"] for row in users)
    return touched if sum(map(len, touched.values())) <= LARGEST_CHANGE else None


async def _read_endpoints(session: Session, ids: set[str]) -> tuple[GatewayEndpoint, ...]:
    if not ids:
        return ()
    listed = sorted(ids)
    return await build_endpoints(
        await session.fetch_in(sql.ENDPOINT_OF_IDS, listed),
        await session.fetch_in(sql.MAPPING_OF_ENDPOINTS, listed),
        await session.fetch_in(sql.MODEL_OF_ENDPOINTS, listed),
        await session.fetch_in(sql.TAG_OF_ENDPOINTS, listed),
    )


async def _read_secrets(session: Session, ids: set[str]) -> tuple[SealedSecret, ...]:
    if not ids:
        return ()
    rows = await session.fetch_in(sql.SECRET_SEALED_OF_IDS, sorted(ids))
    return await build_sliced(build_sealed_secret, rows)


async def _read_api_keys(session: Session, ids: set[str]) -> tuple[StoredApiKey, ...]:
    if not ids:
        return ()
    rows = await session.fetch_in(sql.API_KEY_OF_IDS, sorted(ids))
    return await build_sliced(build_stored_api_key, rows)
