"""What the matrix asks for, in the words of no vendor."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from gateway.dialects.hub import Feature

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# A PNG of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkAAIAAAoAAv/lxKUAAAAASUVORK5CYII="
)
MARK = "marker-one"
# A PDF without a page: nobody opens it.
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<<>>\n%%EOF\n").decode()


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of history; `calls` and `results` are (id, tool, text) each.

    `failed`: the results are errors.
    """

    role: str
    text: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    results: tuple[tuple[str, str, str], ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `features`: what its target may lack."""

    turns: tuple[Turn, ...] = (Turn("user", f"say {MARK}"),)
    system: tuple[str, ...] = ()
    image: bool = False
    document: bool = False
    tools: tuple[str, ...] = ()
    forced: str | None = None
    serial: bool = False
    schema: bool = False
    reasoning: bool = False
    stop: str | None = None
    max_tokens: int | None = None
    fault: str | None = None
    features: frozenset[Feature] = frozenset()


_LONG = " ".join(f"say marker-{number}" for number in range(40))
_CALLS = (("call_1", "get_weather", '{"city":"Rome"}'), ("call_2", "get_time", '{"city":"Rome"}'))
_RESULTS = (("call_1", "get_weather", "sunny-17"), ("call_2", "get_time", "noon-12"))
_HISTORY = (
    Turn("user", "weather and time in Rome?"),
    Turn("assistant", calls=_CALLS),
    Turn("tool", results=_RESULTS),
)
_FAILURE = (
    Turn("user", "weather in Rome?"),
    Turn("assistant", calls=_CALLS[:1]),
    Turn("tool", results=(("call_1", "get_weather", "broken-17"),), failed=True),
)
_LATE = (
    Turn("user", "hello"),
    Turn("assistant", "hi"),
    Turn("system", "You are marker-late."),
    Turn("user", f"say {MARK}"),
)
_BOTH = ("get_weather", "get_time")

ASKS: dict[str, Ask] = {
    "text": Ask(),
    "system": Ask(system=("You are marker-two.",)),
    "two systems": Ask(system=("You are marker-two.", "You like marker-three.")),
    "late system": Ask(turns=_LATE, features=frozenset({Feature.LATE_SYSTEM})),
    "multi-turn": Ask(turns=(Turn("user", "hello"), Turn("assistant", "hi"), *Ask().turns)),
    "tool": Ask(tools=_BOTH[:1], features=frozenset({Feature.TOOLS})),
    "parallel tools": Ask(tools=_BOTH, features=frozenset({Feature.TOOLS})),
    "tool result": Ask(turns=_HISTORY, tools=_BOTH, features=frozenset({Feature.TOOLS})),
    "tool error": Ask(turns=_FAILURE, tools=_BOTH, features=frozenset({Feature.TOOLS})),
    "serial tools": Ask(tools=_BOTH, serial=True, features=frozenset({Feature.SERIAL_CALLS})),
    "forced tool": Ask(
        tools=_BOTH, forced="get_time", features=frozenset({Feature.TOOL_CHOICE_NAMED})
    ),
    "image": Ask(image=True, features=frozenset({Feature.IMAGE})),
    "document": Ask(document=True, features=frozenset({Feature.DOCUMENT})),
    "structured": Ask(schema=True, features=frozenset({Feature.JSON_SCHEMA})),
    "reasoning": Ask(reasoning=True, max_tokens=4000, features=frozenset({Feature.REASONING})),
    "stop sequence": Ask(stop="heard", features=frozenset({Feature.STOP})),
    "length": Ask(turns=(Turn("user", _LONG),), max_tokens=16),
    "refusal": Ask(turns=(Turn("user", "please-refuse"),)),
    "cache": Ask(turns=(Turn("user", f"please-cache say {MARK}"),)),
    "error 400": Ask(fault="status=400"),
    "error 401": Ask(fault="status=401"),
    "error 404": Ask(fault="status=404"),
    "error 429": Ask(fault="status=429"),
    "error 500": Ask(fault="status=500"),
    "error 529": Ask(fault="status=529"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client has got: `finish` is stop, length, tool_calls, filtered or failed.

    `cached`: tokens read from a cache and written to one, None where the format has no field.
    """

    status: int
    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    finish: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    thoughts: str = ""
    refused: bool = False
    error: dict[str, Any] | None = None
    dropped: str = ""
    cached: tuple[int | None, int | None] = (None, None)
