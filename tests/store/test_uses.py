"""Uses are written once a minute, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.store import usage_sql as sql
from gateway.store.facets import KnownFacets
from gateway.store.uses import MINUTE_MS, SqlUses
from tests.store import samples
from tests.store.samples import START


class NotingSession:
    """Notes what would be written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[dict[str, Any]]]] = []

    async def execute_many(self, text: str, rows: Iterable[Any]) -> None:
        self.written.append((text, list(rows)))


async def note(session: NotingSession, known: KnownFacets, *, at: int, commit: bool = True) -> None:
    uses = SqlUses(session, known)  # type: ignore[arg-type]
    rows = {1: samples.usage(1, started_at=at), 2: samples.usage(2, started_at=at - MINUTE_MS)}
    await uses.note(rows)
    if commit:
        uses.note_commit()


async def test_a_minute_is_written_once_and_only_if_it_is_committed() -> None:
    session, known = NotingSession(), KnownFacets()
    await note(session, known, at=START, commit=False)
    await note(session, known, at=START)
    assert len(session.written) == 4
    for _ in range(3):
        await note(session, known, at=START)
        await note(session, known, at=START - MINUTE_MS)
    assert len(session.written) == 4
    await note(session, known, at=START + MINUTE_MS)
    assert len(session.written) == 6


async def test_the_latest_of_several_facets_counts() -> None:
    session = NotingSession()
    await note(session, KnownFacets(), at=START)
    minute = START - START % MINUTE_MS
    (first, rows), (second, keys) = session.written
    assert (first, second) == (sql.SECRET_USED, sql.API_KEY_USED)
    assert [row["at"] for row in rows] == [row["at"] for row in keys] == [minute]
