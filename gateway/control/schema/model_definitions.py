"""Bodies of /model-definitions.

Rule: a definition names a model and points at a credential; it holds none.
"""

from __future__ import annotations

from typing import ClassVar

from gateway.control.schema.base import Entity, Name, Stamped, Strict, absent
from gateway.control.schema.secrets import ProviderName


class ModelDefinitionCreate(Strict):
    """A model of a provider, reached with a stored credential."""

    name: Name
    provider: ProviderName
    model_name: Name
    """The provider's own name of the model."""
    secret_id: Name


class ModelDefinitionPatch(Strict):
    """Changes of a model definition."""

    immutable: ClassVar[frozenset[str]] = frozenset({"model_definition_id"})

    name: Name = absent()
    provider: ProviderName = absent()
    model_name: Name = absent()
    secret_id: Name = absent()


class GatewayModelDefinition(Stamped):
    """A model definition with its secret's name."""

    model_definition_id: str
    name: str
    secret_id: str
    secret_name: str
    provider: str
    model_name: str


class ModelDefinitionPage(Entity):
    """A page of model definitions."""

    items: list[GatewayModelDefinition]
    next_cursor: str | None
