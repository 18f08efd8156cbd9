"""A transaction as a caller sees it who is confined to some endpoints.

What is outside does not exist for reading, and may not be made: not an endpoint, its mappings,
tags, bindings and history, nor an api key that reaches further than its maker. Secrets and model
definitions are everybody's: they can be read, not changed.

Rule: what is not allowed by name is refused; a method that is added to the store is closed here
until somebody opens it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from gateway.control.scopes import is_confined, is_glob_within, is_within
from gateway.entities import (
    ApiKeyId,
    AuditRow,
    Author,
    EndpointId,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    Page,
    PageRequest,
    StoredApiKey,
)
from gateway.errors import ForbiddenError, NotFoundError
from gateway.ports import (
    AdminRows,
    ApiKeyRows,
    BindingRows,
    EndpointRows,
    HistoryRows,
    ModelDefinitionRows,
    RotationRows,
    SecretRows,
    Transaction,
    UsageRows,
    VaultRows,
)

RowT = TypeVar("RowT")
_FETCHES: Final = 50  # of one page; a page may come short, its cursor goes on
_READS: Final = frozenset({"get", "list_page"})
_OF_WRITES: Final = frozenset(
    {
        "find_answer",
        "insert_answer",
        "delete_answers_before",
        "end_session",  # their own
        "delete_ended_sessions_before",
    }
)


def confine(tx: Transaction, scopes: Sequence[str]) -> Transaction:
    """Return the transaction itself, or where scopes leave endpoints out, what is within them."""
    return _ConfinedTransaction(tx, scopes) if is_confined(scopes) else tx


class _Only:
    """Rows of which a caller may use some methods, by name."""

    def __init__(self, rows: object, allowed: frozenset[str]) -> None:
        self._rows = rows
        self._allowed = allowed

    def __getattr__(self, name: str) -> Any:
        if name not in self._allowed:
            raise ForbiddenError("this reaches beyond your scopes: it needs a token without scopes")
        return getattr(self._rows, name)


class _ConfinedTransaction(_Only):
    """`gateway.ports.Transaction` within scopes."""

    def __init__(self, tx: Transaction, scopes: Sequence[str]) -> None:
        super().__init__(tx, frozenset({"get_epoch"}))
        self.secrets = cast("SecretRows", _Only(tx.secrets, _READS))
        self.model_definitions = cast("ModelDefinitionRows", _Only(tx.model_definitions, _READS))
        self.vault = cast("VaultRows", _Only(tx.vault, frozenset()))
        self.rotation = cast("RotationRows", _Only(tx.rotation, frozenset()))
        self.history = cast("HistoryRows", _Only(tx.history, frozenset()))
        self.endpoints = cast("EndpointRows", _Endpoints(tx.endpoints, scopes))
        self.bindings = cast("BindingRows", _Bindings(tx.bindings, scopes))
        self.api_keys = cast("ApiKeyRows", _ApiKeys(tx.api_keys, scopes))
        self.admin = cast("AdminRows", _History(tx.admin, scopes))
        self.usage = cast("UsageRows", _Ledger(tx.usage, scopes))

    async def get_epoch(self) -> int:
        return int(await self._rows.get_epoch())  # type: ignore[attr-defined]

    async def bump_epoch(self, author: Author | None = None) -> int:
        return int(await self.__getattr__("bump_epoch")(author))

    async def read_configuration(self) -> Any:
        return await self.__getattr__("read_configuration")()

    async def read_changes(self, since: int) -> Any:
        return await self.__getattr__("read_changes")(since)


def _refuse(what: str, field: str, scopes: Sequence[str]) -> ForbiddenError:
    return ForbiddenError(f"{what} is outside of your scopes: {', '.join(scopes)}", field=field)


async def _list_within(
    page: PageRequest,
    fetch: Callable[[PageRequest], Awaitable[Page[RowT]]],
    keep: Callable[[RowT], bool],
) -> Page[RowT]:
    """Fetch until a page is full of what is kept, or for long enough."""
    kept: list[RowT] = []
    after = page.after
    for _ in range(_FETCHES):
        found = await fetch(PageRequest(limit=page.limit - len(kept), after=after))
        kept += filter(keep, found.items)
        after = found.next_after
        if after is None or len(kept) >= page.limit:
            break
    return Page(items=tuple(kept), next_after=after)


class _Endpoints(_Only):
    """Endpoints by name; a mapping is reached through its endpoint, which is checked first."""

    def __init__(self, rows: EndpointRows, scopes: Sequence[str]) -> None:
        super().__init__(rows, frozenset({"delete_mapping"}))
        self._endpoints = rows
        self._scopes = scopes

    async def get(self, endpoint_id: EndpointId) -> GatewayEndpoint:
        row = await self._endpoints.get(endpoint_id)
        if not is_within(row.name, self._scopes):
            raise NotFoundError("There is no such endpoint.", field="endpoint_id")
        return row

    async def list_page(self, page: PageRequest, **filters: Any) -> Page[GatewayEndpoint]:
        return await _list_within(
            page,
            lambda wanted: self._endpoints.list_page(wanted, **filters),
            lambda row: is_within(row.name, self._scopes),
        )

    async def insert(self, row: GatewayEndpoint) -> None:
        self._check_name(row.name)
        await self._endpoints.insert(row)

    async def update(self, row: GatewayEndpoint) -> None:
        await self.get(row.endpoint_id)
        self._check_name(row.name)
        await self._endpoints.update(row)

    async def replace_mappings(self, endpoint_id: EndpointId, rows: Sequence[Any]) -> None:
        await self.get(endpoint_id)
        await self._endpoints.replace_mappings(endpoint_id, rows)

    async def put_tag(self, endpoint_id: EndpointId, key: str, value: str) -> None:
        await self.get(endpoint_id)
        await self._endpoints.put_tag(endpoint_id, key, value)

    async def delete_tag(self, endpoint_id: EndpointId, key: str) -> None:
        await self.get(endpoint_id)
        await self._endpoints.delete_tag(endpoint_id, key)

    async def replace_tags(self, endpoint_id: EndpointId, tags: Mapping[str, str]) -> None:
        await self.get(endpoint_id)
        await self._endpoints.replace_tags(endpoint_id, tags)

    async def delete(self, endpoint_id: EndpointId) -> None:
        await self.get(endpoint_id)
        await self._endpoints.delete(endpoint_id)

    async def users(self, endpoint_id: EndpointId) -> Any:
        await self.get(endpoint_id)
        return await self._endpoints.users(endpoint_id)

    def _check_name(self, name: str) -> None:
        if not is_within(name, self._scopes):
            raise _refuse(f"the name {name}", "name", self._scopes)


class _Bindings(_Only):
    """Bindings of the endpoints within."""

    def __init__(self, rows: BindingRows, scopes: Sequence[str]) -> None:
        super().__init__(rows, frozenset())
        self._bindings = rows
        self._scopes = scopes

    def _keeps(self, row: GatewayEndpointBinding) -> bool:
        return is_within(row.endpoint_name, self._scopes)

    async def get(self, *key: Any) -> GatewayEndpointBinding:
        row = await self._bindings.get(*key)
        if not self._keeps(row):
            raise NotFoundError("There is no such resource.", field="resource_id")
        return row

    async def list_page(self, page: PageRequest, **filters: Any) -> Page[GatewayEndpointBinding]:
        return await _list_within(
            page, lambda wanted: self._bindings.list_page(wanted, **filters), self._keeps
        )

    async def put(self, row: GatewayEndpointBinding) -> None:
        if not self._keeps(row):
            raise _refuse(f"the endpoint {row.endpoint_name}", "endpoint_id", self._scopes)
        await self._bindings.put(row)

    async def delete(self, *key: Any) -> None:
        await self.get(*key)
        await self._bindings.delete(*key)

    async def delete_of_endpoint(self, endpoint_id: EndpointId) -> int:
        found = await self._bindings.list_page(PageRequest(limit=1), endpoint_id=endpoint_id)
        if not all(map(self._keeps, found.items)):
            raise NotFoundError("There is no such endpoint.", field="endpoint_id")
        return await self._bindings.delete_of_endpoint(endpoint_id)


class _ApiKeys(_Only):
    """Api keys that call nothing outside."""

    def __init__(self, rows: ApiKeyRows, scopes: Sequence[str]) -> None:
        super().__init__(rows, frozenset())
        self._keys = rows
        self._scopes = scopes

    def _keeps(self, row: GatewayApiKey) -> bool:
        return is_key_within(row.allowed_endpoints, self._scopes)

    async def get(self, key_id: ApiKeyId) -> GatewayApiKey:
        row = await self._keys.get(key_id)
        if not self._keeps(row):
            raise NotFoundError("There is no such key.", field="key_id")
        return row

    async def list_page(self, page: PageRequest, **filters: Any) -> Page[GatewayApiKey]:
        return await _list_within(
            page, lambda wanted: self._keys.list_page(wanted, **filters), self._keeps
        )

    async def insert(self, row: StoredApiKey) -> None:
        self._check(row.key)
        await self._keys.insert(row)

    async def update(self, row: GatewayApiKey) -> None:
        await self.get(row.key_id)
        self._check(row)
        await self._keys.update(row)

    async def delete(self, key_id: ApiKeyId) -> None:
        await self.get(key_id)
        await self._keys.delete(key_id)

    def _check(self, row: GatewayApiKey) -> None:
        for glob in row.allowed_endpoints:
            if not is_glob_within(glob, self._scopes):
                raise _refuse(f"what {glob} matches", "allowed_endpoints", self._scopes)


class _History(_Only):
    """Changes of what is within; and what every write leaves behind."""

    def __init__(self, rows: AdminRows, scopes: Sequence[str]) -> None:
        super().__init__(rows, _OF_WRITES)
        self._history = rows
        self._scopes = scopes

    async def list_audit(self, page: PageRequest, **filters: Any) -> Page[AuditRow]:
        return await _list_within(
            page,
            lambda wanted: self._history.list_audit(wanted, **filters),
            lambda row: is_change_within(row, self._scopes),
        )


class _Ledger(_Only):
    """Attempts of requests to what is within, by the name that it had then."""

    def __init__(self, rows: UsageRows, scopes: Sequence[str]) -> None:
        super().__init__(rows, frozenset())
        self._ledger = rows
        self._scopes = scopes

    async def list_page(self, page: PageRequest, **filters: Any) -> Page[Mapping[str, Any]]:
        return await self._ledger.list_page(page, names=await self._list_names(), **filters)

    async def summarize(
        self, group_by: str, *, limit: int, **filters: Any
    ) -> tuple[Mapping[str, Any], ...]:
        names = await self._list_names()
        return await self._ledger.summarize(group_by, limit=limit, names=names, **filters)

    async def _list_names(self) -> list[str]:
        known = await self._ledger.list_endpoint_names()
        return [name for name in known if is_within(name, self._scopes)]


# --- decisions ----------------------------------------------------------------------------


def is_key_within(globs: Sequence[str], scopes: Sequence[str]) -> bool:
    """Tell whether an api key surely calls nothing outside of the scopes."""
    return all(is_glob_within(glob, scopes) for glob in globs)


def is_change_within(row: AuditRow, scopes: Sequence[str]) -> bool:
    """Tell whether a change was one of what is within the scopes, before and after."""
    states = [state for state in (row.before, row.after) if state is not None]
    match row.entity_type:
        case "endpoint":
            return all(is_within(str(state.get("name", "")), scopes) for state in states)
        case "binding":
            return all(is_within(str(state.get("endpoint_name", "")), scopes) for state in states)
        case "api_key":
            return all(
                is_key_within(state.get("allowed_endpoints", ["*"]), scopes) for state in states
            )
    return False
