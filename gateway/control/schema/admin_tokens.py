"""Bodies of /admin-tokens.

Rule: the value is answered once, by the creation, and is nowhere else.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from gateway.control.schema.base import Entity, Name, Stamped, Strict, Time, absent
from gateway.entities import ALL_ENDPOINTS
from gateway.roles import Role

MAX_SCOPES = 100  # of one token; each is tried in turn for every row that may be shown

Scopes = Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_SCOPES)]
# JSON has no enumerations: the word is taken, everything else stays strict.
RoleName = Annotated[Role, Field(strict=False)]


class AdminTokenCreate(Strict):
    """A credential for somebody who administers, or for a program that does."""

    name: Name
    role: RoleName
    scopes: Scopes = ALL_ENDPOINTS
    """Globs over endpoint names, such as `team-a-*`; with any but `*` only these exist for it."""
    expires_at: Time | None = None
    disabled: bool = False


class AdminTokenPatch(Strict):
    """Changes of an admin token; its value cannot be changed."""

    immutable: ClassVar[frozenset[str]] = frozenset(
        {"token_id", "masked_value", "value", "last_used_at"}
    )

    name: Name = absent()
    role: RoleName = absent()
    scopes: Scopes = absent()
    expires_at: Time | None = absent()
    disabled: bool = absent()


class AdminToken(Stamped):
    """An admin token without its value."""

    token_id: str
    name: str
    role: Role
    scopes: list[str]
    expires_at: int | None
    disabled: bool
    masked_value: str
    last_used_at: int | None
    """Some minutes late; no part of the entity tag."""


class NewAdminToken(AdminToken):
    """An admin token with its value, which is shown only now."""

    value: str


class AdminTokenPage(Entity):
    """A page of admin tokens."""

    items: list[AdminToken]
    next_cursor: str | None
