"""Where a credential is: ``{env: NAME}``, ``{file: PATH}`` or ``stored``.

Rule: a file never holds a credential, only where it is; a value in clear is refused, and no
message repeats it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.manifest.shapes import Faults, Fields, Schema, Shape, Text
from gateway.yaml_nodes import Fault, Node, join

STORED: Final = "stored"
_IN_CLEAR: Final = (
    "a credential does not stand in this file: write {env: NAME} for an environment variable, "
    "{file: PATH} for a file, or stored for what the gateway has already"
)
_OWN: Final = "LOCKGATE_"  # an unknown variable that begins so is an error of its own
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)
_MAX_PATH: Final = 4_096  # as Linux has it


class Place(StrEnum):
    """What a reference names."""

    ENV = "env"
    FILE = "file"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of a file, with its own place there."""

    place: Place
    target: str
    path: str
    line: int


def parse_reference(node: Node, path: str) -> Reference | None:
    """Return the reference that a node is, None where it is none or a wrong one."""
    if node.text == STORED:
        return Reference(Place.STORED, "", path, node.line)
    for place in (Place.ENV, Place.FILE):
        target = node.get(place)
        if target is not None and target.text and len(node.fields) == 1:
            return Reference(place, target.text, path, node.line)
    return None


def name_variable(owner: str, part: str) -> str:
    """Return the environment variable that an export names for a credential's field.

    Not unique: two owners whose names differ in punctuation alone share one.
    """
    text = re.sub(r"[^A-Z0-9]", "_", f"{owner}_{part}".upper())
    return f"_{text}" if text[0].isdigit() or text.startswith(_OWN) else text


@dataclass(frozen=True, slots=True)
class ReferenceShape:
    """A reference; `stored` is one where the gateway may have the value already."""

    stored: bool
    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if self.stored and node.text == STORED:
            return
        if not isinstance(node.value, dict) or set(node.fields) & {"value"}:
            faults.append(Fault(node.line, path, _IN_CLEAR))
            return
        if len(node.fields) != 1 or not set(node.fields) <= {"env", "file"}:
            faults.append(Fault(node.line, path, "must be {env: NAME} or {file: PATH}"))
            return
        for place, target in node.fields.items():
            message = _find_fault(place, target.text)
            if message:
                faults.append(Fault(target.line, join(path, place), message))

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        env = Text(255, 1, _VARIABLE.pattern, help="Name of an environment variable.")
        file = Text(_MAX_PATH, 1, help="Path of a file, from the folder of this one.")
        forms: list[Schema] = [
            Fields({"env": env}, ("env",)).build_schema(),
            Fields({"file": file}, ("file",)).build_schema(),
        ]
        if self.stored:
            forms.append({"const": STORED, "description": "What the gateway has already."})
        return {"anyOf": forms} | ({"description": self.help} if self.help else {})


def _find_fault(place: str, target: str | None) -> str | None:
    if not target:
        return "must be text"
    if place == Place.FILE:
        return "is too long, or holds NUL" if len(target) > _MAX_PATH or "\0" in target else None
    if not _VARIABLE.fullmatch(target):
        return "must be the name of an environment variable, without $ or braces"
    if target.startswith(_OWN):
        return f"may not begin with {_OWN}: such variables are the gateway's own settings"
    return None


_DIGEST: Final[Shape] = Fields(
    {
        "sha256": Text(64, 64, r"[0-9a-f]{64}", "64 lower-case hexadecimal digits"),
        "masked": Text(
            10,
            3,
            r"[!-~]{0,3}(\.\.\.|\*\*\*)[!-~]{0,4}",
            "the first three characters, three dots or stars, and the last four",
            help="What listings show of the key.",
        ),
    },
    ("sha256", "masked"),
    "A key whose value only its application has.",
)


@dataclass(frozen=True, slots=True)
class KeyValueShape:
    """An api key's value: its digest, or a reference."""

    help: str = ""

    def check(self, node: Node, path: str, faults: Faults) -> None:
        """Add what is wrong with a node."""
        if isinstance(node.value, dict) and "sha256" in node.value:
            _DIGEST.check(node, path, faults)
        else:
            ReferenceShape(stored=False).check(node, path, faults)

    def build_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of such a value."""
        forms: list[Any] = ReferenceShape(stored=False).build_schema()["anyOf"]
        schema: Schema = {"anyOf": [_DIGEST.build_schema(), *forms]}
        return schema | ({"description": self.help} if self.help else {})
