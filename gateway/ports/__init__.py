"""What the core needs from the outside, as protocols.

Rule: no class here knows a technology. The store's methods raise only
`NotFoundError`, `ConflictError`, `StoreUnavailableError`, `StorageFullError`,
`DatabaseDamagedError`, and `InvalidValueError` for what no row can hold (a cursor
of another list, a number over 64 bits, a text that is not Unicode).
"""

from __future__ import annotations

from gateway.ports.records import (
    AdminRows,
    HistoryRows,
    RotationRows,
    UsageRows,
    VaultRows,
)
from gateway.ports.rows import (
    ApiKeyRows,
    BindingRows,
    EndpointRows,
    ModelDefinitionRows,
    SecretRows,
)
from gateway.ports.store import (
    Store,
    Transaction,
)
from gateway.ports.usage import (
    Ledger,
    UsageSink,
)
from gateway.ports.vault import (
    Clock,
    CredentialTrials,
    KeyDeriver,
    Opener,
    Sealer,
)

__all__ = [
    "AdminRows",
    "ApiKeyRows",
    "BindingRows",
    "Clock",
    "CredentialTrials",
    "EndpointRows",
    "HistoryRows",
    "KeyDeriver",
    "Ledger",
    "ModelDefinitionRows",
    "Opener",
    "RotationRows",
    "Sealer",
    "SecretRows",
    "Store",
    "Transaction",
    "UsageRows",
    "UsageSink",
    "VaultRows",
]
