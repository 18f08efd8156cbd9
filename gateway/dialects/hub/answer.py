"""A whole chat answer, whatever its wire format.

Rule: an answer read from a stream and the same one read whole are equal (`stream.collect`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.dialects.hub.content import Part
from gateway.dialects.hub.request import ChatRequest
from gateway.dialects.spec import Usage


class Finish(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    CONTEXT = "context"  # the model's window is full
    TOOL_CALLS = "tool_calls"
    FILTERED = "filtered"  # the vendor's filter
    REFUSED = "refused"  # the model itself
    PAUSED = "paused"  # Anthropic's pause_turn: send the answer back to go on
    FAILED = "failed"  # the model made something unusable, such as Gemini's malformed calls


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers; most requests want one.

    Attributes:
        finish: None where the vendor says nothing.
        stop_sequence: the one that was met, where the vendor says.
        detail: the vendor's own word for the end, where the hub's is coarser.
        logprobs: OpenAI's object: ``{"content": [...], "refusal": [...]}``.
    """

    parts: tuple[Part, ...]
    finish: Finish | None = None
    index: int = 0
    stop_sequence: str | None = None
    detail: str | None = None
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What a model has answered.

    Attributes:
        id: the vendor's; "" where it gives none.
        model: as the vendor named it; "" where it did not.
        created_s: seconds since 1970; None where the vendor does not say.
        extra: the vendor's fields without a name here, for its own dialect.
    """

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created_s: int | None = None
    service_tier: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever writes an answer has to know of the request.

    Attributes:
        request_id: of 1 to 128 visible characters: where ids of an answer's own come from.
        now_s: seconds since 1970.
    """

    request: ChatRequest
    request_id: str
    now_s: int
