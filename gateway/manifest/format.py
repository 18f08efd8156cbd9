"""The format of the configuration file, version 1, as one table.

Rule: names stand where REST has ids; limits are those of the REST bodies, which a test compares.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.entities import FallbackStrategy, LinkageType, RefusalKind, RoutingStrategy
from gateway.manifest.references import KeyValueShape, ReferenceShape
from gateway.manifest.shapes import (
    Choice,
    Fields,
    Flag,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Shape,
    Text,
    Whole,
)
from gateway.providers import PROVIDERS
from gateway.providers.table import merge_fields
from gateway.settings import MANAGED_SECTIONS, SPECS
from gateway.yaml_nodes import Fault, Node

VERSION: Final = 1
VERSION_FIELD: Final = "lockgate"
BASE_FIELD: Final = "base"
SETTINGS: Final = "settings"
# The sections of what a gateway routes, in the order in which one refers to those before it.
SECTIONS: Final = MANAGED_SECTIONS
SCHEMA_ID: Final = f"urn:lockgate:configuration:{VERSION}"

_DAY_MS: Final = 86_400_000
_GIB: Final = 1 << 30
_MOST: Final = 100_000  # entries of a section; a gateway has been tested with a tenth of it
_TIME_MOST: Final = 1 << 53
_MAPPINGS_MOST: Final = 100
_TAGS_MOST: Final = 100
_GLOBS_MOST: Final = 1_000

_NAME: Final = Text(255, 1, one_line=True)
_ENDPOINT_NAME: Final = Text(
    255, 1, r"[A-Za-z0-9_.\-]+", "letters, digits, dots, hyphens and underscores", help="Unique."
)
_PROVIDER: Final = Choice(tuple(sorted(PROVIDERS)), "See lockgate providers.")
_LIMIT_MS: Final = Nullable(Whole(1, _DAY_MS))


def _union(part: str, shape: Any) -> dict[str, Shape]:
    return {name: shape(field.help) for name, field in merge_fields(part).items()}


_SECRET: Final = Fields(
    {
        "secret_name": Text(255, 1, one_line=True, help="Unique."),
        "provider": Nullable(_PROVIDER),
        "auth_config": Nullable(
            Fields(
                _union("config_fields", lambda help_: Nullable(Text(5_000, help=help_))),
                help="What is not secret. See lockgate providers.",
            )
        ),
        "expires_at": Nullable(
            Whole(0, _TIME_MOST, "When the provider ends the value, in milliseconds since 1970.")
        ),
        "secret_value": Fields(
            _union("secret_fields", lambda help_: ReferenceShape(stored=True, help=help_)),
            help="Where each of the credential's fields is, never the value itself. "
            "Left out: as the gateway has it.",
            delicate=True,
        ),
    },
    ("secret_name",),
    "A provider credential.",
)
_DEFINITION: Final = Fields(
    {
        "name": Text(255, 1, one_line=True, help="Unique."),
        "provider": _PROVIDER,
        "model_name": Text(255, 1, one_line=True, help="The provider's own name of the model."),
        "secret_name": Text(255, 1, one_line=True, help="The secret that it is reached with."),
    },
    ("name", "provider", "model_name", "secret_name"),
    "A model of a provider, reached with a secret.",
)
_MAPPING: Final = Fields(
    {
        "model_definition": Text(255, 1, one_line=True, help="Name of a model definition."),
        "weight": Number(0, "Relative share of the traffic; 0 is drained. Default 1."),
        "linkage_type": Choice(tuple(LinkageType), "Default PRIMARY."),
        "fallback_order": Nullable(Whole(0, 10_000, "FALLBACK only: 0 is tried first.")),
    },
    ("model_definition",),
    "One model definition's part in an endpoint.",
)
_FALLBACK: Final = Fields(
    {
        "strategy": Choice(tuple(FallbackStrategy)),
        "max_attempts": Nullable(
            Whole(0, _MAPPINGS_MOST, "How many FALLBACKs are tried: null all, 0 none.")
        ),
    },
    help="How many FALLBACKs a request may go on to.",
)
_LIMITS: Final = Fields(
    {
        "max_body_bytes": Nullable(Whole(1, _GIB)),
        "connect_timeout_ms": _LIMIT_MS,
        "first_byte_timeout_ms": _LIMIT_MS,
        "idle_timeout_ms": _LIMIT_MS,
        "total_timeout_ms": _LIMIT_MS,
    },
    help="Limits of this endpoint; null means the installation's own.",
)
_RESILIENCE: Final = Fields(
    {
        "fallback_on": ListOf(
            Choice(tuple(RefusalKind)),
            len(RefusalKind),
            help="Refusals after which another target is tried all the same.",
        ),
        "hedge": Flag("Ask a second target when the first is slower than usual."),
    },
    help="What an endpoint opts in to when things go wrong or slowly.",
)
_ENDPOINT: Final = Fields(
    {
        "name": _ENDPOINT_NAME,
        "model_mappings": ListOf(_MAPPING, _MAPPINGS_MOST, 1),
        "routing_strategy": Nullable(Choice(tuple(RoutingStrategy))),
        "fallback_config": Nullable(_FALLBACK),
        "usage_tracking": Flag("Default true."),
        "limits": Nullable(_LIMITS),
        "resilience": Nullable(_RESILIENCE),
        "tags": MapOf(_NAME, Text(5_000), _TAGS_MOST),
    },
    ("name", "model_mappings"),
    "The public name that applications call, and what stands behind it.",
)
_BINDING: Final = Fields(
    {
        "endpoint": Text(255, 1, one_line=True, help="Name of an endpoint."),
        "resource_type": _NAME,
        "resource_id": _NAME,
        "display_name": Nullable(_NAME),
    },
    ("endpoint", "resource_type", "resource_id"),
    "A resource that uses an endpoint.",
)
_API_KEY: Final = Fields(
    {
        "name": Text(255, 1, one_line=True, help="Unique."),
        "allowed_endpoints": ListOf(_NAME, _GLOBS_MOST, help='Globs. Default ["*"].'),
        "expires_at": Nullable(Whole(0, _TIME_MOST, "Milliseconds since 1970, or null.")),
        "disabled": Flag("Default false."),
        "value": KeyValueShape("Its digest, or where it is. Left out: as the gateway has it."),
    },
    ("name",),
    "A client's credential.",
)


class _Settings:
    """The section that `serve --config` reads by itself, before all others."""

    def check(self, node: Node, path: str, faults: list[Fault]) -> None:
        """Leave everything to `gateway.settings`, but that it is a mapping."""
        if node.value is not None and not isinstance(node.value, dict):
            faults.append(Fault(node.line, path, "must be a mapping"))

    def build_schema(self) -> dict[str, Any]:
        """Return the names with their meanings; secrets are no settings of a file."""
        return {
            "type": ["object", "null"],
            "properties": {
                spec.name: {"description": spec.meaning} for spec in SPECS if not spec.secret
            },
            "additionalProperties": False,
            "description": "Settings of the process; only `lockgate serve --config` reads them.",
        }


DOCUMENT: Final = Fields(
    {
        VERSION_FIELD: Choice((VERSION,), "Version of the format."),
        BASE_FIELD: Text(
            71,
            71,
            r"sha256:[0-9a-f]{64}",
            "sha256: and 64 hexadecimal digits",
            help="Digest of the state that this was exported from; absent in a file of your own.",
        ),
        SETTINGS: _Settings(),
        "secrets": ListOf(_SECRET, _MOST, unique=("secret_name",)),
        "model_definitions": ListOf(_DEFINITION, _MOST, unique=("name",)),
        "endpoints": ListOf(_ENDPOINT, _MOST, unique=("name",)),
        "bindings": ListOf(_BINDING, _MOST, unique=("endpoint", "resource_type", "resource_id")),
        "api_keys": ListOf(_API_KEY, _MOST, unique=("name",)),
    },
    (VERSION_FIELD,),
    "What a Lockgate gateway routes. A section that is absent is left as it is.",
)


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": f"Lockgate configuration, version {VERSION}",
        **DOCUMENT.build_schema(),
    }
