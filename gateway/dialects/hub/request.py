"""A request for a chat answer, whatever its wire format.

Rule: what the client did not say is None or empty; a default is the target dialect's to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.dialects.hub.content import CacheMark, Family, Part
from gateway.entities import Dialect


class Role(StrEnum):
    """Who speaks. TOOL messages hold `ToolResult` parts only."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; consecutive ones of a role stay apart: who has to merge them merges."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # unknown fields of the message
    at: str = field(default="", compare=False)


class ToolKind(StrEnum):
    """What a tool takes."""

    FUNCTION = "function"  # an object after a JSON schema
    CUSTOM = "custom"  # free text (OpenAI), after a grammar at most
    HOSTED = "hosted"  # run by the vendor of `family`: search, code execution


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call.

    Attributes:
        parameters: a JSON schema; None: it takes nothing.
        strict: whether the arguments must follow the schema; None: not said.
        grammar: the `format` object of a CUSTOM tool.
        raw: the whole object of a HOSTED tool, on the wire of `family`.
        extra: hints of a FUNCTION tool without a name here, on the wire of `family`.
        namespace, bare_name: where the client has put the tool into a namespace (Responses), what
            its flat `name` is made of; `raw` is the namespace's whole object then.
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: ToolKind = ToolKind.FUNCTION
    grammar: Mapping[str, Any] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    family: Family = Family.OTHER
    cache: CacheMark | None = None
    at: str = field(default="", compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    namespace: str | None = None
    bare_name: str | None = None


class ToolMode(StrEnum):
    """Whether tools are called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"  # the one in `ToolChoice.names`


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools may or must be called; `names` of AUTO and REQUIRED are the allowed ones.

    `strict`: calls are held to their tools' schemas (Gemini's mode VALIDATED); None: not said.
    """

    mode: ToolMode
    names: tuple[str, ...] = ()
    strict: bool | None = None


class OutputKind(StrEnum):
    """What the text of the answer is."""

    TEXT = "text"
    JSON = "json_object"  # any object
    SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The form of the answer's text."""

    kind: OutputKind
    schema: Mapping[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ReasoningConfig:
    """How much the model shall think, and what of it is shown.

    Attributes:
        enabled: None: not said.
        effort: none, minimal, low, medium, high, xhigh or max, as the client wrote it.
        budget_tokens: the most tokens to think with; -1: as many as the model likes (Gemini).
        adaptive: the model decides (Anthropic's ``adaptive``).
        summary: OpenAI's auto, concise or detailed.
        show: whether thoughts are part of the answer; None: the dialect's default.
        encrypted: the client wants them back encrypted, to send them again.
    """

    enabled: bool | None = None
    effort: str | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    summary: str | None = None
    show: bool | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asks of a chat model.

    Attributes:
        dialect: the client's.
        model: the endpoint, as the client named it.
        messages: system and developer turns stand in their places, mostly first.
        parallel_calls: None: not said.
        stop: sequences, none of them empty.
        user: who is behind the request, for the vendor's abuse checks.
        candidates: how many answers (OpenAI's n).
        include_usage: a stream shall end with its counts; other dialects always have them.
        modalities: of the answer, such as text and audio.
        extra: top-level fields that the hub has no name for, as they stand on the client's wire.
    """

    dialect: Dialect
    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning: ReasoningConfig | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    candidates: int | None = None
    user: str | None = None
    metadata: Mapping[str, str] | None = None
    service_tier: str | None = None
    store: bool | None = None
    cache_key: str | None = None  # OpenAI's prompt_cache_key
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    audio: Mapping[str, Any] | None = None  # OpenAI's voice and format of spoken answers
    prediction: Mapping[str, Any] | None = None
    # State at the vendor: OpenAI's previous_response_id, Gemini's cachedContent.
    previous_id: str | None = None
    include_usage: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
