"""What is odd about a server that speaks a known dialect, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ToolIds(StrEnum):
    """Which ids of tool calls a server takes."""

    ANY = "any"
    NINE = "nine"  # exactly nine letters and digits (Mistral)


class SchemaSupport(StrEnum):
    """How a server takes the schema of a structured answer."""

    NATIVE = "native"
    JSON_OBJECT = "json_object"  # any object only: the schema is told in the system text
    TOOL = "tool"  # as a tool that must be called
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a server differs from the dialect that it speaks; the defaults are "not at all".

    Attributes:
        unsupported: names of features (`gateway.dialects.hub.Feature`) that it refuses.
        renamed: top-level request fields under another name: (the dialect's, the server's).
        reasoning_field: where a message's and a delta's thoughts stand, besides those known.
        reasoning_request: how thoughts are asked for: "reasoning_effort" (OpenAI), "reasoning"
            (OpenRouter's object), "thinking" (Z.ai's, Moonshot's and DeepSeek's object),
            "enable_thinking" (Qwen), "" not at all.
        tool_ids: which ids of tool calls it takes.
        schema: how it takes the schema of an answer.
        max_stop: the most stop sequences; None: not known.
        is_openai: a server of OpenAI's own, at Azure too: it knows the role "developer", tools of
            its own kind, and what each of its models takes; others get "system" and functions.
        stream_usage: whether ``stream_options.include_usage`` is known to it.
        required_word: its word for ``tool_choice: required``.
        max_tokens_field: its name of the limit of the answer.
        default_max_tokens: where the dialect wants a limit and the client gave none.
        text_only_content: content must be a string, not a list of parts.
        call_ids: calls and results may have ids (Gemini's; some servers refuse the field).
        openapi_schema: schemas must be in Gemini's subset of OpenAPI.
        flat_count: a count of tokens takes the request's own fields, not the request as one field.
    """

    unsupported: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    reasoning_field: str = "reasoning_content"
    reasoning_request: str = "reasoning_effort"
    tool_ids: ToolIds = ToolIds.ANY
    schema: SchemaSupport = SchemaSupport.NATIVE
    max_stop: int | None = None
    is_openai: bool = False
    stream_usage: bool = True
    required_word: str = "required"
    max_tokens_field: str = "max_tokens"
    default_max_tokens: int | None = None
    text_only_content: bool = False
    call_ids: bool = True
    openapi_schema: bool = False
    flat_count: bool = False
