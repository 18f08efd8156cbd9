"""A document in the making, for imports: names are found for what has none, nothing is lost.

Rule: what comes twice becomes one; what has no counterpart is noted with its line and a reason,
and no note repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.manifest.format import VERSION, VERSION_FIELD
from gateway.manifest.references import name_variable
from gateway.yaml_nodes import Fault, Node

_MAX_NAME: Final = 255
_NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True)
class Target:
    """A model definition's part in an endpoint."""

    definition: str
    weight: float = 1.0


@dataclass(slots=True)
class Route:
    """An endpoint in the making."""

    name: str
    primaries: list[Target] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)
    fallback_on: list[str] = field(default_factory=list)
    total_timeout_ms: int | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def add_primary(self, definition: str, weight: float) -> None:
        """Add a PRIMARY; one that is there gets the weight on top."""
        for target in self.primaries:
            if target.definition == definition:
                target.weight += weight
                return
        self.primaries.append(Target(definition, weight))

    def add_fallback(self, definition: str) -> None:
        """Add a FALLBACK behind the others, once."""
        if definition not in self.fallbacks:
            self.fallbacks.append(definition)

    def build(self) -> dict[str, Any]:
        """Return the endpoint as the file has it."""
        weights = [target.weight for target in self.primaries]
        if not any(weights):  # an endpoint needs traffic on one of them
            weights = [1.0] * len(weights)
        mappings: list[dict[str, Any]] = [
            {"model_definition": target.definition} | ({"weight": weight} if weight != 1 else {})
            for target, weight in zip(self.primaries, weights, strict=True)
        ]
        mappings += [
            {"model_definition": name, "linkage_type": "FALLBACK", "fallback_order": order}
            for order, name in enumerate(self.fallbacks)
        ]
        built: dict[str, Any] = {"name": self.name, "model_mappings": mappings}
        if self.tags:
            built["tags"] = self.tags
        if self.total_timeout_ms is not None:
            built["limits"] = {"total_timeout_ms": self.total_timeout_ms}
        if self.fallback_on:
            built["resilience"] = {"fallback_on": self.fallback_on}
        return built


@dataclass(slots=True)
class Draft:
    """Secrets, model definitions and endpoints in the making, and what was not mapped."""

    routes: dict[str, Route] = field(default_factory=dict)
    notes: list[Fault] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    _secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    _definitions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, node: Node, path: str, reason: str) -> None:
        """Tell that something was not mapped, or not as it was."""
        self.notes.append(Fault(node.line, path, reason))

    def list_items(self, node: Node | None, path: str) -> list[Node]:
        """Return the items of a list; tell of what is there and is none."""
        if node is not None and not isinstance(node.value, list | None):
            self.note(node, path, "is not mapped: it is no list")
        return [] if node is None else node.items

    def list_fields(self, node: Node, path: str) -> list[tuple[str, Node]]:
        """Return the fields of a mapping; tell of what is there and is none."""
        if not isinstance(node.value, dict | None):
            self.note(node, path, "is not mapped: it is no mapping")
        return list(node.fields.items())

    def add_secret(
        self,
        wanted: str,
        provider: str,
        auth_config: Mapping[str, str],
        fields: Mapping[str, Mapping[str, str] | None],
    ) -> str:
        """Add a secret unless there is the same; return its name.

        `fields` says where each field of its value is; None is a variable that is named after the
        secret.
        """
        for name in self._candidates(wanted):
            secret: dict[str, Any] = {"secret_name": name, "provider": provider}
            if auth_config:
                secret["auth_config"] = dict(auth_config)
            if fields:
                secret["secret_value"] = {
                    field: dict(reference or {"env": name_variable(name, field)})
                    for field, reference in fields.items()
                }
            if self._secrets.setdefault(name, secret) == secret:
                break
        return name

    def add_definition(self, provider: str, model_name: str, secret_name: str) -> str:
        """Add a model definition unless there is the same; return its name."""
        for name in self._candidates(model_name):
            definition = {
                "name": name,
                "provider": provider,
                "model_name": model_name,
                "secret_name": secret_name,
            }
            if self._definitions.setdefault(name, definition) == definition:
                break
        return name

    def add_route(self, name: str, node: Node, path: str) -> Route:
        """Return the endpoint of this name, made where it is new.

        A name that an endpoint cannot have is noted with the one that it got.
        """
        if name not in self.routes:
            fitting = _NOT_OF_A_NAME.sub("-", name)[:_MAX_NAME] or "-"
            taken = {route.name for route in self.routes.values()}
            chosen = next(found for found in self._candidates(fitting) if found not in taken)
            if chosen != name:
                self.note(
                    node,
                    path,
                    f"is named {chosen} here, as an endpoint's name has letters, digits and ._- "
                    "only: applications send this name",
                )
            self.routes[name] = Route(chosen)
        return self.routes[name]

    def build(self) -> dict[str, Any]:
        """Return the document; what nothing uses is left out."""
        routes = sorted(self.routes.values(), key=lambda route: route.name)
        endpoints = [route.build() for route in routes if route.primaries]
        used = {
            mapping["model_definition"]
            for endpoint in endpoints
            for mapping in endpoint["model_mappings"]
        }
        definitions = [row for name, row in sorted(self._definitions.items()) if name in used]
        secrets = {row["secret_name"] for row in definitions}
        document: dict[str, Any] = {VERSION_FIELD: VERSION}
        if self.settings:
            document["settings"] = self.settings
        return document | {
            "secrets": [row for name, row in sorted(self._secrets.items()) if name in secrets],
            "model_definitions": definitions,
            "endpoints": endpoints,
        }

    @staticmethod
    def _candidates(wanted: str) -> Iterator[str]:
        yield wanted[:_MAX_NAME]
        number = 2
        while True:
            yield f"{wanted[: _MAX_NAME - 8]}-{number}"
            number += 1
