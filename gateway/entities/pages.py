"""Pages of lists.

Rule: a page knows where the next one begins, not how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list: rows after the one with this (created_at, id)."""

    limit: int
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[RowT]):
    """A page of rows; `next_after` is null on the last one."""

    items: tuple[RowT, ...]
    next_after: tuple[int, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Who uses a row: the first 20 as (kind, id, name), and how many in all."""

    items: tuple[tuple[str, str, str], ...]
    count: int
