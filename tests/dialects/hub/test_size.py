"""Estimates of what nobody has counted."""

from __future__ import annotations

from gateway.dialects.hub import (
    ChatAnswer,
    ChatRequest,
    Choice,
    Document,
    Image,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from gateway.dialects.hub.size import count_output, estimate_request
from gateway.entities import Dialect


def estimate(*parts: Part, tools: tuple[Tool, ...] = ()) -> int:
    message = Message(Role.USER, parts)
    return estimate_request(ChatRequest(Dialect.GEMINI, "m", (message,), tools=tools))


def test_text_is_four_letters_to_a_token() -> None:
    assert estimate(Text("a" * 400)) - estimate() == 100


def test_tools_and_results_count_as_what_the_model_reads() -> None:
    tool = Tool("look", "looks", {"type": "object", "properties": {"a": {"type": "string"}}})
    assert estimate(tools=(tool,)) > estimate()
    assert estimate(ToolResult("a", (Text("a" * 400),))) - estimate() == 100
    assert estimate(ToolCall("a", "look", "{" + "a" * 395)) - estimate() == 100


def test_media_have_flat_rates_whatever_their_bytes() -> None:
    small, large = Image(Media(data="a")), Image(Media(data="a" * 1_000_000))
    assert estimate(small) == estimate(large) > estimate()
    assert estimate(Document(Media(data="a" * 1_000_000))) < 10_000
    assert estimate(Document(Media(text="a" * 4_000))) - estimate() == 1_000


def test_an_answer_is_as_long_as_its_text_and_calls() -> None:
    parts = (Text("four"), Reasoning("four"), ToolCall("a", "look", "{}"))
    assert count_output(ChatAnswer("a", "m", (Choice(parts),))) == 14
