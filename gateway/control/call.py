"""One call of the control plane: who asks for what, and what comes back.

Rule: plain values; an operation's handler sees a `Call` that is authenticated and
checked, and returns an `Answer` that one place turns into HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel

from gateway.control.confined import confine
from gateway.control.parts import ControlParts
from gateway.control.query import Parameter
from gateway.entities import ALL_ENDPOINTS
from gateway.ports import Transaction
from gateway.roles import Role

MAX_BODY_BYTES = 1 << 20  # an endpoint with all its mappings and tags at their limits fits
LINES_TYPE: Final = "application/x-ndjson"  # a JSON value a line


class Policy(StrEnum):
    """Who may call an operation."""

    PUBLIC = "public"  # anybody who reaches the listener under an allowed Host
    SELF = "self"  # whoever is known, about their own session
    READ = "read"  # what is configured, what runs, what was used
    AUDIT = "audit"  # who did what, and everything before
    EDIT = "edit"  # changes of the configuration
    ADMIN = "admin"  # who may do what, the vault's keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking, as the audit log will say it, and how far they may reach.

    `scopes` are globs over the names of the endpoints that exist for this caller.
    """

    actor: str
    source_address: str
    request_id: str
    role: Role = Role.VIEWER
    scopes: tuple[str, ...] = ALL_ENDPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose caller, query and body have been checked against its operation."""

    request: web.Request
    parts: ControlParts
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    raw: bytes = field(repr=False)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a read transaction that shows what the caller may see."""
        async with self.parts.store.read() as tx:
            yield confine(tx, self.caller.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers; `value` None is an empty body.

    `lines` is a body of JSON values, one a line, that is sent as it is made; what goes wrong
    after its first piece can only cut it off.
    """

    status: int
    value: Any = None
    lines: AsyncIterator[bytes] | None = None
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the table of operations.

    `errors` are the statuses beyond those that follow from policy, method, query and body.
    `scoped`: callers who are confined to some endpoints may call it too; whatever it reads or
    writes then goes through `Call.read` and `run_change`, which keep to the caller's endpoints.
    `answers` maps each status of success to the model of its body (None: no body).
    """

    method: str
    path: str
    name: str  # operationId
    summary: str
    tag: str
    policy: Policy
    scoped: bool = False
    handler: Callable[[Call], Awaitable[Answer]]
    answers: Mapping[int, type[BaseModel] | None]
    answers_lines: bool = False  # the body is a stream of such values, one a line
    body: type[BaseModel] | None = None
    array_body: type[BaseModel] | None = None  # accepted in place of `body` where it is an array
    body_required: bool = True
    max_body_bytes: int = MAX_BODY_BYTES
    query: tuple[Parameter, ...] = ()
    open_query: bool = False  # other parameters are passed over, not refused
    headers: tuple[str, ...] = ()  # request headers that change what it does
    errors: frozenset[int] = frozenset()

    @property
    def writes(self) -> bool:
        """Whether the method is one that changes something."""
        return self.method not in ("GET", "HEAD")
