"""Bodies of /secrets.

Rule: a credential comes in and never goes out.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, WithJsonSchema

from gateway.control.schema.base import Content, Entity, Name, Stamped, Strict, Time, absent
from gateway.entities import TrialOutcome
from gateway.providers import PROVIDERS
from gateway.providers.table import merge_fields

DEFAULT_GRACE_MS = 3_600_000  # a new key of a provider works within minutes
MAX_GRACE_MS = 30 * 86_400_000  # longer, and a key that should be gone is only forgotten

ProviderName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    WithJsonSchema({"type": "string", "enum": sorted(PROVIDERS)}),
]
# Strict about keys so that a credential typed in the wrong place is not taken for a name.
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
FieldValue = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]


def _describe_fields(part: str, value: dict[str, Any]) -> dict[str, Any]:
    rows = merge_fields(part).values()
    return {
        "type": "object",
        "properties": {row.name: {**value, "description": row.help} for row in rows},
        "additionalProperties": False,
    }


FieldValues = Annotated[
    dict[FieldName, FieldValue],
    Field(max_length=16),  # none at all where the machine has the credential, or none is needed
    WithJsonSchema(
        _describe_fields("secret_fields", {"type": "string", "minLength": 1, "maxLength": 8_000})
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
    secret_value: SecretFields = Field(default_factory=dict)
    """The credential's fields, such as `api_key`: see /providers. None where none is needed."""
    auth_config: AuthConfig | None = None
    """What is not secret: `api_base`, `organization`, ...: see /providers."""
    expires_at: Time | None = None
    """When the provider lets the value end: a reminder, nothing is refused because of it."""


class SecretPatch(Strict):
    """Changes of a credential. Another origin or provider needs `secret_value` again.

    A new `secret_value` takes the place of the old one at once, and of a previous one too; one
    without `expires_at` has none.
    """

    immutable: ClassVar[frozenset[str]] = frozenset({"secret_id", "secret_name"})

    provider: ProviderName | None = absent()
    secret_value: SecretFields = absent()
    auth_config: AuthConfig | None = absent()
    expires_at: Time | None = absent()


class SecretRotate(Strict):
    """A new value, with a time in which the one before it still helps out."""

    secret_value: SecretFields
    grace_ms: Annotated[int, Field(ge=0, le=MAX_GRACE_MS)] = DEFAULT_GRACE_MS
    """For so long the former value helps out where the provider refuses the new one; 0: never."""
    expires_at: Time | None = None
    """Of the new value."""


class StoredSecretTest(Strict):
    """Whose API a secret without a provider is to be tried at."""

    provider: ProviderName | None = None


class SecretTest(Strict):
    """A value that is to be tried, without being stored."""

    provider: ProviderName
    secret_value: SecretFields = Field(default_factory=dict)
    auth_config: AuthConfig | None = None


class SecretTested(Entity):
    """What the provider says to a credential."""

    outcome: TrialOutcome
    status: int | None
    """Of the provider's answer, if one came."""
    latency_ms: float
    detail: str
    """One sentence for the person who has to act."""


class PreviousValue(Entity):
    """The value before the current one, while its grace lasts."""

    masked_values: dict[str, str]
    grace_until: int


class GatewaySecretInfo(Stamped):
    """What may be shown of a credential."""

    secret_id: str
    secret_name: str
    masked_values: dict[str, str]
    provider: str | None
    auth_config: dict[str, str | None] | None
    expires_at: int | None
    previous_value: PreviousValue | None
    last_used_at: int | None
    """To the minute; null: never, as far as the ledger knows."""


class SecretPage(Entity):
    """A page of secrets."""

    items: list[GatewaySecretInfo]
    next_cursor: str | None
