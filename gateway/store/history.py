"""Rows of the history: versions of entities, the epochs they belong to, what documents applied.

Rule: a version is written by the raise of the epoch itself, from what triggers have noted;
no writer of configuration can forget it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from gateway.entities import (
    Author,
    ConfigurationEpoch,
    ConfigurationState,
    EntityVersion,
    Page,
    PageRequest,
)
from gateway.errors import NotFoundError
from gateway.store import history_sql
from gateway.store.contents import KINDS, Content, get_name, read_contents, read_state
from gateway.store.rows import build_sliced, build_values, dump_json, parse_json
from gateway.store.session import Row, Session

COMPACTED_EVERY = 100  # epochs; so a run has little to do, and few writes wait for one
KEPT_MS = 90 * 86_400_000  # how far back a state can be read again, ...
KEPT_AT_LEAST = 1_000  # ... unless so few states are newer, ...
KEPT_AT_MOST = 100_000  # ... or so many: about 100 MB of small changes

_NO_EPOCH = 1 << 62  # above every epoch
STARTED_BY = "lockgate"  # the author of the first version of what was there before the history


def _build_epoch(row: Row) -> ConfigurationEpoch:
    return ConfigurationEpoch(
        epoch=row["epoch"], at=row["at"], actor=row["actor"], request_id=row["request_id"]
    )


def _build_version(row: Row) -> EntityVersion:
    return EntityVersion(
        kind=row["kind"],
        row_id=row["row_id"],
        epoch=row["epoch"],
        name=row["name"],
        new=bool(row["new"]),
        gone=bool(row["gone"]),
        total=row["total"],
    )


async def start_history(session: Session, epoch: int, now_ms: int) -> None:
    """Write the first version of everything, where there is no history yet."""
    oldest = await session.fetch_one(history_sql.EPOCH_OLDEST, {})
    if oldest is not None and oldest["epoch"] is not None:
        return
    state = await read_state(session)
    rows = [
        (kind, row_id, epoch, get_name(kind, content), dump_json(content))
        for kind in KINDS
        for row_id, content in state[kind].items()
    ]
    await session.insert_rows(history_sql.VERSION_INSERT, rows)
    author = Author(at=now_ms, actor=STARTED_BY, request_id="")
    await _insert_epoch(session, epoch, author)


async def write_versions(session: Session, epoch: int, author: Author) -> None:
    """Write a version of each entity that this transaction has made another, and the epoch.

    Where there is none the state is that of the epoch before, and nothing is written.
    """
    touched: dict[str, set[str]] = defaultdict(set)
    for row in await session.fetch_all(history_sql.TOUCHED, {"epoch": epoch}):
        touched["endpoint" if row["kind"] == "tags" else row["kind"]].add(row["row_id"])
    written = 0
    for kind, ids in touched.items():
        listed = sorted(ids)
        contents = await read_contents(session, kind, listed)
        written += await _write_kind(session, kind, listed, contents, epoch)
    if not written:
        return
    before = await _find_epoch(session, history_sql.EPOCH_NEWEST, {})
    await _insert_epoch(session, epoch, author)
    # Not each epoch is a state, so it is the step over a hundred that counts.
    if epoch // COMPACTED_EVERY != (before or 0) // COMPACTED_EVERY:
        await _compact(session, author.at)


async def _write_kind(
    session: Session, kind: str, ids: Sequence[str], contents: Mapping[str, Content], epoch: int
) -> int:
    known_rows = await session.fetch_in(history_sql.VERSIONS_LAST_OF, ids)
    last = {row["row_id"]: row for row in known_rows}
    rows = []
    for row_id in ids:
        known, content = last.get(row_id), contents.get(row_id)
        before = None if known is None else parse_json(known["content"])
        if content == before:  # sealed anew, or there and gone again: no other entity
            continue
        name = known["name"] if content is None and known else get_name(kind, content or {})
        rows.append((kind, row_id, epoch, name, dump_json(content)))
    await session.insert_rows(history_sql.VERSION_INSERT, rows)
    return len(rows)


async def _insert_epoch(session: Session, epoch: int, author: Author) -> None:
    params = {
        "epoch": epoch,
        "at": author.at,
        "actor": author.actor,
        "request_id": author.request_id,
    }
    await session.execute(history_sql.EPOCH_INSERT, params)


async def _find_epoch(session: Session, query: str, params: Mapping[str, int]) -> int | None:
    row = await session.fetch_one(query, params)
    return None if row is None else row["epoch"]


async def _compact(session: Session, now_ms: int) -> None:
    """Forget states that are too old, or too many; the oldest that stays can be read as before."""
    since = {"since": now_ms - KEPT_MS}
    few = await _find_epoch(session, history_sql.EPOCH_BEHIND, {"newer": KEPT_AT_LEAST})
    if few is None:
        return
    young = await _find_epoch(session, history_sql.EPOCH_FIRST_SINCE, since)
    many = await _find_epoch(session, history_sql.EPOCH_BEHIND, {"newer": KEPT_AT_MOST})
    oldest = few if young is None else min(few, young)
    key = {"epoch": max(oldest, many or 0)}
    await session.execute(history_sql.EPOCH_DELETE_BEFORE, key)
    await session.execute(history_sql.VERSION_DELETE_BEFORE, key)
    await session.execute(history_sql.VERSION_DELETE_GONE, key)


class SqlHistoryRows:
    """`gateway.ports.HistoryRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def read_current(self) -> ConfigurationState:
        """Read the state that the transaction sees, from the rows themselves."""
        return await read_state(self._session)

    async def read_at(self, epoch: int) -> ConfigurationState:
        """Read the state of an epoch. Raises NotFoundError for one that is not kept."""
        await self.get(epoch)
        state: dict[str, dict[str, Content]] = {kind: {} for kind in KINDS}

        def take(row: Row) -> None:
            state[row["kind"]][row["row_id"]] = parse_json(row["content"])

        rows = await self._session.fetch_all(history_sql.VERSIONS_AT, {"epoch": epoch})
        await build_sliced(take, rows)
        return state

    async def get(self, epoch: int) -> ConfigurationEpoch:
        """Get the state of an epoch, made by it or before. Raises NotFoundError."""
        row = await self._session.fetch_one(history_sql.EPOCH_FIND, {"epoch": epoch})
        if row is None:
            raise NotFoundError("There is no such epoch in the history.", field="epoch")
        return _build_epoch(row)

    async def list_page(self, page: PageRequest) -> Page[ConfigurationEpoch]:
        """List newest first; the cursor is the epoch that the page before ended with."""
        before = _NO_EPOCH if page.after is None else page.after[0]
        params = {"before": before, "row_limit": page.limit + 1}
        rows = await self._session.fetch_all(history_sql.EPOCH_LIST, params)
        items = build_values(_build_epoch, rows[: page.limit])
        more = len(rows) > page.limit
        return Page(items=items, next_after=(items[-1].epoch, "") if more else None)

    async def list_versions(self, first: int, last: int, each: int) -> tuple[EntityVersion, ...]:
        """List what became another with the epochs from `first` to `last`, so many of each."""
        params = {"first": first, "last": last, "each": each}
        rows = await self._session.fetch_all(history_sql.VERSIONS_OF_EPOCHS, params)
        return tuple(map(_build_version, rows))

    async def note_digest(self, epoch: int, digest: str) -> bool:
        """Note the digest of an epoch's document; tell whether that was news."""
        params = {"epoch": epoch, "digest": digest}
        return bool(await self._session.execute(history_sql.EPOCH_SET_DIGEST, params))

    async def find_digest(self, digest: str) -> int | None:
        """Find the newest epoch whose document has been read with this digest."""
        row = await self._session.fetch_one(history_sql.EPOCH_OF_DIGEST, {"digest": digest})
        return None if row is None else row["epoch"]

    async def list_authors(
        self, names: Collection[str]
    ) -> Mapping[tuple[str, str], ConfigurationEpoch]:
        """List, by kind and name, the epoch that last changed the entities of these names."""
        rows = await self._session.fetch_in(history_sql.AUTHORS_OF_NAMES, sorted(names))
        return {(row["kind"], row["name"]): _build_epoch(row) for row in rows}

    async def list_macs(self, secret_ids: Collection[str]) -> Mapping[str, bytes]:
        """List the keyed digests of stored values, by secret; older values have none."""
        rows = await self._session.fetch_in(history_sql.SECRET_MACS, sorted(secret_ids))
        return {
            row["secret_id"]: bytes(row["value_mac"])
            for row in rows
            if row["value_mac"] is not None
        }

    async def list_applied(self) -> Mapping[tuple[str, str], str]:
        """List the digest of each entity as a document last made it, by kind and name."""
        rows = await self._session.fetch_all(history_sql.APPLIED_ALL, {})
        return {(row["kind"], row["name"]): row["digest"] for row in rows}

    async def put_applied(self, digests: Mapping[tuple[str, str], str]) -> None:
        """Note what a document made of entities."""
        rows = [
            {"kind": kind, "name": name, "digest": digest}
            for (kind, name), digest in digests.items()
        ]
        await self._session.execute_many(history_sql.APPLIED_PUT, rows)

    async def delete_applied(self, keys: Collection[tuple[str, str]]) -> None:
        """Forget what documents made of entities that a document has removed."""
        rows = [{"kind": kind, "name": name} for kind, name in keys]
        await self._session.execute_many(history_sql.APPLIED_DELETE, rows)
