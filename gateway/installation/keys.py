"""Keeps the opened keys of terms as the database has them.

Rule: rows are read and taken over one reader at a time, so that an older list never replaces a
newer one; who reads sealed records reads them after the keys, in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.entities import KekTerm
from gateway.ports import Store, Transaction
from gateway.vault.keyring import Keyring


class KeyLoader:
    """Takes changed terms over into a keyring.

    Attributes:
        on_change: called after each change, before anybody reads records.
    """

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.keyring = keyring
        self.on_change: Callable[[], None] = lambda: None
        self._store = store
        self._reading = asyncio.Lock()
        self._known: tuple[KekTerm, ...] = ()

    async def load(self) -> None:
        """Take over what the database has.

        Raises:
            RootKeyError: the terms do not open any more; the keys stay as they were.
        """
        async with self.read():
            pass  # reading is loading

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a read transaction whose records all have their keys in the keyring."""
        async with self._reading, self._store.read() as tx:
            self._take(await tx.vault.list_terms())
            yield tx

    def _take(self, rows: Sequence[KekTerm]) -> None:
        known = tuple(replace(row, wraps=0) for row in rows)  # counted at each admin write
        if known == self._known:
            return
        self.keyring.load(rows)
        self._known = known
        self.on_change()
