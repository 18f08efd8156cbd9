"""The recordings: what was asked means the same again, what was answered is read and told again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import Message

from gateway.dialects import CODECS, DIALECTS
from gateway.dialects.hub import (
    Asked,
    ChatAnswer,
    ChatRequest,
    ClientCodec,
    Destination,
    Ended,
    Losses,
    ToolCall,
    UpstreamCodec,
    collect,
    replay,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.entities import Dialect
from tests.recorded import RECORDED

FOLDER = RECORDED / "anthropic"
# The SDK's types know no blocks of betas.
BETA_BLOCKS = (b"advisor_tool_result", b'"advisor"')


def list_paths(pattern: str) -> list[Any]:
    paths = sorted(FOLDER.glob(pattern))
    if paths:
        return [pytest.param(path, id=path.name) for path in paths]
    skip = pytest.mark.skip(reason="the recorded exchanges are not beside the checkout")
    return [pytest.param(None, marks=skip)]


def find_halves() -> tuple[ClientCodec, UpstreamCodec]:
    codec = CODECS[Dialect.ANTHROPIC_MESSAGES]
    assert codec.client is not None
    assert codec.upstream is not None
    return codec.client, codec.upstream


def normalise(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request with what means the same written in one way.

    A text is a list of one block, consecutive turns are one, what is false or empty is not said,
    and a tool that the model itself has called says so or not.
    """
    said = {name: value for name, value in body.items() if value not in (None, False, "", [])}
    if "system" in said:
        said["system"] = normalise_content(said["system"])
    turns: list[dict[str, Any]] = []
    for turn in said["messages"]:
        content = normalise_content(turn["content"])
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1]["content"] += content
        else:
            turns.append(turn | {"content": content})
    return said | {"messages": turns}


def normalise_content(content: Any) -> list[dict[str, Any]]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [normalise_block(block) for block in blocks]


def normalise_block(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "tool_result" and "content" in block:
        block = block | {"content": normalise_content(block["content"])}
    plain = {"is_error": False, "caller": {"type": "direct"}}
    return {name: value for name, value in block.items() if plain.get(name) != value}


@pytest.mark.parametrize("path", list_paths("x*00.json"))
def test_a_request_means_the_same_again(path: Path) -> None:
    body = orjson.loads(path.read_bytes())["request"]["body"]
    client, upstream = find_halves()
    losses = Losses("anthropic_messages", upstream.losses)
    request = client.parse_request(body, "chat", False)
    dumped = upstream.dump_request(request, Destination(body["model"]), losses)
    if "400" in path.name:  # an effort that the model does not know is the next one that it does
        assert body.pop("output_config") == {"effort": "xhigh"}
        assert dumped.pop("output_config") == {"effort": "max"}
    assert normalise(dumped) == normalise(body)
    assert losses.dropped == ()


def dump_parts(answer: ChatAnswer) -> list[Any]:
    """Return the parts of an answer, with arguments as objects: a stream keeps their blanks."""
    return [
        (part.id, part.name, parse_arguments(part.arguments))
        if isinstance(part, ToolCall)
        else part
        for part in answer.choices[0].parts
    ]


def check_answer(answer: ChatAnswer, raw: bytes) -> None:
    client, _ = find_halves()
    asked = Asked(ChatRequest(Dialect.ANTHROPIC_MESSAGES, "chat", ()), "r-1", 1_790_000_000)
    told = client.dump_answer(answer, asked)
    if not any(word in raw for word in BETA_BLOCKS):
        Message.model_validate(told)
    _, upstream = find_halves()
    again = upstream.parse_answer(orjson.dumps(told))
    assert dump_parts(again) == dump_parts(answer)
    assert again.choices[0].finish == answer.choices[0].finish
    assert again.usage is not None
    assert answer.usage is not None
    assert (
        again.usage[:5]
        == answer.usage._replace(
            cache_read_tokens=answer.usage.cache_read_tokens or 0,
            cache_write_tokens=answer.usage.cache_write_tokens or 0,
        )[:5]
    )
    assert collect(replay(answer)).choices == answer.choices


@pytest.mark.parametrize("path", list_paths("x*-messages-200.response.json"))
def test_a_whole_answer_is_read_and_told_again(path: Path) -> None:
    raw = path.read_bytes()
    answer = find_halves()[1].parse_answer(raw)
    assert answer.usage == DIALECTS[Dialect.ANTHROPIC_MESSAGES].parse_usage(raw)
    check_answer(answer, raw)


@pytest.mark.parametrize("path", list_paths("*.response.sse"))
def test_a_stream_is_read_the_same_however_it_is_cut(path: Path) -> None:
    raw = path.read_bytes()
    found = []
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))], raw.splitlines(True)):
        reader = find_halves()[1].reader()
        events = [event for piece in pieces for event in reader.feed(piece)]
        found.append(events + reader.conclude())
    assert found[0] == found[1] == found[2]
    assert found[0][-1] == Ended()
    watch = DIALECTS[Dialect.ANTHROPIC_MESSAGES].watch()
    watch.feed(raw)
    answer = collect(found[0])
    assert answer.usage == watch.usage
    check_answer(answer, raw)
