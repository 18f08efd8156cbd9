"""What the row classes need from a database connection: the seam between SQL and engine.

Rule: a session belongs to one transaction; it raises only the errors that
`gateway.ports` lists for a store, never a driver's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Params: TypeAlias = Mapping[str, Any]


class Row(Protocol):
    """One row of a result, by column name."""

    def __getitem__(self, column: str, /) -> Any: ...
    def keys(self) -> Collection[str]:
        """Return the names of the columns."""
        ...


class Session(Protocol):
    """Runs statements with `:name` parameters inside one transaction.

    `references` is the input field at fault when a statement breaks a foreign key, because not
    every engine tells.
    """

    async def fetch_all(self, sql: str, params: Params) -> Sequence[Row]:
        """Return all rows."""
        ...

    async def fetch_one(self, sql: str, params: Params) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetch_in(self, sql: str, ids: Sequence[str]) -> Sequence[Row]:
        """Return all rows of a query with `IN (:ids)`: one query however many the ids."""
        ...

    async def execute(self, sql: str, params: Params, *, references: str | None = None) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    async def execute_many(
        self, sql: str, rows: Iterable[Params], *, references: str | None = None
    ) -> None:
        """Run a statement once per row."""
        ...

    async def insert_rows(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run an insert with `?` parameters once per row: for rows by the thousand.

        `rows` may be consumed in another thread.
        """
        ...
