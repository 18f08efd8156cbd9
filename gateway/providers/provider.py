"""What a row of the table of providers is made of.

Rule: data only; what it says of a vendor's wire is decided elsewhere, by whoever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.entities import Dialect, Quirks

API_KEY_MODE: Final = "api_key"
DEFAULT_CHAIN_MODE: Final = "default_chain"


class AuthKind(StrEnum):
    """How a request is made to show a credential."""

    HEADER = "header"  # the same line on every request
    AWS_KEYS = "aws_keys"  # each request is signed (Signature Version 4)
    AWS_CHAIN = "aws_chain"  # the same, with what the machine is given
    GOOGLE_ACCOUNT = "google_account"  # a token for a service account's key
    GOOGLE_CHAIN = "google_chain"  # a token that the machine is given
    ENTRA_CLIENT = "entra_client"  # a token for an application of Microsoft Entra ID


class Layout(StrEnum):
    """Where a vendor has its paths."""

    PLAIN = "plain"  # as the dialect's own vendor
    AZURE = "azure"
    VERTEX = "vertex"


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a credential (`secret_value`) or of its settings (`auth_config`).

    Attributes:
        required: in the modes that it belongs to.
        header: the request header that carries the value upstream, where one does.
        modes: ways of authentication that it belongs to; empty: all.
        choices: the values that it may have; empty: any.
        pattern: what a value must match as a whole, because it becomes part of a URL.
        multiline: a document, such as a key file: it never stands in a header.
    """

    name: str
    title: str
    secret: bool
    required: bool
    default: str | None
    help: str
    header: str | None = None
    modes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    multiline: bool = False

    def matches(self, value: str) -> bool:
        """Tell whether a value is one of those that the field may have."""
        if self.choices and value not in self.choices:
            return False
        return self.pattern is None or re.fullmatch(self.pattern, value) is not None

    def belongs_to(self, mode: str) -> bool:
        """Tell whether the field is one of a way of authentication."""
        return not self.modes or mode in self.modes


@dataclass(frozen=True, slots=True)
class AuthMode:
    """One way of authentication.

    `header` (lower case) and `prefix` say where an API key or a token goes.
    """

    name: str
    title: str
    kind: AuthKind = AuthKind.HEADER
    header: str = "authorization"
    prefix: str = "Bearer "


BEARER: Final = AuthMode(API_KEY_MODE, "API key")


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: which dialects it speaks, where it lives, how a request shows its credential.

    Attributes:
        dialects: those that pass byte for byte; `gateway.providers.list_spoken` says which of them
            one model speaks.
        base_url: None where `api_base` is needed; ``{region}`` and the like are settings.
        auth: the first is the default.
        default_headers: apply where the client sent none.
        trial_path: a GET there, behind the base URL, costs nothing and wants the credential.
        trial_is_open: whether it answers anybody, so that an answer proves nothing.
        hub_dialects: what translated chats are sent as, the best first.
        other_bases: base URLs of dialects that are not behind `base_url`; where `api_base` is set
            these are not spoken, because nobody knows where they are.
        prefixes: what stands between any base URL and a dialect's paths.
        is_self_hosted: a program that operators run themselves, at an address of their own.
        notes: what an operator should know before he takes it.
    """

    name: str
    title: str
    dialects: frozenset[Dialect]
    base_url: str | None
    secret_fields: tuple[Field, ...]
    config_fields: tuple[Field, ...]
    auth: tuple[AuthMode, ...] = (BEARER,)
    default_headers: tuple[tuple[str, str], ...] = ()
    trial_path: str = "/models"
    trial_is_open: bool = False
    hub_dialects: tuple[Dialect, ...] = (Dialect.OPENAI_CHAT,)
    quirks: Quirks = field(default_factory=Quirks)
    layout: Layout = Layout.PLAIN
    other_bases: tuple[tuple[Dialect, str], ...] = ()
    prefixes: tuple[tuple[Dialect, str], ...] = ()
    is_self_hosted: bool = False
    notes: str = ""

    @property
    def auth_modes(self) -> tuple[str, ...]:
        """The names of the ways of authentication, the default first."""
        return tuple(mode.name for mode in self.auth)

    def get_mode(self, auth_config: Mapping[str, Any] | None) -> AuthMode:
        """Return the way of authentication that settings name; the default where it is unknown."""
        name = (auth_config or {}).get("auth_mode")
        return next((mode for mode in self.auth if mode.name == name), self.auth[0])

    def list_fields(self, mode: AuthMode) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
        """Return the fields of a way of authentication: of the credential, of its settings."""
        return (
            tuple(field for field in self.secret_fields if field.belongs_to(mode.name)),
            tuple(field for field in self.config_fields if field.belongs_to(mode.name)),
        )
