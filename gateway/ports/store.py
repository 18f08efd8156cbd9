"""A database, and a transaction of it.

Rule: what is read in one transaction is of one state.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from gateway.entities import (
    Author,
    Configuration,
    ConfigurationChanges,
)
from gateway.ports.records import AdminRows, HistoryRows, RotationRows, UsageRows, VaultRows
from gateway.ports.rows import (
    ApiKeyRows,
    BindingRows,
    EndpointRows,
    ModelDefinitionRows,
    SecretRows,
)


class Transaction(Protocol):
    """One transaction; reads see one state of the database."""

    secrets: SecretRows
    model_definitions: ModelDefinitionRows
    endpoints: EndpointRows
    bindings: BindingRows
    api_keys: ApiKeyRows
    vault: VaultRows
    rotation: RotationRows
    admin: AdminRows
    usage: UsageRows
    history: HistoryRows

    async def get_epoch(self) -> int: ...
    async def bump_epoch(self, author: Author = ...) -> int:
        """Raise the epoch by one and return it. Part of every change of configuration.

        What the transaction has changed becomes a state of the history, by `author`.
        """
        ...

    async def read_configuration(self) -> Configuration:
        """Read all that a snapshot needs, in a constant number of queries.

        However large it is, the event loop gets its turn every few milliseconds.
        """
        ...

    async def read_changes(self, since: int) -> ConfigurationChanges | None:
        """Read what changed after epoch `since`, in a constant number of queries.

        Whoever wrote, by whatever method or process: what was committed or is about to be is in
        it. None: that is too long ago, too much, or not an epoch of this database; read it all.
        """
        ...


class Store(Protocol):
    """A database with the configuration, the vault's rows, the history and the ledger."""

    @property
    def fault(self) -> str | None:
        """What was found wrong with it that does not mend itself."""
        ...

    def chain_audit(self, key: bytes) -> None:
        """Take the key of the audit log's chain; without it no audit row can be written."""
        ...

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a read transaction."""
        ...

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Open the write transaction: commits on leaving, rolls back on any exception.

        Writers wait for their turn, at most 5 s or what `limit_wait` has set, and a statement
        that hangs is not waited for: then StoreUnavailableError.
        """
        ...

    def limit_wait(self, wait_s: float) -> None:
        """Let writers wait so long at most for other processes, in seconds."""
        ...

    async def changed(self) -> bool:
        """Tell, cheaply, whether another process has committed since the last call."""
        ...

    async def ping(self) -> None:
        """Raise StoreUnavailableError unless the database answers."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
