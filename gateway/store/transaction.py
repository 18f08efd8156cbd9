"""One transaction over a session: all row classes, the epoch and the configuration.

Rule: the configuration is read in seven queries, however large it is, and a
large one is built aside, so that requests in flight do not wait for it.
"""

from __future__ import annotations

import asyncio

from gateway.entities import Configuration
from gateway.errors import DatabaseDamagedError
from gateway.ports import (
    AdminRows,
    ApiKeyRows,
    BindingRows,
    EndpointRows,
    ModelDefinitionRows,
    SecretRows,
    UsageRows,
    VaultRows,
)
from gateway.store import sql
from gateway.store.admin import SqlAdminRows
from gateway.store.api_keys import SqlApiKeyRows, build_stored_api_key
from gateway.store.bindings import SqlBindingRows
from gateway.store.endpoints import SqlEndpointRows, build_endpoints
from gateway.store.model_definitions import SqlModelDefinitionRows
from gateway.store.rows import build_values
from gateway.store.secrets import SqlSecretRows, build_sealed_secret
from gateway.store.session import Session
from gateway.store.usage import SqlUsageRows
from gateway.store.vault_rows import SqlVaultRows

_BUILT_ASIDE_FROM = 500  # endpoints, about 10 ms; below, a thread would not pay


class SqlTransaction:
    """`gateway.ports.Transaction` over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.secrets: SecretRows = SqlSecretRows(session)
        self.model_definitions: ModelDefinitionRows = SqlModelDefinitionRows(session)
        self.endpoints: EndpointRows = SqlEndpointRows(session)
        self.bindings: BindingRows = SqlBindingRows(session)
        self.api_keys: ApiKeyRows = SqlApiKeyRows(session)
        self.vault: VaultRows = SqlVaultRows(session)
        self.admin: AdminRows = SqlAdminRows(session)
        self.usage: UsageRows = SqlUsageRows(session)

    async def get_epoch(self) -> int:
        """Return the number of the configuration. Raises DatabaseDamagedError."""
        row = await self._session.fetch_one(sql.EPOCH_GET, {})
        if row is None:
            raise DatabaseDamagedError("The database has lost its epoch row; restore a backup.")
        return int(row["value"])

    async def bump_epoch(self) -> int:
        """Raise the epoch by one and return it."""
        await self._session.execute(sql.EPOCH_BUMP, {})
        return await self.get_epoch()

    async def read_configuration(self) -> Configuration:
        """Read all that a snapshot needs."""
        fetch = self._session.fetch_all
        epoch = await self.get_epoch()
        rows = await fetch(sql.ENDPOINT_ALL, {})
        parts = (
            await fetch(sql.MAPPING_ALL, {}),
            await fetch(sql.MODEL_ALL, {}),
            await fetch(sql.TAG_ALL, {}),
        )
        if len(rows) < _BUILT_ASIDE_FROM:
            endpoints = build_endpoints(rows, *parts)
        else:
            endpoints = await asyncio.to_thread(build_endpoints, rows, *parts)
        return Configuration(
            epoch=epoch,
            endpoints=endpoints,
            secrets=build_values(build_sealed_secret, await fetch(sql.SECRET_ALL_SEALED, {})),
            api_keys=build_values(build_stored_api_key, await fetch(sql.API_KEY_ALL, {})),
        )
