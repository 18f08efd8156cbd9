"""The stand-in tool of a structured answer never reaches the client."""

from __future__ import annotations

from gateway.dialects.hub import ChatAnswer, Choice, Finish, Text, ToolCall, collect, replay
from gateway.dialects.hub.structured import ANSWER_TOOL, StructuredFilter


def filtered(*parts: Text | ToolCall) -> Choice:
    answer = ChatAnswer("a", "m", (Choice(parts, Finish.TOOL_CALLS),))
    return collect(StructuredFilter().order(replay(answer))).choices[0]


def test_what_the_stand_in_is_called_with_is_the_text() -> None:
    choice = filtered(ToolCall("x", ANSWER_TOOL, '{"a":1}'))
    assert choice == Choice((Text('{"a":1}'),), Finish.STOP)


def test_calls_of_the_clients_own_tools_stay() -> None:
    call = ToolCall("y", "weather", "{}")
    choice = filtered(ToolCall("x", ANSWER_TOOL, "{}"), call)
    assert choice == Choice((Text("{}"), call), Finish.TOOL_CALLS)
