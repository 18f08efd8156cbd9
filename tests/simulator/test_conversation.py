"""The script in a prompt: what it asks for, how far it is, and that it ends."""

from __future__ import annotations

import json

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.conversation import Step, Turn, find_progress

SCRIPT = """Please work.
sim-run: read {"path": "a.txt"}
sim-run: write {"path": "b", "text": "x && y"} && List
"""


def _tool(name: str) -> dict[str, object]:
    function = {"name": name, "parameters": {"type": "object", "properties": {}}}
    return {"type": "function", "function": function}


TOOLS = [_tool("Read"), _tool("WRITE"), _tool("list")]


@pytest.mark.parametrize(
    ("made", "following"),
    [
        ([], ["read"]),
        (["Read"], ["write", "List"]),
        (["Read", "WRITE"], ["List"]),
        (["Read", "WRITE", "list"], []),
    ],
)
def test_the_calls_made_tell_how_far_a_script_is(made: list[str], following: list[str]) -> None:
    progress = find_progress((Turn("user", SCRIPT), Turn("assistant", calls=tuple(made))))
    assert progress is not None
    assert [step.tool for step in progress.following] == following


def test_what_a_tool_said_is_no_script() -> None:
    assert find_progress((Turn("user", "hi"), Turn("user", results=("sim-run: rm {}",)))) is None


def test_the_latest_script_counts() -> None:
    turns = (
        Turn("user", "sim-run: a"),
        Turn("assistant", calls=("a",)),
        Turn("user", "sim-run: b"),
    )
    assert find_progress(turns).following == (Step("b", {}),)


def test_arguments_that_are_no_json_are_given_as_they_are() -> None:
    progress = find_progress((Turn("user", "> - sim-run: a {no json}"),))
    assert progress.following == (Step("a", {"input": "{no json}"}),)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_line_is_read_without_a_crash(text: str) -> None:
    find_progress((Turn("user", f"sim-run: {text}"),))


async def test_an_agent_runs_its_script_to_the_end(openai_sdk: openai.AsyncOpenAI) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": SCRIPT}]
    called: list[list[str]] = []
    for _ in range(5):
        answer = await openai_sdk.chat.completions.create(
            model="gpt-4o", messages=messages, tools=TOOLS
        )
        message = answer.choices[0].message
        if not message.tool_calls:
            break
        called.append([call.function.name for call in message.tool_calls])
        messages.append(message.model_dump(include={"role", "content", "tool_calls"}))
        for call in message.tool_calls:
            said = f"{call.function.name} did {json.loads(call.function.arguments)}"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    assert called == [["Read"], ["WRITE", "list"]]
    assert "Read did {'path': 'a.txt'}; WRITE did" in str(message.content)


async def test_a_scripted_prompt_without_its_tool_gets_words(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    asked = [{"role": "user", "content": "sim-run: no_such_tool {}"}]
    answer = await openai_sdk.chat.completions.create(model="gpt-4o", messages=asked, tools=TOOLS)
    assert answer.choices[0].finish_reason == "stop"


async def test_without_parallel_calls_a_step_takes_two_turns(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    asked = [{"role": "user", "content": "sim-run: read && list"}]
    answer = await openai_sdk.chat.completions.create(
        model="gpt-4o", messages=asked, tools=TOOLS, parallel_tool_calls=False
    )
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["Read"]


async def test_a_script_behind_an_agents_reminder_is_found(openai_sdk: openai.AsyncOpenAI) -> None:
    parts = [{"type": "text", "text": one} for one in ("<reminder/>", '"sim-run: list"')]
    asked = [{"role": "user", "content": parts}]
    answer = await openai_sdk.chat.completions.create(model="gpt-4o", messages=asked, tools=TOOLS)
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["list"]
