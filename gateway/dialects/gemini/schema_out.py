"""JSON schemas in Gemini's subset of OpenAPI, for models and servers that know nothing else.

Source: the Generative Language API's reference, `Schema`.

References are put in where they stand, ``oneOf`` is ``anyOf``, ``const`` an enumeration of one,
and ``null`` among the types is ``nullable``.

Rule: a keyword that the subset lacks is told to the caller, unless it says nothing of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Json = dict[str, Any]
_KEPT: Final = frozenset(
    {"title", "description", "minItems", "maxItems", "minLength", "maxLength", "pattern"}
    | {"minimum", "maximum", "minProperties", "maxProperties", "propertyOrdering", "nullable"}
)
_SAYS_NOTHING: Final = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "deprecated", "readOnly"}
    | {"writeOnly", "examples", "example", "default"}
)
_FORMATS: Final = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
_DEFINITIONS: Final = ("$defs", "definitions")
_MOST_NODES: Final = 5_000  # references within references may multiply without end


class _Writer:
    """Writes one schema."""

    __slots__ = ("_lose", "_nodes", "_root", "_within")

    def __init__(self, root: Mapping[str, Any], lose: Callable[[str], None]) -> None:
        self._root = root
        self._lose = lose
        self._within: list[str] = []  # references that are being put in
        self._nodes = 0

    def dump(self, schema: Any) -> Json:
        """Return a schema, or a part of one, in the subset."""
        self._nodes += 1
        if not isinstance(schema, dict):
            if schema is False:
                self._lose("false")
            return {}
        if self._nodes > _MOST_NODES:
            self._lose("$ref")
            return {"type": "OBJECT"}
        if isinstance(schema.get("$ref"), str):
            return self._dump_reference(schema)
        dumped: Json = {}
        for name, value in self._merge(schema).items():
            write = _FIELDS.get(name)
            if write is not None:
                write(self, value, dumped)
            elif name in _KEPT:
                dumped[name] = value
            elif name not in _SAYS_NOTHING:
                self._lose(name)
        return self._complete(dumped)

    def _merge(self, schema: Json) -> Json:
        """Return a schema with what its allOf demands besides."""
        several = schema.get("allOf")
        if not isinstance(several, list):
            return schema
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for one in several:
            resolved = self._resolve(one)
            for name, value in resolved.items() if isinstance(resolved, dict) else ():
                if name == "properties" and isinstance(merged.get(name), dict):
                    merged[name] = {**merged[name], **(value if isinstance(value, dict) else {})}
                elif name == "required" and isinstance(merged.get(name), list):
                    merged[name] = [*merged[name], *(value if isinstance(value, list) else ())]
                elif name in merged and merged[name] != value and name not in _SAYS_NOTHING:
                    self._lose("allOf")
                else:
                    merged[name] = value
        return merged

    def _resolve(self, schema: Any) -> Any:
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        return self._find(reference) if isinstance(reference, str) else schema

    def _find(self, reference: str) -> Any:
        found: Any = self._root
        for name in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            key = name.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def _dump_reference(self, schema: Json) -> Json:
        reference = schema["$ref"]
        found = self._find(reference) if reference.startswith("#") else None
        if reference in self._within or not isinstance(found, dict):
            self._lose("$ref")  # one that never ends, or leads nowhere
            return {"type": "OBJECT"}
        self._within.append(reference)
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        dumped = self.dump({**found, **beside})
        self._within.pop()
        return dumped

    # --- keywords ---------------------------------------------------------------------------

    def _write_type(self, value: Any, dumped: Json) -> None:
        kinds = value if isinstance(value, list) else [value]
        named = [one.upper() for one in kinds if isinstance(one, str) and one != "null"]
        if len(named) < len(kinds):
            dumped["nullable"] = True
        if len(named) == 1:
            dumped["type"] = named[0]
        elif named:
            dumped["anyOf"] = [*dumped.get("anyOf", ()), *({"type": one} for one in named)]

    def _write_properties(self, value: Any, dumped: Json) -> None:
        if isinstance(value, dict):
            dumped["properties"] = {name: self.dump(one) for name, one in value.items()}

    def _write_items(self, value: Any, dumped: Json) -> None:
        dumped["items"] = self.dump(value)

    def _write_required(self, value: Any, dumped: Json) -> None:
        if isinstance(value, list) and value:
            dumped["required"] = list(dict.fromkeys(one for one in value if isinstance(one, str)))

    def _write_choices(self, value: Any, dumped: Json) -> None:
        choices = [self._resolve(one) for one in value] if isinstance(value, list) else []
        others = [one for one in choices if one != {"type": "null"}]
        if len(others) < len(choices):
            dumped["nullable"] = True
        written = [self.dump(one) for one in (value if isinstance(value, list) else ())]
        kept = [one for one, plain in zip(written, choices, strict=True) if plain in others]
        if len(kept) == 1:
            dumped.update({name: one for name, one in kept[0].items() if name not in dumped})
        elif kept:
            dumped["anyOf"] = [*dumped.get("anyOf", ()), *kept]

    def _write_enum(self, value: Any, dumped: Json) -> None:
        values = value if isinstance(value, list) else []
        texts = [one for one in values if isinstance(one, str)]
        if None in values:
            dumped["nullable"] = True
        if len(texts) + values.count(None) < len(values):
            self._lose("enum")  # numbers cannot be listed
        elif texts:
            dumped["enum"] = texts
            dumped.setdefault("type", "STRING")

    def _write_const(self, value: Any, dumped: Json) -> None:
        self._write_enum([value], dumped)

    def _write_format(self, value: Any, dumped: Json) -> None:
        if value in _FORMATS:
            dumped["format"] = value
        else:
            self._lose("format")

    def _complete(self, dumped: Json) -> Json:
        if "properties" in dumped:
            dumped.setdefault("type", "OBJECT")
            names = dumped["properties"]
            if "required" in dumped:
                dumped["required"] = [one for one in dumped["required"] if one in names]
        if dumped.get("type") == "ARRAY" and "items" not in dumped:
            dumped["items"] = {}
        if dumped.get("required") == []:
            del dumped["required"]
        return dumped


_FIELDS: Final[Mapping[str, Callable[[_Writer, Any, Json], None]]] = {
    "type": _Writer._write_type,  # noqa: SLF001  the class's own table
    "properties": _Writer._write_properties,  # noqa: SLF001
    "items": _Writer._write_items,  # noqa: SLF001
    "required": _Writer._write_required,  # noqa: SLF001
    "anyOf": _Writer._write_choices,  # noqa: SLF001
    "oneOf": _Writer._write_choices,  # noqa: SLF001
    "enum": _Writer._write_enum,  # noqa: SLF001
    "const": _Writer._write_const,  # noqa: SLF001
    "format": _Writer._write_format,  # noqa: SLF001
}


def dump_schema(schema: Mapping[str, Any], lose: Callable[[str], None]) -> Json:
    """Return a JSON schema in Gemini's subset.

    Args:
        schema: a JSON schema.
        lose: is told each keyword that the subset lacks.
    """
    return _Writer(schema, lose).dump(dict(schema))
