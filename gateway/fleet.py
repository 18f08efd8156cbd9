"""What a gateway asks of its workers, and the answer of one that has none.

Rule: the composition root knows no process but its own; who serves the data plane
beside it stands behind `Fleet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.routing.snapshot import Snapshot
from gateway.vault.configs import Quarantined


class Fleet(Protocol):
    """The worker processes of a gateway."""

    def offer(self, snapshot: Snapshot) -> None:
        """Begin to bring every worker to `snapshot`; returns at once."""
        ...

    def offer_keys(self) -> None:
        """Begin to bring changed keys to every worker; returns at once."""
        ...

    def held(self) -> tuple[int, int] | None:
        """Return the lowest key term and epoch of all live workers; None where there is none."""
        ...

    async def wait(self, epoch: int) -> Sequence[str]:
        """Wait until every live worker serves `epoch`; name those that do not within 5 s."""
        ...

    async def flush(self) -> None:
        """Take in the usage rows that workers still hold; one that hangs is not waited for."""
        ...

    async def collect(self) -> Sequence[Mapping[str, Any]]:
        """Return the numbers of all workers, ended ones included (`Metrics.dump`)."""
        ...

    def describe(self) -> list[dict[str, Any]]:
        """Return what the operator may know of each live worker."""
        ...

    def quarantined(self) -> Sequence[Quarantined]:
        """List the credentials that do not open in some worker."""
        ...

    def list_faults(self) -> list[str]:
        """Return one sentence for each reason not to send traffic here."""
        ...


class Alone:
    """No workers: the gateway's own process serves the data plane."""

    def offer(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def offer_keys(self) -> None:
        """Do nothing: whoever opens records here asks the keyring itself."""

    def held(self) -> tuple[int, int] | None:
        """Return nothing."""
        return None

    async def wait(self, epoch: int) -> Sequence[str]:  # noqa: ARG002  there is nobody to ask
        """Wait for nobody."""
        return ()

    async def flush(self) -> None:
        """Do nothing."""

    async def collect(self) -> Sequence[Mapping[str, Any]]:
        """Return nothing."""
        return ()

    def describe(self) -> list[dict[str, Any]]:
        """Return nothing."""
        return []

    def quarantined(self) -> Sequence[Quarantined]:
        """Return nothing."""
        return ()

    def list_faults(self) -> list[str]:
        """Return nothing."""
        return []
