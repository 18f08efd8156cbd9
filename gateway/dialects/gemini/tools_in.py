"""A client's tools and how they may be called, as the hub's.

Source: the Generative Language API's reference, `Tool`, `FunctionDeclaration` and `ToolConfig`.

Rule: what runs at Google is a HOSTED tool under its field's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.dialects.gemini.schema_in import parse_schema
from gateway.dialects.gemini.spelling import spell_fields
from gateway.dialects.hub import Family, Tool, ToolChoice, ToolKind, ToolMode
from gateway.dialects.hub.fields import join_path, read, read_objects, read_texts, refuse, want

_Object = Mapping[str, Any]
_DECLARATIONS: Final = "functionDeclarations"
_FIELDS: Final = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
_MODES: Final = {
    "MODE_UNSPECIFIED": ToolMode.AUTO,
    "AUTO": ToolMode.AUTO,
    "VALIDATED": ToolMode.AUTO,
    "ANY": ToolMode.REQUIRED,
    "NONE": ToolMode.NONE,
}
_VALIDATED: Final = "VALIDATED"


def parse_tools(body: _Object, at: str) -> Iterator[Tool]:
    """Yield the tools of a request."""
    for path, given in read_objects(body, "tools", at):
        tool = spell_fields(given)
        for name, value in tool.items():
            if name == _DECLARATIONS:
                for of_one, declaration in read_objects(tool, name, path):
                    yield _parse_function(spell_fields(declaration), of_one)
            elif value is not None:
                yield Tool(
                    name,
                    kind=ToolKind.HOSTED,
                    raw={name: value},
                    family=Family.GEMINI,
                    at=f"{path}.{name}",
                )


def _parse_function(declaration: _Object, at: str) -> Tool:
    parameters = read(declaration, "parametersJsonSchema", dict, at)
    subset = read(declaration, "parameters", dict, at)
    if parameters is None and subset is not None:
        parameters = parse_schema(subset)
    return Tool(
        want(declaration, "name", str, at),
        read(declaration, "description", str, at),
        parameters,
        family=Family.GEMINI,
        at=at,
        extra={name: value for name, value in declaration.items() if name not in _FIELDS},
    )


def parse_choice(body: _Object, at: str) -> tuple[ToolChoice | None, dict[str, Any]]:
    """Return how tools may be called, and what else the configuration of tools says."""
    path = join_path(at, "toolConfig")
    config = spell_fields(read(body, "toolConfig", dict, at) or {})
    rest = {
        f"toolConfig.{name}": value
        for name, value in config.items()
        if name != "functionCallingConfig" and value is not None
    }
    given = read(config, "functionCallingConfig", dict, path)
    if given is None:
        return None, rest
    path = f"{path}.functionCallingConfig"
    calling = spell_fields(given)
    word = (read(calling, "mode", str, path) or "AUTO").upper()
    mode = _MODES.get(word)
    if mode is None:
        refuse(f"{path}.mode", "AUTO, ANY, NONE or VALIDATED")
    names = read_texts(calling, "allowedFunctionNames", path)
    if mode is ToolMode.REQUIRED and len(names) == 1:
        mode = ToolMode.NAMED
    return ToolChoice(mode, names, strict=True if word == _VALIDATED else None), rest
