"""The hub's tools as Gemini's declarations, and how they may be called.

Source: the Generative Language API's reference, `Tool`, `FunctionDeclaration` and `ToolConfig`;
ai.google.dev/gemini-api/docs/function-calling ("Function calling modes").

Rule: schemas go as JSON Schema; only who takes nothing else gets the subset of OpenAPI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.gemini.models import is_first
from gateway.dialects.gemini.schema_out import dump_schema
from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Family,
    Feature,
    Losses,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.entities import Dialect

Json = dict[str, Any]
# What a custom tool takes where there are only functions.
_INPUT: Final[Json] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
_DECLARATIONS: Final = "functionDeclarations"


def wants_subset(to: Destination) -> bool:
    """Tell whether schemas must be in the subset of OpenAPI."""
    return to.quirks.openapi_schema or is_first(to.model)


def build_loser(losses: Losses, place: str) -> Callable[[str], None]:
    """Return what notes a schema's keyword, as one of the schema at `place`."""
    return lambda keyword: losses.lose(Feature.SCHEMA_KEYWORD, f"{place}.{keyword}")


class ToolsOut:
    """Writes the tools of one request.

    Attributes:
        declarations: of the functions; whoever needs a stand-in adds one.
        hosted: tools that run at Google.
    """

    __slots__ = ("_losses", "_request", "_subset", "declarations", "hosted")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._losses = losses
        self._subset = wants_subset(to)
        self.declarations: list[Json] = []
        self.hosted: list[Json] = []
        for tool in request.tools:
            self._add(tool)
        if request.parallel_calls is False and self.declarations:
            losses.lose(Feature.SERIAL_CALLS, find_place(request.dialect, Feature.SERIAL_CALLS))

    def _add(self, tool: Tool) -> None:
        if tool.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
        if tool.kind is ToolKind.HOSTED:
            if tool.family is Family.GEMINI:
                self.hosted.append(dict(tool.raw))
            else:
                self._losses.lose(Feature.HOSTED_TOOL, tool.at)
            return
        declaration: Json = {"name": tool.name}
        if tool.description:
            declaration["description"] = tool.description
        if tool.kind is ToolKind.CUSTOM:
            if tool.grammar is not None and tool.grammar.get("type") != "text":
                self._losses.lose(Feature.TOOL_GRAMMAR, f"{tool.at}.format")
            declaration |= self._dump_parameters(_INPUT, tool.at)
        elif tool.parameters is not None:
            declaration |= self._dump_parameters(tool.parameters, tool.at)
        self.declarations.append({**declaration, **self._pick_extra(tool)})

    def _pick_extra(self, tool: Tool) -> Mapping[str, Any]:
        if tool.family is Family.GEMINI and self._request.dialect is Dialect.GEMINI:
            return tool.extra
        for name in tool.extra:
            self._losses.lose(Feature.EXTRA, f"{tool.at}.{name}")
        return {}

    def _dump_parameters(self, schema: Mapping[str, Any], place: str) -> Json:
        if self._subset:
            return {"parameters": dump_schema(schema, build_loser(self._losses, place))}
        return {"parametersJsonSchema": dict(schema)}

    def stand_in(self, schema: Mapping[str, Any], place: str) -> None:
        """Add the tool whose call is the answer."""
        declaration: Json = {"name": ANSWER_TOOL, "description": "Gives the answer."}
        self.declarations.append(declaration | self._dump_parameters(schema, place))

    def dump(self) -> list[Json]:
        """Return the tools."""
        functions = [{_DECLARATIONS: self.declarations}] if self.declarations else []
        return [*functions, *self.hosted]

    def dump_choice(self) -> Json | None:
        """Return the functionCallingConfig; None where it goes without saying."""
        if not self.declarations:
            self._check_hosted()
            return None
        if self.declarations[-1]["name"] == ANSWER_TOOL:
            return self._dump_stand_in()
        choice = self._request.tool_choice or ToolChoice(ToolMode.AUTO)
        self._check_hosted()
        if choice.mode is ToolMode.NONE:
            return {"mode": "NONE"}
        if choice.mode in {ToolMode.REQUIRED, ToolMode.NAMED}:
            return {"mode": "ANY", **_dump_names(choice)}
        is_strict = any(tool.strict for tool in self._request.tools)
        if choice.names or choice.strict or is_strict:  # names stand beside this mode alone
            return {"mode": "VALIDATED", **_dump_names(choice)}
        return {"mode": "AUTO"} if self._request.tool_choice is not None else None

    def _dump_stand_in(self) -> Json:
        """Return that an answer is a call as well: of the named tool, or of any."""
        choice = self._request.tool_choice
        if choice is None or choice.mode is ToolMode.AUTO:
            names = choice.names if choice is not None else ()
            return {"mode": "ANY", **_dump_names(ToolChoice(ToolMode.AUTO, names), ANSWER_TOOL)}
        if choice.mode is ToolMode.NONE:
            return {"mode": "ANY", "allowedFunctionNames": [ANSWER_TOOL]}
        return {"mode": "ANY", **_dump_names(choice)}

    def _check_hosted(self) -> None:
        """Refuse that a tool of another vendor must be called."""
        choice = self._request.tool_choice
        if choice is None or choice.mode is not ToolMode.NAMED:
            return
        if choice.names and choice.names[0] not in {one["name"] for one in self.declarations}:
            place = find_place(self._request.dialect, Feature.TOOL_CHOICE_NAMED)
            self._losses.lose(Feature.TOOL_CHOICE_NAMED, place)


def _dump_names(choice: ToolChoice, *more: str) -> Json:
    return {"allowedFunctionNames": [*choice.names, *more]} if choice.names else {}
