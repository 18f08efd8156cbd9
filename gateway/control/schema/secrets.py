"""Bodies of /secrets.

Rule: a credential comes in and never goes out.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, WithJsonSchema

from gateway.control.schema.base import Content, Entity, Name, Stamped, Strict, absent
from gateway.providers import PROVIDERS

ProviderName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    WithJsonSchema({"type": "string", "enum": sorted(PROVIDERS)}),
]
# Strict about keys so that a credential typed in the wrong place is not taken for a name.
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
FieldValue = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]


def _describe_fields(part: str, value: dict[str, Any]) -> dict[str, Any]:
    rows = (field for provider in PROVIDERS.values() for field in getattr(provider, part))
    return {
        "type": "object",
        "properties": {row.name: {**value, "description": row.help} for row in rows},
        "additionalProperties": False,
    }


FieldValues = Annotated[
    dict[FieldName, FieldValue],
    Field(min_length=1, max_length=16),
    WithJsonSchema(
        _describe_fields("secret_fields", {"type": "string", "minLength": 1, "maxLength": 8_000})
        | {"minProperties": 1}
    ),
]
SecretFields = Annotated[FieldValues, Field(repr=False)]
AuthConfig = Annotated[
    dict[FieldName, Content | None],
    Field(max_length=32),
    WithJsonSchema(
        _describe_fields("config_fields", {"type": ["string", "null"], "maxLength": 5_000})
    ),
]


class SecretCreate(Strict):
    """A provider credential to keep."""

    secret_name: Name
    provider: ProviderName | None = None
    secret_value: SecretFields
    """The credential's fields, such as `api_key`: see /providers."""
    auth_config: AuthConfig | None = None
    """What is not secret: `api_base`, `organization`, ...: see /providers."""


class SecretPatch(Strict):
    """Changes of a credential. Another origin or provider needs `secret_value` again."""

    immutable: ClassVar[frozenset[str]] = frozenset({"secret_id", "secret_name"})

    provider: ProviderName | None = absent()
    secret_value: SecretFields = absent()
    auth_config: AuthConfig | None = absent()


class GatewaySecretInfo(Stamped):
    """What may be shown of a credential."""

    secret_id: str
    secret_name: str
    masked_values: dict[str, str]
    provider: str | None
    auth_config: dict[str, str | None] | None


class SecretPage(Entity):
    """A page of secrets."""

    items: list[GatewaySecretInfo]
    next_cursor: str | None
