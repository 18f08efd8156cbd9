"""Calls of tools while they are written as items of a stream.

A tool that the client has declared as a custom one takes free text; vendors without such tools
call it as a function with one ``input``: here that becomes a custom call again. The search for
tools that a client runs itself is a function to other vendors, and an item of its own here.

Rule: a call's name, namespace and kind are those that the client has declared.
"""

from __future__ import annotations

from typing import Any

from gateway.dialects.hub import PartAdded, Tool, ToolCall, ToolKind
from gateway.dialects.hub.carry import put_in_id
from gateway.dialects.openai_responses.free_text import FreeText
from gateway.dialects.openai_responses.outlet import Outlet, build_frame
from gateway.dialects.openai_responses.tools_in import TOOL_SEARCH
from gateway.dialects.spec import load_object


class OpenCall:
    """A function call or a custom call."""

    __slots__ = (
        "_added",
        "_call_id",
        "_custom",
        "_frame",
        "_name",
        "_outlet",
        "_part",
        "_search",
        "_signature",
        "_texts",
        "_tool",
        "_wrapped",
        "id",
        "place",
    )

    def __init__(self, outlet: Outlet, part: ToolCall) -> None:
        self._outlet, self._part = outlet, part
        self._call_id, self._name, self._signature = part.id, part.name, part.signature
        self._texts = [part.arguments] if part.arguments else []
        self._added = False
        self._frame = (b"", b"")
        self._tool: Tool | None = None
        self._custom = part.custom
        self._wrapped: FreeText | None = None
        self._search = False
        self.place, self.id = 0, ""
        if self._name:
            self._add()

    def grow(self, text: str) -> None:
        """Write more of the arguments, or of the input."""
        if self._wrapped is not None:
            text = self._wrapped.feed(text)
        self._texts.append(text)
        if text and self._added and not self._search:
            self._outlet.say_delta(self._frame[0], text, self._frame[1])

    def learn(self, more: PartAdded) -> None:
        """Take in what comes late: a signature, the id, the name.

        What is said of an item stays so, SDKs hold on to it: after that it is too late.
        """
        if self._added:
            return
        self._call_id = more.id or self._call_id
        self._signature = more.signature or self._signature
        self._name = more.name or self._name
        if self._name:
            self._add()

    def end(self) -> None:
        """Write the call's end."""
        if not self._added:
            self._add()
        text = "".join(self._texts)
        rest = "{}" if not self._custom and not text.strip() else ""  # clients parse it
        if self._wrapped is not None:
            rest = self._wrapped.finish()
        text += rest
        if self._search:
            self._outlet.end_item(self.place, self._build(text, "completed"))
            return
        if rest:
            self._outlet.say_delta(self._frame[0], rest, self._frame[1])
        where = {"item_id": self.id, "output_index": self.place}
        if self._custom:
            self._outlet.say("response.custom_tool_call_input.done", **where, input=text)
        else:
            name = {"name": self._build("")["name"]}
            kind = "response.function_call_arguments.done"
            self._outlet.say(kind, **where, **name, arguments=text)
        self._outlet.end_item(self.place, self._build(text, "completed"))

    def _add(self) -> None:
        self._added = True
        self._tool = self._outlet.tools.get(self._name)
        if self._tool is not None and self._tool.kind is ToolKind.CUSTOM and not self._custom:
            self._custom, self._wrapped = True, FreeText()
            self._texts = [self._wrapped.feed("".join(self._texts))]
        self._search = self._tool is not None and self._tool.raw.get("type") == TOOL_SEARCH
        prefix = "tsc_" if self._search else "ctc_" if self._custom else "fc_"
        self.place, self.id = self._outlet.open_item(prefix, self._part.item_id)
        self._call_id = self._outlet.find_call_id(self._call_id, self.place)
        self._outlet.add_item(self.place, self._build(""))
        kind = "custom_tool_call_input" if self._custom else "function_call_arguments"
        where = {"item_id": self.id, "output_index": self.place}
        self._frame = build_frame(f"response.{kind}.delta", where)
        known = "".join(self._texts)
        if known and not self._search:
            self._outlet.say_delta(self._frame[0], known, self._frame[1])

    def _build(self, text: str, status: str = "in_progress") -> dict[str, Any]:
        tool = self._tool
        item: dict[str, Any] = {
            "id": self.id,
            "type": "custom_tool_call" if self._custom else "function_call",
            "status": status,
            "call_id": put_in_id(self._call_id, self._signature),
        }
        if self._search:
            arguments = load_object(text.encode("utf-8", "surrogatepass")) or {}
            kind = f"{TOOL_SEARCH}_call"
            return item | {"type": kind, "execution": "client", "arguments": arguments}
        item |= {
            "name": self._name if tool is None else tool.bare_name or tool.name,
            "input" if self._custom else "arguments": text,
        }
        if tool is not None and tool.namespace is not None:
            item["namespace"] = tool.namespace
        return item
