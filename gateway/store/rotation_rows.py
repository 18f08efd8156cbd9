"""Rows of rotations: the runner's lease and progress, heartbeats, records by term.

Rule: whoever has lost the lease writes nothing, and a record is replaced only where its row is
still the one that was read.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.entities import (
    Rotation,
    RotationPhase,
    SecretId,
    ServingProcess,
    VersionedSecret,
)
from gateway.errors import DatabaseDamagedError, RotationError
from gateway.store import rotation_sql as sql
from gateway.store.rows import build_values
from gateway.store.secrets import build_sealed_secret
from gateway.store.session import Row, Session


def _build_rotation(row: Row) -> Rotation:
    values: dict[str, Any] = {name: row[name] for name in row.keys()}  # noqa: SIM118  a row is no mapping
    values |= {"phase": RotationPhase(row["phase"]), "reencrypt": bool(row["reencrypt"])}
    return Rotation(**values)


def _build_process(row: Row) -> ServingProcess:
    return ServingProcess(**{name: row[name] for name in row.keys()})  # noqa: SIM118  as above


def _build_versioned(row: Row) -> VersionedSecret:
    return VersionedSecret(sealed=build_sealed_secret(row), version=row["version"])


class SqlRotationRows:
    """`gateway.ports.RotationRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- the runner's lease and progress ------------------------------------------------------

    async def get(self) -> Rotation:
        """Return the newest rotation. Raises DatabaseDamagedError without its row."""
        row = await self._session.fetch_one(sql.ROTATION_GET, {})
        if row is None:
            raise DatabaseDamagedError("The database has lost its rotation row; restore a backup.")
        return build_values(_build_rotation, (row,))[0]

    async def take_lease(self, holder: str, *, now: int, until: int) -> int | None:
        """Take the lease if nobody has it at `now`; return its fencing token, else None."""
        params = {"holder": holder, "now": now, "lease_until": until}
        if not await self._session.execute(sql.LEASE_TAKE, params):
            return None
        return (await self.get()).token

    async def renew_lease(self, token: int, *, until: int) -> None:
        """Keep the lease. Raises RotationError where another runner has taken it."""
        params = {"token": token, "lease_until": until}
        if not await self._session.execute(sql.LEASE_RENEW, params):
            raise RotationError("another process has taken the rotation over: it goes on there")

    async def end_lease(self, token: int) -> None:
        """Give the lease back; nothing happens where it is another's by now."""
        await self._session.execute(sql.LEASE_END, {"token": token})

    async def update(self, row: Rotation) -> None:
        """Store how far it is, as long as `row.token` is the lease's. Raises RotationError."""
        params = asdict(row) | {"phase": row.phase.value, "reencrypt": int(row.reencrypt)}
        for name in ("holder", "lease_until"):
            del params[name]
        if not await self._session.execute(sql.ROTATION_UPDATE, params):
            raise RotationError("another process has taken the rotation over: it goes on there")

    # --- processes ------------------------------------------------------------------------------

    async def put_process(self, row: ServingProcess) -> None:
        """Store a heartbeat, and forget the processes whose lease had ended by then."""
        await self._session.execute(sql.PROCESS_DELETE_GONE, {"now": row.seen_at})
        await self._session.execute(sql.PROCESS_PUT, asdict(row))

    async def delete_process(self, process_id: str) -> None:
        """Forget a process that has stopped."""
        await self._session.execute(sql.PROCESS_DELETE, {"process_id": process_id})

    async def list_processes(self, *, now: int) -> tuple[ServingProcess, ...]:
        """List the processes whose lease holds at `now`, oldest first."""
        return build_values(
            _build_process, await self._session.fetch_all(sql.PROCESS_LIVE, {"now": now})
        )

    # --- records --------------------------------------------------------------------------------

    async def list_records(
        self, term: int, *, after: SecretId | None, limit: int
    ) -> tuple[VersionedSecret, ...]:
        """List up to `limit` records under `term` by id, from the one after `after` on."""
        params = {"term": term, "after": after or "", "row_limit": limit}
        rows = await self._session.fetch_all(sql.SECRETS_OF_TERM, params)
        return build_values(_build_versioned, rows)

    async def move_record(self, old: VersionedSecret, *, term: int, record: bytes) -> bool:
        """Put `record` in the place of the old one; False where the row has changed meanwhile.

        Neither the row's version nor its user and time change: nothing that is shown does.
        """
        params = {
            "secret_id": old.sealed.secret_id,
            "version": old.version,
            "secret_version": old.sealed.secret_version,
            "old_term": old.sealed.kek_term,
            "kek_term": term,
            "record": record,
        }
        return await self._session.execute(sql.SECRET_MOVE, params) == 1

    async def destroy_term(self, term: int) -> None:
        """Retire a term and forget its key for ever."""
        await self._session.execute(sql.TERM_DESTROY, {"term": term, "wrapped_key": b""})
