"""Bodies of /configuration and /history.

Rule: an entity of a document keeps the rules of its own REST body, by the same types; names stand
where REST has ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from gateway.control.schema.api_keys import Globs
from gateway.control.schema.base import Entity, Name, Strict, Time
from gateway.control.schema.endpoints import (
    MAX_MAPPINGS,
    EndpointLimits,
    EndpointName,
    FallbackConfig,
    FallbackOrder,
    Resilience,
    Tags,
    Weight,
)
from gateway.control.schema.secrets import AuthConfig, FieldName, FieldValues, ProviderName
from gateway.entities import LinkageType, RoutingStrategy

MAX_DOCUMENT_BYTES = 64 << 20  # 100,000 endpoints; a body of this size is only taken from an admin
_MAX_VALUE = 8_000  # characters, as with a secret's own body
_MAX_KEY = 1_000  # characters; ours have 46
_SHA256 = r"^[0-9a-f]{64}$"
_MASKED = r"^[!-~]{0,3}(\.\.\.|\*\*\*)[!-~]{0,4}$"

# Long enough that a plain digest of it may be stored.
KeyValue = Annotated[
    str, StringConstraints(min_length=32, max_length=_MAX_KEY, pattern=r"^[!-~]+$")
]


@dataclass(frozen=True, slots=True)
class FieldGiven:
    """A field of a credential: its value, or null where the stored one stays."""

    value: str | None = field(repr=False)


def _check_field(given: Any) -> FieldGiven:
    if given == "stored":
        return FieldGiven(None)
    if isinstance(given, dict) and set(given) == {"value"} and isinstance(given["value"], str):
        if not 1 <= len(given["value"]) <= _MAX_VALUE:
            raise ValueError(f"its value must have 1 to {_MAX_VALUE} characters")
        return FieldGiven(given["value"])
    raise ValueError('must be "stored" or an object with the one field `value`')


def _check_format(version: int) -> int:
    if version != 1:
        raise ValueError("is a version of the format that this Lockgate does not know; it knows 1")
    return version


FieldSource = Annotated[
    FieldGiven,
    PlainValidator(_check_field),
    WithJsonSchema(
        {
            "oneOf": [
                {"const": "stored"},
                {
                    "type": "object",
                    "properties": {
                        "value": {"type": "string", "minLength": 1, "maxLength": _MAX_VALUE}
                    },
                    "required": ["value"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class DocumentSecret(Strict):
    """A credential. Fields left out, or `stored`, stay as they are."""

    secret_name: Name
    provider: ProviderName | None = None
    auth_config: AuthConfig | None = None
    expires_at: Time | None = None
    """When the provider ends the value, for the warning."""
    secret_value: Annotated[dict[FieldName, FieldSource], Field(max_length=16)] | None = Field(
        default=None, repr=False
    )


class DocumentModelDefinition(Strict):
    """A model of a provider."""

    name: Name
    provider: ProviderName
    model_name: Name
    secret_name: Name


class DocumentMapping(Strict):
    """One model definition's part in an endpoint."""

    model_definition: Name
    weight: Weight = 1.0
    linkage_type: LinkageType = LinkageType.PRIMARY
    fallback_order: FallbackOrder | None = None


class DocumentEndpoint(Strict):
    """An endpoint with everything that belongs to it."""

    name: EndpointName
    model_mappings: Annotated[list[DocumentMapping], Field(min_length=1, max_length=MAX_MAPPINGS)]
    routing_strategy: RoutingStrategy | None = None
    fallback_config: FallbackConfig | None = None
    usage_tracking: bool = True
    limits: EndpointLimits | None = None
    resilience: Resilience | None = None
    tags: Tags = Field(default_factory=dict)


class DocumentBinding(Strict):
    """A resource that uses an endpoint."""

    endpoint: Name
    resource_type: Name
    resource_id: Name
    display_name: Name | None = None


class ApiKeySource(Strict):
    """An api key's value, or the SHA-256 of it in hexadecimal with its masked form."""

    value: KeyValue | None = Field(default=None, repr=False)
    sha256: Annotated[str, StringConstraints(pattern=_SHA256)] | None = None
    masked: Annotated[str, StringConstraints(pattern=_MASKED)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        by_digest = (self.sha256 is not None, self.masked is not None)
        if by_digest != ((self.value is None),) * 2:
            raise ValueError("must have either `value`, or both `sha256` and `masked`")
        return self


class DocumentApiKey(Strict):
    """A client's credential. A value left out stays as it is."""

    name: Name
    allowed_endpoints: Globs = ("*",)
    expires_at: Time | None = None
    disabled: bool = False
    value: ApiKeySource | None = None


class ConfigurationDocument(Strict):
    """The configuration, or some sections of it. A section left out is not touched."""

    lockgate: Annotated[int, AfterValidator(_check_format), WithJsonSchema({"const": 1})]
    """Version of the format."""
    base: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Digest of the state that it was made from."""
    secrets: list[DocumentSecret] | None = None
    model_definitions: list[DocumentModelDefinition] | None = None
    endpoints: list[DocumentEndpoint] | None = None
    bindings: list[DocumentBinding] | None = None
    api_keys: list[DocumentApiKey] | None = None


class ConfigurationRequest(Strict):
    """A document to compare with what is stored, or to make it so."""

    root: ClassVar[str] = "document"  # paths in errors begin below it

    document: ConfigurationDocument
    prune: bool = False
    """Delete what is not in the document, of the kinds that it has a section for."""
    overwrite: bool = False
    """Take the document's side where something was changed meanwhile."""


class Configuration(Entity):
    """All of the configuration, without values of secrets."""

    epoch: int
    digest: str
    document: dict[str, Any]


class FieldChange(Entity):
    """A field before and after; null where it has none or its default."""

    field: str
    before: Any
    after: Any


class EntityChange(Entity):
    """What becomes of one entity."""

    action: Literal["create", "update", "delete"]
    kind: str
    name: str
    fields: list[FieldChange]


class FieldConflict(Entity):
    """A field as the document's base, the gateway and the document have it."""

    field: str
    base: Any
    current: Any
    desired: Any


class EntityConflict(Entity):
    """An entity that was changed meanwhile, and by whom."""

    kind: str
    name: str
    action: Literal["create", "update", "delete"]
    fields: list[FieldConflict]
    epoch: int | None
    changed_by: str | None
    changed_at: int | None


class ConfigurationPlan(Entity):
    """What a document would change."""

    changes: list[EntityChange]
    conflicts: list[EntityConflict]
    unchanged: int
    base_epoch: int | None
    """The epoch that the document was made from; null where it names none that is known."""


class ConfigurationApplied(ConfigurationPlan):
    """What a document has changed."""

    epoch: int
    applied: bool
    """Whether anything was changed."""


class EpochChange(Entity):
    """An entity that became another one."""

    action: Literal["create", "update", "delete"]
    kind: str
    name: str


class HistoryEpoch(Entity):
    """One state of the configuration."""

    epoch: int
    at: int
    actor: str
    request_id: str
    changes: list[EpochChange]
    """The first ten."""
    change_count: int


class HistoryPage(Entity):
    """A page of states, newest first."""

    items: list[HistoryEpoch]
    next_cursor: str | None


class HistoryState(Configuration):
    """The configuration as it was with an epoch."""

    at: int
    actor: str
    request_id: str


class HistoryDiff(Entity):
    """What changed from one epoch to another."""

    epoch: int
    against: int
    changes: list[EntityChange]


class EntityName(Entity):
    """An entity by its kind and name."""

    kind: str
    name: str


class RollbackRequest(Strict):
    """Values that the history does not keep, and whether to look only."""

    dry_run: bool = False
    secret_values: dict[Name, FieldValues] = Field(default_factory=dict, repr=False)
    """By name, values of secrets that were deleted since."""


class Rollback(Entity):
    """What a rollback changes."""

    epoch: int
    """The state's new number; the current one where nothing changes, or with `dry_run`."""
    applied: bool
    changes: list[EntityChange]
    left: list[EntityName]
    """Secrets and api keys made since: they stay, as they are."""
    missing: list[EntityName]
    """Api keys deleted since: they do not come back."""
    needed: list[str]
    """Secrets deleted since whose value has to be given."""
