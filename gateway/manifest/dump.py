"""A document as YAML: the same document, the same bytes.

Rule: fields stand in the order of the format, lists in that of the document; text that some reader
would take for a number, a date or a truth is quoted.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from gateway.manifest.format import DOCUMENT
from gateway.manifest.references import STORED, name_variable
from gateway.manifest.shapes import Fields, ListOf, Nullable

_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_EXACT: Final = 1 << 53  # up to here a float without a fraction is the same as its whole number


class _Inline(dict[str, Any]):
    """A mapping that is short enough for one line."""


class _Dumper(_DUMPER):  # type: ignore[misc]  # the base depends on the build of PyYAML
    """Quotes what YAML 1.1 or 1.2 would not read as text; writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        """Write everything out."""
        return True


_Dumper.add_representer(
    _Inline,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True),
)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+"),
    list("-+.0123456789"),
)


def dump_yaml(document: dict[str, Any]) -> str:
    """Return a document as YAML in block style."""
    return str(
        yaml.dump(
            _arrange(document, DOCUMENT),
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=1_000_000,  # a line for a value, whatever its length
        )
    )


def name_credentials(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document whose stored credentials are environment variables to be set.

    Two secrets whose names differ in punctuation alone would share a variable: the later one in
    the document gets a number behind its own.
    """
    taken: set[str] = set()
    secrets = []
    for secret in document.get("secrets", []):
        fields = {
            part: {"env": _pick(name_variable(secret["secret_name"], part), taken)}
            if value == STORED
            else value
            for part, value in secret["secret_value"].items()
        }
        secrets.append({**secret, "secret_value": fields})
    return {**document, "secrets": secrets} if "secrets" in document else document


def _pick(name: str, taken: set[str]) -> str:
    number, picked = 1, name
    while picked in taken:
        number += 1
        picked = f"{name}_{number}"
    taken.add(picked)
    return picked


def _arrange(value: Any, shape: Any) -> Any:
    if isinstance(shape, Nullable):
        shape = shape.shape
    if isinstance(value, dict):
        if not isinstance(shape, Fields):
            inline = set(value) <= {"env", "file"} or "sha256" in value
            return _Inline(value) if inline else dict(sorted(value.items()))
        order = {name: place for place, name in enumerate(shape.fields)}
        names = sorted(value, key=lambda name: order.get(name, len(order)))
        return {name: _arrange(value[name], shape.fields.get(name)) for name in names}
    if isinstance(value, list):
        inner = shape.shape if isinstance(shape, ListOf) else None
        return [_arrange(item, inner) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
