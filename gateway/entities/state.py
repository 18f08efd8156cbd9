"""The whole configuration: as a snapshot reads it, and as the history keeps it.

Rule: read in one transaction, of one epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.entities.configuration import GatewayEndpoint, StoredApiKey
from gateway.entities.names import ApiKeyId, EndpointId, SecretId
from gateway.entities.vault import SealedSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that a snapshot is built from, read in one transaction."""

    epoch: int
    endpoints: tuple[GatewayEndpoint, ...]
    secrets: tuple[SealedSecret, ...]
    api_keys: tuple[StoredApiKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanges:
    """What a snapshot of epoch `since` lacks to be one of `epoch`.

    The rows are those that were touched, as they stand now; an endpoint counts as touched too
    when a model definition of its mappings was. The `gone_` ids name rows that are no more.
    """

    since: int
    epoch: int
    endpoints: tuple[GatewayEndpoint, ...]
    secrets: tuple[SealedSecret, ...]
    api_keys: tuple[StoredApiKey, ...]
    gone_endpoints: frozenset[EndpointId]
    gone_secrets: frozenset[SecretId]
    gone_api_keys: frozenset[ApiKeyId]


# All of it by kind and row id. A content has the fields of a document, but ids in place of the
# names of other entities: renaming one changes no other.
ConfigurationState: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who made an epoch, when, and with which request."""

    at: int
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationEpoch:
    """One numbered state of the configuration that can be read again."""

    epoch: int
    at: int
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityVersion:
    """That an entity became another one with an epoch, as `total` did; `new` and `gone` say how."""

    kind: str
    row_id: str
    epoch: int
    name: str
    new: bool
    gone: bool
    total: int
