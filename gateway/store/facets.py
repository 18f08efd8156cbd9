"""Facets of the ledger: what many rows share, stored once, and the numbers that stand for it.

Rule: only what is committed is remembered beyond its transaction; facets are
never changed or deleted, so that what is remembered stays true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import orjson

from gateway.errors import InvalidValueError
from gateway.store import usage_sql as sql
from gateway.store.session import Session

Facet: TypeAlias = tuple[str | None, ...]  # the values of `FACET_COLUMNS`

_MOST_KNOWN: Final = (
    20_000  # about 5 MB; a batch that finds none of its facets costs one query more
)


class KnownFacets:
    """The numbers of committed facets, for all transactions of one store.

    Args:
        most: how many are remembered; at one more all are forgotten, and read again as needed.
    """

    def __init__(self, most: int = _MOST_KNOWN) -> None:
        self._most = most
        self.ids: dict[Facet, int] = {}
        self.used: dict[int, int] = {}  # by number the last minute of use that is stored

    def keep(self, committed: Mapping[Facet, int]) -> None:
        """Remember facets that are committed."""
        if len(self.ids) + len(committed) > self._most:
            self.ids = {}  # a new one: whoever reads the old one meanwhile is not disturbed
            self.used = {}
        self.ids.update(committed)


class SqlFacets:
    """Facets within one transaction."""

    def __init__(self, session: Session, known: KnownFacets) -> None:
        self._session = session
        self._known = known
        self._made: dict[Facet, int] = {}  # forgotten with the transaction: it may be rolled back

    async def get_ids(self, facets: Sequence[Facet]) -> Sequence[int]:
        """Return the number of each of `facets`; store those that are new.

        Raises:
            InvalidValueError: a text is not Unicode.
        """
        known = self._known.ids
        try:
            return list(map(known.__getitem__, facets))  # the usual case, at the speed of C
        except KeyError:
            missing = [facet for facet in dict.fromkeys(facets) if facet not in known]
        found = await self._find_or_make(missing)
        return [found[facet] if facet in found else known[facet] for facet in facets]

    async def _find_or_make(self, facets: Sequence[Facet]) -> dict[Facet, int]:
        texts = {_dump(facet): facet for facet in facets}
        found = await self._find(texts)
        # Only one's own transaction shows a row before it is committed.
        committed = {facet: number for facet, number in found.items() if facet not in self._made}
        self._known.keep(committed)
        new = {text: facet for text, facet in texts.items() if facet not in found}
        if new:
            rows = [(text, *facet) for text, facet in new.items()]
            await self._session.insert_rows(sql.FACET_INSERT, rows)
            made = await self._find(new)
            self._made |= made
            found |= made
        return found

    async def _find(self, texts: Mapping[str, Facet]) -> dict[Facet, int]:
        rows = await self._session.fetch_in(sql.FACET_FIND, list(texts))
        return {texts[row["facet"]]: row["facet_id"] for row in rows}


def _dump(facet: Facet) -> str:
    try:
        return orjson.dumps(facet).decode()
    except TypeError as exc:
        raise InvalidValueError("A text is not valid Unicode.") from exc
