"""Our own side.

Rule: 5xx, and 499 for a client that is gone.
"""

from __future__ import annotations

from gateway.errors.base import LockgateError


class GatewayError(LockgateError):
    """Lockgate itself cannot serve this now."""

    code = "gateway_error"
    status = 503


class DeadlineExceededError(GatewayError):
    """The request's own deadline passed."""

    code = "deadline_exceeded"
    status = 504


class OverloadedError(GatewayError):
    """A limit on work in flight is reached."""

    code = "overloaded"


class ShuttingDownError(GatewayError):
    """The gateway stops, and the request was not finished within the drain time."""

    code = "shutting_down"


class NoTargetError(GatewayError):
    """Every target of the endpoint is out of service."""

    code = "no_target"


class ClientGoneError(GatewayError):
    """The client went away; the status is for the ledger only."""

    code = "client_gone"
    status = 499


class HedgeLostError(GatewayError):
    """Two targets were asked, and the other was sooner; for the ledger only."""

    code = "hedge_lost"


class StoreUnavailableError(GatewayError):
    """The database does not answer; traffic flows, writes wait."""

    code = "store_unavailable"


class IdentityProviderError(GatewayError):
    """The identity provider cannot be reached, or answers what cannot be."""

    code = "identity_provider_failed"
    status = 503


class StorageFullError(GatewayError):
    """The disk is full: the write was refused, nothing is half done."""

    code = "storage_full"
    status = 507


class VaultIntegrityError(GatewayError):
    """A sealed record does not open: changed, moved, or pointed at another origin.

    Whoever asks from outside learns this much and no more; `reason` says to the operator what
    exactly is wrong (`crypto verify`, the log).
    """

    code = "vault_integrity"
    next_target = True

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__("A stored credential cannot be opened.", field=field)
        self.reason = reason


class InternalError(GatewayError):
    """A fault of ours; the log has the stack under the same request id."""

    code = "internal"
    status = 500
