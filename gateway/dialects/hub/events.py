"""The events of a streamed chat answer, whatever its wire format.

The order of one choice's: `Begun` once for the stream, then per part `PartBegun`, `PartDelta`...,
`PartEnded`; `ChoiceEnded`; at the stream's end `Ended`. `Counted` comes anywhere, cumulative.
Parts of one choice may be open side by side (parallel calls); a writer that cannot have that holds
the later one back (`stream.Sequencer`). A part's `number` counts
from 0 within its choice, without gaps.

Rule: events are plain tuples: a stream makes one for each few letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from gateway.dialects.hub.answer import Finish
from gateway.dialects.hub.content import Citation, Part
from gateway.dialects.spec import StreamFailure, Usage


class Begun(NamedTuple):
    """The answer begins; counts may be known already."""

    id: str
    model: str
    created_s: int | None = None
    service_tier: str | None = None


class PartBegun(NamedTuple):
    """A part begins; `part` holds what is known of it, its growing text empty.

    Media and `Opaque` parts come whole.
    """

    choice: int
    number: int
    part: Part


class PartDelta(NamedTuple):
    """More of what a part grows by.

    That is the text of Text, Refusal and Reasoning, the arguments of a ToolCall, the base64 data
    of an Audio.
    """

    choice: int
    number: int
    text: str


class PartAdded(NamedTuple):
    """More about a part than its text; what is None is not said.

    `paragraph`: a new paragraph of a reasoning summary begins. `id`, `name`: of a ToolCall, where
    they come late. `transcript`: more of an Audio's.
    """

    choice: int
    number: int
    signature: str | None = None
    encrypted: str | None = None
    citation: Citation | None = None
    paragraph: bool = False
    id: str | None = None
    name: str | None = None
    transcript: str | None = None


class PartEnded(NamedTuple):
    """A part is complete."""

    choice: int
    number: int


class Logprobs(NamedTuple):
    """Logprobs of the text just sent, in OpenAI's form."""

    choice: int
    value: Mapping[str, Any]


class ChoiceEnded(NamedTuple):
    """An answer is complete, and why."""

    choice: int
    finish: Finish
    stop_sequence: str | None = None
    detail: str | None = None


class Counted(NamedTuple):
    """Token counts so far; the last ones are the answer's."""

    usage: Usage


class Failed(NamedTuple):
    """The vendor reported an error in its stream; nothing follows."""

    failure: StreamFailure


class Ended(NamedTuple):
    """The vendor's own end of the stream."""


Event: TypeAlias = (
    Begun
    | PartBegun
    | PartDelta
    | PartAdded
    | PartEnded
    | Logprobs
    | ChoiceEnded
    | Counted
    | Failed
    | Ended
)
