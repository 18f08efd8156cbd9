"""What a value of the file may be: a check with a sentence, and the same as JSON Schema.

Rule: one table says both, so that what an editor underlines is what the command refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from gateway.yaml_nodes import Fault, Node, join

Faults = list[Fault]
Schema = dict[str, Any]


class Shape(Protocol):
    """One kind of value."""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text; `one_line` refuses what cannot be shown as it is."""

    most: int
    least: int = 0
    pattern: str | None = None
    allowed: str = ""  # the pattern in words
    one_line: bool = False
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        message = self._find_fault(node)
        if message:
            faults.append(Fault(node.line, path, message))

    def _find_fault(self, node: Node) -> str | None:
        text = node.text
        if text is None:
            is_scalar = not isinstance(node.value, dict | list | None)
            return "must be text" + (": put it in quotes" if is_scalar else "")
        if not self.least <= len(text) <= self.most:
            return f"must have {self.least} to {self.most} characters"
        if self.pattern is not None and not re.fullmatch(self.pattern, text, re.ASCII):
            return f"may hold {self.allowed} only"
        if self.one_line and (not text.isprintable() or text != text.strip()):
            return "must be printable text on one line, without blanks around it"
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            return "must not hold NUL or unpaired surrogates"
        return None

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        schema: Schema = {"type": "string", "maxLength": self.most}
        if self.least:
            schema["minLength"] = self.least
        if self.pattern is not None:
            schema["pattern"] = f"^{self.pattern}$"
        return _describe(schema, self.help)


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number of `least` or more."""

    least: float
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        value = node.value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            faults.append(Fault(node.line, path, "must be a finite number"))
        elif value < self.least:
            faults.append(Fault(node.line, path, f"must be {self.least:g} or more"))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        return _describe({"type": "number", "minimum": self.least}, self.help)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int):
            faults.append(Fault(node.line, path, "must be a whole number"))
        elif not self.least <= value <= self.most:
            faults.append(Fault(node.line, path, f"must be {self.least} to {self.most}"))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        return _describe(
            {"type": "integer", "minimum": self.least, "maximum": self.most}, self.help
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if not isinstance(node.value, bool):
            faults.append(Fault(node.line, path, "must be true or false"))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        return _describe({"type": "boolean"}, self.help)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    values: tuple[str | int, ...]
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        value = node.value
        if isinstance(value, bool | list | dict) or value not in self.values:
            known = ", ".join(str(known) for known in self.values)
            text = node.text or ""
            nearest = get_close_matches(text, [str(known) for known in self.values], n=1)
            guess = f"; did you mean {nearest[0]}?" if nearest and len(self.values) > 1 else ""
            what = "must be one of " if len(self.values) > 1 else "must be "
            faults.append(Fault(node.line, path, f"{what}{known}{guess}"))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        values = [str(value) if isinstance(value, str) else value for value in self.values]
        return _describe({"enum": values}, self.help)


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value that may be null."""

    shape: Shape

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if node.value is not None:
            self.shape.check(node, path, faults)

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        inner = self.shape.build_schema()
        if "enum" in inner:
            return inner | {"enum": [*inner["enum"], None]}
        if isinstance(inner.get("type"), str):
            return inner | {"type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; the fields of `unique`, taken together, tell its items apart."""

    shape: Shape
    most: int
    least: int = 0
    unique: tuple[str, ...] = ()
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if not isinstance(node.value, list):
            faults.append(Fault(node.line, path, "must be a list"))
            return
        if not self.least <= len(node.value) <= self.most:
            faults.append(Fault(node.line, path, f"must have {self.least} to {self.most} entries"))
        for index, item in enumerate(node.value):
            self.shape.check(item, f"{path}[{index}]", faults)
        if self.unique:
            self._check_unique(node.value, path, faults)

    def _check_unique(self, items: list[Node], path: str, faults: Faults) -> None:
        seen: dict[tuple[str | None, ...], int] = {}
        for index, item in enumerate(items):
            nodes = [item.get(name) for name in self.unique]
            key = tuple(None if found is None else found.text for found in nodes)
            if None in key:
                continue  # told already
            if key in seen:
                where = join(f"{path}[{index}]", self.unique[-1])
                faults.append(Fault(item.line, where, f"is the same as at line {seen[key]}"))
            seen.setdefault(key, item.line)

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        schema: Schema = {
            "type": "array",
            "items": self.shape.build_schema(),
            "maxItems": self.most,
        }
        if self.least:
            schema["minItems"] = self.least
        return _describe(schema, self.help)


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with names of the writer's own."""

    names: Text
    shape: Shape
    most: int
    least: int = 0
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if not isinstance(node.value, dict):
            faults.append(Fault(node.line, path, "must be a mapping"))
            return
        if not self.least <= len(node.value) <= self.most:
            faults.append(Fault(node.line, path, f"must have {self.least} to {self.most} entries"))
        for name, child in node.value.items():
            before = len(faults)
            self.names.check(Node(name, child.line), path, faults)
            if len(faults) > before:  # the name itself may be a slipped credential
                faults[-1] = Fault(child.line, path, "has an entry whose name cannot be")
                continue
            self.shape.check(child, join(path, name), faults)

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        schema: Schema = {
            "type": "object",
            "propertyNames": self.names.build_schema(),
            "additionalProperties": self.shape.build_schema(),
            "maxProperties": self.most,
        }
        if self.least:
            schema["minProperties"] = self.least
        return _describe(schema, self.help)


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping whose fields are known; of a `delicate` one no unknown name is repeated."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    help: str = ""
    delicate: bool = False

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if not isinstance(node.value, dict):
            faults.append(Fault(node.line, path, "must be a mapping"))
            return
        guessed: set[str] = set()
        for name, child in node.value.items():
            shape = self.fields.get(name)
            if shape is not None:
                shape.check(child, join(path, name), faults)
                continue
            if self.delicate:  # the name may be a credential that slipped
                message = f"has a field that is none; known: {', '.join(self.fields)}"
                faults.append(Fault(child.line, path, message))
                continue
            nearest = get_close_matches(name, list(self.fields), n=1)
            guessed.update(nearest)
            known = f"known: {', '.join(self.fields)}"
            guess = f"did you mean {nearest[0]}?" if nearest else known
            faults.append(Fault(child.line, join(path, name), f"is no field here; {guess}"))
        for name in self.required:
            if name not in node.value and name not in guessed:  # a slip is one fault, not two
                faults.append(Fault(node.line, join(path, name), "is required"))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        schema: Schema = {
            "type": "object",
            "properties": {name: shape.build_schema() for name, shape in self.fields.items()},
            "additionalProperties": False,
        }
        if self.required:
            schema["required"] = list(self.required)
        return _describe(schema, self.help)


def _describe(schema: Schema, help_: str) -> Schema:
    return schema | {"description": help_} if help_ else schema
