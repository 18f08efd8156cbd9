"""Where a written stream's events go: numbered, framed, and the items that they amount to.

Rule: numbers count up from 0 without a gap; an item's place is the order in which it began.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.dialects.hub import Asked, Tool
from gateway.dialects.hub.carry import build_id
from gateway.dialects.spec import dump_json


class Outlet:
    """Takes the events of one stream.

    `items` are the finished ones by their place; `framed` the bytes not yet taken; `ids` those of
    items and calls, each of which stands for one: SDKs refuse what comes twice.
    """

    __slots__ = ("asked", "framed", "ids", "items", "number", "tools")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in asked.request.tools}
        self.framed: list[bytes] = []
        self.ids: set[str] = set()
        self.items: list[dict[str, Any] | None] = []
        self.number = 0

    def take(self) -> bytes:
        """Return what was written since the last time."""
        framed = b"".join(self.framed)
        self.framed.clear()
        return framed

    def say(self, kind: str, **fields: Any) -> None:
        """Write an event."""
        event = {"type": kind, "sequence_number": self.number, **fields}
        self.framed.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), dump_json(event)))
        self.number += 1

    def say_delta(self, head: bytes, text: str, tail: bytes) -> None:
        """Write an event all of which but its text and number is known (see `build_frame`)."""
        self.framed.append(b"%b%d,%b%b%b" % (head, self.number, b'"delta":', dump_json(text), tail))
        self.number += 1

    def open_item(self, prefix: str, own_id: str | None = None) -> tuple[int, str]:
        """Return the place and the id of a new item; `own_id` is the vendor's, kept if it fits."""
        place = len(self.items)
        self.items.append(None)
        if own_id is None or not own_id.startswith(prefix) or own_id in self.ids:
            own_id = build_id(prefix, self.asked.request_id, place, length=48)
        self.ids.add(own_id)
        return place, own_id

    def find_call_id(self, call_id: str, place: int) -> str:
        """Return a call's id, one made for it where the vendor gave none, or one twice."""
        if not call_id or call_id in self.ids:
            call_id = build_id("call_", self.asked.request_id, place)
        self.ids.add(call_id)
        return call_id

    def add_item(self, place: int, item: Mapping[str, Any]) -> None:
        """Announce an item."""
        self.say("response.output_item.added", output_index=place, item=item)

    def end_item(self, place: int, item: dict[str, Any]) -> None:
        """Announce that an item is complete."""
        self.items[place] = item
        self.say("response.output_item.done", output_index=place, item=item)


def build_frame(kind: str, fields: Mapping[str, Any], more: bytes = b"") -> tuple[bytes, bytes]:
    """Return what stands before the number of a delta's event, and what behind its text."""
    known = dump_json({"type": kind, **fields})[:-1]
    head = b'event: %b\ndata: %b,"sequence_number":' % (kind.encode(), known)
    return head, more + b"}\n\n"
