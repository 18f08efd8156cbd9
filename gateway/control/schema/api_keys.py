"""Bodies of /api-keys.

Rule: the value is answered once, by the creation, and is nowhere else.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from gateway.control.schema.base import Entity, Name, Stamped, Strict, Time, absent

MAX_GLOBS = 1_000  # of one key; each is tried in turn when a request names an endpoint

Globs = Annotated[tuple[Name, ...], Field(max_length=MAX_GLOBS)]


class ApiKeyCreate(Strict):
    """A credential for an application."""

    name: Name
    allowed_endpoints: Globs = ("*",)
    """Globs over endpoint names, such as `chat*`."""
    expires_at: Time | None = None
    disabled: bool = False


class ApiKeyPatch(Strict):
    """Changes of an api key; its value cannot be changed."""

    immutable: ClassVar[frozenset[str]] = frozenset({"key_id", "masked_value", "value"})

    name: Name = absent()
    allowed_endpoints: Globs = absent()
    expires_at: Time | None = absent()
    disabled: bool = absent()


class GatewayApiKey(Stamped):
    """An api key without its value."""

    key_id: str
    name: str
    masked_value: str
    allowed_endpoints: list[str]
    expires_at: int | None
    disabled: bool
    last_used_at: int | None
    """To the minute; null: never, as far as the ledger knows."""


class NewApiKey(GatewayApiKey):
    """An api key with its value, which is shown only now."""

    value: str


class ApiKeyPage(Entity):
    """A page of api keys."""

    items: list[GatewayApiKey]
    next_cursor: str | None
