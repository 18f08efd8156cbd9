"""A configuration file as it was checked, and the document that is made of it.

Rule: a document leaves with its credentials in `Secret`s; whatever the gateway says of a field
leads back to its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import ManifestError
from gateway.manifest.format import DOCUMENT, SECTIONS, SETTINGS, VERSION, VERSION_FIELD
from gateway.manifest.references import STORED, Reference, parse_reference
from gateway.secret import Secret
from gateway.yaml_nodes import Fault, Node, build_error, build_plain, parse_yaml

_STEP: Final = re.compile(r"\[([0-9]{1,9})\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Owned:
    """A reference with the secret or api key that it belongs to; `part` is a secret's field."""

    reference: Reference
    section: str
    owner: str
    part: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file that is right in itself; whether the gateway can run it, only the gateway knows."""

    name: str
    root: Node

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections that it has beside `settings`."""
        return tuple(name for name in SECTIONS if name in self.root.fields)

    def find_line(self, path: str) -> int:
        """Return the line of a field, or of the nearest thing around it that the file has."""
        node = self.root
        for index, name in _STEP.findall(path):
            if index:
                found = node.items[int(index)] if int(index) < len(node.items) else None
            else:
                found = node.fields.get(name)
            if found is None:
                break
            node = found
        return node.line

    def build_fault(self, path: str, message: str) -> ManifestError:
        """Build the error of one field."""
        return build_error(self.name, [Fault(self.find_line(path), path, message)])


def parse_manifest(raw: bytes, name: str) -> Manifest:
    """Parse a configuration file and check it against the format.

    Raises:
        ManifestError: with all that is wrong, a line each.
    """
    root = parse_yaml(raw, name)
    if root.value is None:
        raise build_error(name, [Fault(0, "", f"is empty; it begins with {VERSION_FIELD}: 1")])
    faults: list[Fault] = []
    version = root.get(VERSION_FIELD)
    if isinstance(root.value, dict) and version is not None and version.value != VERSION:
        message = f"must be {VERSION}: this Lockgate reads no other version of the format"
        raise build_error(name, [Fault(version.line, VERSION_FIELD, message)])
    DOCUMENT.check(root, "", faults)
    if faults:
        raise build_error(name, faults)
    return Manifest(name, root)


def iter_references(manifest: Manifest) -> Iterator[Owned]:
    """Return the references of a file, in its order."""
    for index, secret in _iter_items(manifest, "secrets"):
        for part, node in _fields_of(secret, "secret_value").items():
            found = parse_reference(node, f"secrets[{index}].secret_value.{part}")
            if found is not None:
                yield Owned(found, "secrets", _text(secret, "secret_name"), part)
    for index, key in _iter_items(manifest, "api_keys"):
        value = key.get("value")
        found = None if value is None else parse_reference(value, f"api_keys[{index}].value")
        if found is not None:
            yield Owned(found, "api_keys", _text(key, "name"), None)


def build_document(manifest: Manifest, values: Mapping[str, Secret]) -> dict[str, Any]:
    """Return what is sent to a gateway.

    `values` has the credentials by the path of their references; one that is not there stays
    as the gateway has it.
    """
    document: dict[str, Any] = build_plain(manifest.root)
    document.pop(SETTINGS, None)
    for owned in iter_references(manifest):
        reference = owned.reference
        *steps, (_, last) = _STEP.findall(reference.path)
        place: Any = document
        for index, name in steps:
            place = place[int(index) if index else name]
        if reference.path in values:
            place[last] = {"value": values[reference.path]}
        elif owned.part is None:
            del place[last]  # what a key does not say stays as it is
        else:
            place[last] = STORED
    return document


def check_unset(manifest: Manifest, unset: Sequence[Owned], stored: Mapping[str, Any]) -> list[str]:
    """Return a line for each value that stays as it is, as its variable is not set.

    `stored` is the gateway's configuration as a document.

    Raises:
        ManifestError: the gateway has no value yet.
    """
    secrets = {row["secret_name"]: row.get("secret_value", {}) for row in stored.get("secrets", ())}
    keys = {row["name"] for row in stored.get("api_keys", ())}
    notes, faults = [], []
    for owned in unset:
        reference = owned.reference
        parts = secrets.get(owned.owner, {})
        if owned.owner in keys if owned.part is None else owned.part in parts:
            notes.append(
                f"{manifest.name}:{reference.line}: {reference.target} is not set: "
                f"{reference.path} stays as it is stored"
            )
        else:
            message = f"{reference.target} is not set, and the gateway has no value yet"
            faults.append(Fault(reference.line, reference.path, message))
    if faults:
        raise build_error(manifest.name, faults)
    return notes


def _iter_items(manifest: Manifest, section: str) -> Iterator[tuple[int, Node]]:
    node = manifest.root.get(section)
    return enumerate([] if node is None else node.items)


def _fields_of(node: Node, name: str) -> dict[str, Node]:
    found = node.get(name)
    return {} if found is None else found.fields


def _text(node: Node, name: str) -> str:
    found = node.get(name)
    return "" if found is None else found.text or ""
