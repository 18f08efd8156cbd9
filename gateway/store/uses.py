"""When credentials and api keys were last used, noted beside the ledger's batches.

Rule: a minute is written once per facet, so that a busy one costs a look-up per batch and no
statement; what is committed alone is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.entities import UsageRow
from gateway.store import usage_sql as sql
from gateway.store.facets import KnownFacets
from gateway.store.session import Session

MINUTE_MS: Final = 60_000  # what `last_used_at` is exact to


class SqlUses:
    """Uses within one transaction."""

    def __init__(self, session: Session, known: KnownFacets) -> None:
        self._session = session
        self._known = known
        self._made: dict[int, int] = {}

    async def note(self, latest: Mapping[int, UsageRow]) -> None:
        """Note the last row of each facet of a batch, by the facet's number."""
        used = self._known.used
        due = {
            facet_id: row
            for facet_id, row in latest.items()
            if used.get(facet_id, -1) < row.started_at // MINUTE_MS
        }
        if not due:
            return
        secrets: dict[str, int] = {}
        keys: dict[str, int] = {}
        for facet_id, row in due.items():
            minute = row.started_at // MINUTE_MS
            self._made[facet_id] = minute
            _raise(secrets, row.model_definition_id, minute)
            _raise(keys, row.api_key_id, minute)
        await self._write(sql.SECRET_USED, secrets)
        await self._write(sql.API_KEY_USED, keys)

    def note_commit(self) -> None:
        """Remember what is committed now."""
        self._known.used.update(self._made)

    async def _write(self, statement: str, minutes: Mapping[str, int]) -> None:
        if minutes:
            rows = [{"id": key, "at": minute * MINUTE_MS} for key, minute in minutes.items()]
            await self._session.execute_many(statement, rows)


def _raise(minutes: dict[str, int], key: str | None, minute: int) -> None:
    if key is not None and minutes.get(key, -1) < minute:
        minutes[key] = minute
