"""Bodies as MLflow's clients send them: JSON of its protocol buffers.

Rule: as strict as /api/v1, an unknown field is refused by name. As protocol buffers have it,
an empty string, an empty map and an empty list are the same as nothing.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.control.schema import endpoints as endpoint_schema
from gateway.control.schema.base import Content, Name, Strict
from gateway.control.schema.endpoints import MAX_MAPPINGS, EndpointName, FallbackOrder, Weight
from gateway.control.schema.secrets import AuthConfig, FieldName, FieldValue, SecretFields
from gateway.entities import FallbackStrategy, LinkageType, RoutingStrategy

RESOURCE_TYPE = "scorer"  # the only one that MLflow's clients can read
_WHOLE = re.compile(r"-?[0-9]{1,10}")


def _drop_empty(value: Any) -> Any:
    return None if value in ("", [], {}) else value


def _drop_unspecified(value: Any) -> Any:
    is_unspecified = isinstance(value, str) and value.endswith("_UNSPECIFIED")
    return None if is_unspecified else _drop_empty(value)


def _parse_whole(value: Any) -> Any:
    """Take a whole number out of a string: the JSON of protocol buffers may have it there."""
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


Given = Annotated[Name | None, BeforeValidator(_drop_empty)]
Author = Annotated[Content | None, BeforeValidator(_drop_empty)]  # read, and not believed
GivenConfig = Annotated[AuthConfig | None, BeforeValidator(_drop_empty)]
Strategy = Annotated[RoutingStrategy | None, BeforeValidator(_drop_unspecified)]
Order = Annotated[FallbackOrder | None, BeforeValidator(_parse_whole)]


class SecretCreate(Strict):
    """secrets/create."""

    secret_name: Name
    # Nothing where the machine's own identity is used: MLflow's page sends an empty map then.
    secret_value: SecretFields = Field(default_factory=dict)
    provider: Given = None
    auth_config: GivenConfig = None
    created_by: Author = None


class SecretUpdate(Strict):
    """secrets/update."""

    secret_id: Name
    secret_value: Annotated[
        dict[FieldName, FieldValue] | None,
        Field(max_length=16, repr=False),
        BeforeValidator(_drop_empty),
    ] = None
    auth_config: GivenConfig = None
    updated_by: Author = None


class SecretKey(Strict):
    """secrets/delete."""

    secret_id: Name


class ModelDefinitionCreate(Strict):
    """model-definitions/create."""

    name: Name
    secret_id: Name
    provider: Name
    model_name: Name
    created_by: Author = None


class ModelDefinitionUpdate(Strict):
    """model-definitions/update."""

    model_definition_id: Name
    name: Given = None
    secret_id: Given = None
    model_name: Given = None
    provider: Given = None
    updated_by: Author = None


class ModelDefinitionKey(Strict):
    """model-definitions/delete."""

    model_definition_id: Name


class ModelConfig(Strict):
    """A model definition's part in an endpoint. Its linkage has no default, as in MLflow."""

    model_definition_id: Name
    linkage_type: LinkageType
    weight: Weight = 1.0
    fallback_order: Order = None

    def convert(self) -> endpoint_schema.MappingCreate:
        """Return it as /api/v1 has it."""
        return endpoint_schema.MappingCreate(
            model_definition_id=self.model_definition_id,
            weight=self.weight,
            linkage_type=self.linkage_type,
            fallback_order=self.fallback_order,
        )


class FallbackConfig(Strict):
    """How many FALLBACKs a request may go on to: absent all, 0 none."""

    strategy: Annotated[FallbackStrategy | None, BeforeValidator(_drop_unspecified)] = None
    max_attempts: Annotated[
        Annotated[int, Field(ge=0, le=MAX_MAPPINGS)] | None, BeforeValidator(_parse_whole)
    ] = None

    def convert(self) -> endpoint_schema.FallbackConfig:
        """Return it as /api/v1 has it."""
        return endpoint_schema.FallbackConfig(
            strategy=self.strategy or FallbackStrategy.SEQUENTIAL, max_attempts=self.max_attempts
        )


class EndpointCreate(Strict):
    """endpoints/create."""

    name: EndpointName
    model_configs: Annotated[list[ModelConfig], Field(min_length=1, max_length=MAX_MAPPINGS)]
    routing_strategy: Strategy = None
    fallback_config: FallbackConfig | None = None
    experiment_id: Given = None
    usage_tracking: bool | None = None
    created_by: Author = None


class EndpointUpdate(Strict):
    """endpoints/update: what is absent stays."""

    endpoint_id: Name
    name: Annotated[EndpointName | None, BeforeValidator(_drop_empty)] = None
    model_configs: Annotated[
        list[ModelConfig] | None, Field(max_length=MAX_MAPPINGS), BeforeValidator(_drop_empty)
    ] = None
    routing_strategy: Strategy = None
    fallback_config: FallbackConfig | None = None
    experiment_id: Given = None
    usage_tracking: bool | None = None
    updated_by: Author = None


class EndpointKey(Strict):
    """endpoints/delete."""

    endpoint_id: Name


class ModelAttach(Strict):
    """endpoints/models/attach."""

    endpoint_id: Name
    config: ModelConfig = Field(alias="model_config")  # pydantic keeps that name for itself
    created_by: Author = None


class ModelDetach(Strict):
    """endpoints/models/detach; `linkage_type` is ours, for what is attached in both ways."""

    endpoint_id: Name
    model_definition_id: Name
    linkage_type: Annotated[LinkageType | None, BeforeValidator(_drop_unspecified)] = None


class TagSet(Strict):
    """endpoints/set-tag."""

    endpoint_id: Name
    key: Name
    value: Content = ""


class TagKey(Strict):
    """endpoints/delete-tag."""

    endpoint_id: Name
    key: Name


class BindingCreate(Strict):
    """endpoints/bindings/create."""

    endpoint_id: Name
    resource_type: Literal["scorer"]
    resource_id: Name
    created_by: Author = None


class BindingKey(Strict):
    """endpoints/bindings/delete."""

    endpoint_id: Name
    resource_type: Name
    resource_id: Name
