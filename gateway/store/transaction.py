"""One transaction over a session: all row classes, the epoch and the configuration.

Rule: what is read in one transaction is of one state, and all of it of one epoch.
"""

from __future__ import annotations

from gateway.entities import Author, Configuration, ConfigurationChanges
from gateway.errors import DatabaseDamagedError
from gateway.ports import (
    AdminRows,
    ApiKeyRows,
    BindingRows,
    EndpointRows,
    HistoryRows,
    ModelDefinitionRows,
    RotationRows,
    SecretRows,
    UsageRows,
    VaultRows,
)
from gateway.store import sql
from gateway.store.admin import SqlAdminRows
from gateway.store.api_keys import SqlApiKeyRows
from gateway.store.audit import AuditTail
from gateway.store.bindings import SqlBindingRows
from gateway.store.configuration import read_changes, read_configuration, trim_changes
from gateway.store.endpoints import SqlEndpointRows
from gateway.store.facets import KnownFacets
from gateway.store.history import SqlHistoryRows, write_versions
from gateway.store.model_definitions import SqlModelDefinitionRows
from gateway.store.rotation_rows import SqlRotationRows
from gateway.store.secrets import SqlSecretRows
from gateway.store.session import Session
from gateway.store.usage import SqlUsageRows
from gateway.store.vault_rows import SqlVaultRows

_NOBODY = Author(at=0, actor="", request_id="")


class SqlTransaction:
    """`gateway.ports.Transaction` over a session."""

    def __init__(
        self, session: Session, facets: KnownFacets, tail: AuditTail | None = None
    ) -> None:
        self._session = session
        self.secrets: SecretRows = SqlSecretRows(session)
        self.model_definitions: ModelDefinitionRows = SqlModelDefinitionRows(session)
        self.endpoints: EndpointRows = SqlEndpointRows(session)
        self.bindings: BindingRows = SqlBindingRows(session)
        self.api_keys: ApiKeyRows = SqlApiKeyRows(session)
        self.vault: VaultRows = SqlVaultRows(session)
        self.rotation: RotationRows = SqlRotationRows(session)
        self.admin: AdminRows = SqlAdminRows(session, tail)
        usage = SqlUsageRows(session, facets)
        self.usage: UsageRows = usage
        self.note_commit = usage.note_commit
        self.history: HistoryRows = SqlHistoryRows(session)

    async def get_epoch(self) -> int:
        """Return the number of the configuration. Raises DatabaseDamagedError."""
        row = await self._session.fetch_one(sql.EPOCH_GET, {})
        if row is None:
            raise DatabaseDamagedError("The database has lost its epoch row; restore a backup.")
        return int(row["value"])

    async def bump_epoch(self, author: Author = _NOBODY) -> int:
        """Raise the epoch by one, write its versions into the history, and return it."""
        await self._session.execute(sql.EPOCH_BUMP, {})
        epoch = await self.get_epoch()
        await write_versions(self._session, epoch, author)
        await trim_changes(self._session, epoch)
        return epoch

    async def read_configuration(self) -> Configuration:
        """Read all that a snapshot needs."""
        return await read_configuration(self._session, await self.get_epoch())

    async def read_changes(self, since: int) -> ConfigurationChanges | None:
        """Read what changed after epoch `since`; None where all has to be read."""
        return await read_changes(self._session, since, await self.get_epoch())
