"""What leads to a credential or a model.

Rule: lists are cut at 100, `counts` are not.
"""

from __future__ import annotations

from typing import Literal

from gateway.control.schema.base import Entity


class UsingModelDefinition(Entity):
    """A model definition that is reached with the credential."""

    model_definition_id: str
    name: str


class UsingEndpoint(Entity):
    """An endpoint that leads there."""

    endpoint_id: str
    name: str
    loses: Literal["last_primary", "primary", "fallback"]
    """What it would lose: all its PRIMARYs with traffic, one of them, or only a FALLBACK."""


class UsingBinding(Entity):
    """A resource that uses one of these endpoints."""

    endpoint_id: str
    endpoint_name: str
    resource_type: str
    resource_id: str
    display_name: str | None


class UsingApiKey(Entity):
    """An api key that may call one of these endpoints and is not disabled."""

    key_id: str
    name: str


class UserCounts(Entity):
    """How many there are in all."""

    model_definitions: int
    endpoints: int
    endpoints_without_primary: int
    bindings: int
    api_keys: int


class CredentialUsers(Entity):
    """What leads to a credential or a model, the worst hit first."""

    model_definitions: list[UsingModelDefinition]
    endpoints: list[UsingEndpoint]
    bindings: list[UsingBinding]
    api_keys: list[UsingApiKey]
    counts: UserCounts
