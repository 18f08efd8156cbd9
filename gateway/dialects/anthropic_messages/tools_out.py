"""Tools, the choice among them, and the form of the answer.

Source: Anthropic's API reference, "Create a Message"; "Define tools"; "Structured outputs".

- A custom tool of OpenAI's takes one text called ``input``.
- Where only some tools are allowed the others are not offered.
- A schema that the server does not take is a tool that has to be called (`hub.structured`).

Rule: a tool that another vendor runs is reported; one that has to be called is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.dialects.anthropic_messages.blocks_out import BlockWriter
from gateway.dialects.anthropic_messages.generations import Generation
from gateway.dialects.anthropic_messages.schemas import build_input_schema, fit_schema
from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Family,
    Feature,
    Losses,
    OutputFormat,
    OutputKind,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.dialects.spec import dump_json
from gateway.entities import Dialect, SchemaSupport

Json = dict[str, Any]
_MODES: Final = {
    ToolMode.AUTO: "auto",
    ToolMode.REQUIRED: "any",
    ToolMode.NAMED: "tool",
    ToolMode.NONE: "none",
}
_FEATURES: Final = {
    ToolMode.REQUIRED: Feature.TOOL_CHOICE_REQUIRED,
    ToolMode.NAMED: Feature.TOOL_CHOICE_NAMED,
    ToolMode.NONE: Feature.TOOL_CHOICE_NONE,
}
_FORCING: Final = frozenset({ToolMode.REQUIRED, ToolMode.NAMED})
_TEXT_INPUT: Final = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
_ANY_OBJECT: Final = "Answer with one JSON object alone, without any text around it."
_SCHEMA: Final = "Answer with JSON alone, without any text around it, that follows this schema:\n"


@dataclass(slots=True)
class Offer:
    """What a request says of tools and of the answer's form.

    Attributes:
        told: what the system prompt says of the form.
    """

    tools: list[Json] = field(default_factory=list)
    choice: Json | None = None
    format: Json | None = None
    told: str | None = None

    @property
    def is_forced(self) -> bool:
        """Whether a tool has to be called."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


class OfferBuilder:
    """Builds the offer of one request."""

    __slots__ = ("_losses", "_model", "_request", "_to", "_writer")

    def __init__(
        self,
        request: ChatRequest,
        to: Destination,
        model: Generation,
        writer: BlockWriter,
        losses: Losses,
    ) -> None:
        self._request = request
        self._to = to
        self._model = model
        self._writer = writer
        self._losses = losses

    def build(self) -> Offer:
        """Return the offer.

        Raises:
            NotExpressibleError: a tool or a form that cannot be had.
        """
        request = self._request
        offer = Offer()
        names = self._offer_tools(offer)
        choice = request.tool_choice
        if choice is not None:
            offer.choice = self._choose(choice, names)
        if request.output is not None:
            self._form(request.output, offer)
        if offer.tools and request.parallel_calls is not None:
            self._serialise(offer, is_serial=not request.parallel_calls)
        return offer

    def _offer_tools(self, offer: Offer) -> frozenset[str]:
        allowed = self._list_allowed()
        names = []
        for tool in self._request.tools:
            if allowed and tool.name not in allowed:
                continue
            dumped = self._dump_tool(tool)
            if dumped is not None:
                offer.tools.append(dumped)
                names.append(tool.name)
        return frozenset(names)

    def _list_allowed(self) -> tuple[str, ...]:
        choice = self._request.tool_choice
        if choice is None or choice.mode not in (ToolMode.AUTO, ToolMode.REQUIRED):
            return ()
        return choice.names

    def _dump_tool(self, tool: Tool) -> Json | None:
        if tool.kind is ToolKind.HOSTED:
            if tool.family is Family.ANTHROPIC:
                return dict(tool.raw)
            self._losses.lose(Feature.HOSTED_TOOL, tool.at)
            return None
        dumped: Json = {"name": tool.name}
        if tool.description is not None:
            dumped["description"] = tool.description
        if tool.kind is ToolKind.CUSTOM:
            dumped["input_schema"] = _TEXT_INPUT
            if tool.grammar is not None and tool.grammar.get("type") != "text":
                self._losses.lose(Feature.TOOL_GRAMMAR, f"{tool.at}.format")
        else:
            dumped["input_schema"] = build_input_schema(tool.parameters)
        return self._writer.mark(dumped | self._add_own(tool), tool.cache, tool.at)

    def _add_own(self, tool: Tool) -> Json:
        """Return what only Anthropic's clients say of a tool.

        Another vendor's strict schemas are of another kind; not all are taken here.
        """
        if self._request.dialect is not Dialect.ANTHROPIC_MESSAGES:
            if tool.strict:
                self._losses.lose(Feature.STRICT_TOOL, f"{tool.at}.strict")
            return {}
        strict = {} if tool.strict is None else {"strict": tool.strict}
        return strict | dict(tool.extra)

    def _choose(self, choice: ToolChoice, names: frozenset[str]) -> Json | None:
        forcing = choice.mode in _FORCING
        is_named = choice.mode is ToolMode.NAMED
        is_lost = not names or (is_named and choice.names[0] not in names)
        if forcing and (is_lost or not self._model.can_be_forced):
            self._lose(_FEATURES[choice.mode])
        if not names:
            return None
        feature = _FEATURES.get(choice.mode)
        if feature is not None and feature.value in self._to.quirks.unsupported:
            self._lose(feature)
            return None
        named = {"name": choice.names[0]} if is_named else {}
        return {"type": _MODES[choice.mode], **named}

    def _lose(self, feature: Feature) -> None:
        self._losses.lose(feature, find_place(self._request.dialect, feature))

    def _serialise(self, offer: Offer, *, is_serial: bool) -> None:
        """Say whether several tools may be called at once; that stands in the choice."""
        is_own = self._request.dialect is Dialect.ANTHROPIC_MESSAGES
        if not is_serial and not is_own:
            return
        choice = offer.choice or {"type": "auto"}
        if choice["type"] == "none":
            return
        if Feature.SERIAL_CALLS.value in self._to.quirks.unsupported:
            self._lose(Feature.SERIAL_CALLS)
            return
        offer.choice = choice | {"disable_parallel_tool_use": is_serial}

    def _form(self, output: OutputFormat, offer: Offer) -> None:
        if output.kind is OutputKind.TEXT:
            return
        if output.kind is OutputKind.JSON or output.schema is None:
            offer.told = _ANY_OBJECT
            return
        support = self._find_support(output)
        if support is SchemaSupport.NONE:
            self._lose(Feature.JSON_SCHEMA)
        elif support is SchemaSupport.JSON_OBJECT:
            offer.told = _SCHEMA + dump_json(output.schema).decode()
        elif support is SchemaSupport.TOOL:
            self._stand_in(output, offer)
        else:
            offer.format = {"type": "json_schema", "schema": self._fit(output)}

    def _find_support(self, output: OutputFormat) -> SchemaSupport:
        """Return how the schema is taken: a tool takes objects, and only a model that is forced."""
        support = self._to.quirks.schema
        if support is SchemaSupport.NATIVE and not self._model.has_schemas:
            support = SchemaSupport.TOOL if self._model.is_known else SchemaSupport.JSON_OBJECT
        schema = output.schema or {}
        if support is SchemaSupport.TOOL and (
            schema.get("type", "object") != "object" or not self._model.can_be_forced
        ):
            return SchemaSupport.JSON_OBJECT
        return support

    def _fit(self, output: OutputFormat) -> Json:
        schema = dict(output.schema or {})
        if self._request.dialect is Dialect.ANTHROPIC_MESSAGES:
            return schema
        fitted, is_told = fit_schema(schema)
        if is_told:
            self._lose(Feature.SCHEMA_KEYWORD)
        return fitted

    def _stand_in(self, output: OutputFormat, offer: Offer) -> None:
        """Offer the tool whose input is the answer."""
        offer.tools.append(
            {
                "name": ANSWER_TOOL,
                "description": output.description or "Gives the answer. Call it once, at the end.",
                "input_schema": build_input_schema(output.schema),
            }
        )
        is_alone = len(offer.tools) == 1 or (offer.choice or {}).get("type") == "none"
        offer.choice = {"type": "tool", "name": ANSWER_TOOL} if is_alone else {"type": "any"}
