"""Recorded traffic of servers of Responses: read into the hub, and written out of it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.dialects import CODECS, DIALECTS
from gateway.dialects.hub import (
    Asked,
    ChatAnswer,
    ChatRequest,
    ClientCodec,
    Destination,
    Ended,
    Event,
    Losses,
    Reasoning,
    UpstreamCodec,
    collect,
    replay,
)
from gateway.entities import Dialect, Quirks
from tests.recorded import RECORDED

RESPONSES = Dialect.OPENAI_RESPONSES
FOLDERS = ("openai_responses", "azure_openai", "deepseek", "bedrock")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def list_recorded(ending: str) -> list[Any]:
    paths = [
        path
        for folder in FOLDERS
        for path in sorted((RECORDED / folder).glob(f"*-responses-{ending}"))
    ]
    if not paths:
        reason = "the recorded exchanges are not beside the checkout"
        return [pytest.param(Path(), marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in paths]


def find_halves() -> tuple[ClientCodec, UpstreamCodec]:
    codec = CODECS[RESPONSES]
    assert codec.client is not None
    assert codec.upstream is not None
    return codec.client, codec.upstream


def read_stream(pieces: Iterator[bytes] | list[bytes]) -> list[Event]:
    reader = find_halves()[1].reader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.conclude()


def load_request(path: Path) -> tuple[dict[str, Any], ChatRequest]:
    name = path.name.split(".")[0]
    body = orjson.loads((path.parent / f"{name}.json").read_bytes())["request"]["body"]
    return body, find_halves()[0].parse_request(body, "chat", False)


def check_written(answer: ChatAnswer, events: list[Event], request: ChatRequest) -> dict[str, Any]:
    """Write an answer for a client, plain and streamed: openai's types take it, both agree."""
    client = find_halves()[0]
    asked = Asked(request, "r-1", 1_790_000_000)
    whole = client.dump_answer(answer, asked)
    Response.model_validate(whole)
    writer = client.writer(asked)
    stream = writer.write(events)
    written = [
        orjson.loads(block.split(b"\ndata: ")[1]) for block in stream.split(b"\n\n") if block
    ]
    for event in written:
        EVENT.validate_python(event)
    assert written[-1]["response"] == whole
    return whole


@pytest.mark.parametrize("path", list_recorded("200.response.json"))
def test_a_whole_answer_keeps_its_items(path: Path) -> None:
    body = path.read_bytes()
    answer = find_halves()[1].parse_answer(body)
    assert answer.usage == DIALECTS[RESPONSES].parse_usage(body)
    whole = check_written(answer, list(replay(answer)), load_request(path)[1])
    given = orjson.loads(body)
    assert (whole["status"], whole["model"]) == (given["status"], given["model"])
    assert whole["id"] == given["id"] or not given["id"].startswith("resp_")
    assert list(map(strip, whole["output"])) == list(map(strip, given["output"]))


@pytest.mark.parametrize("path", list_recorded("200.response.sse"))
def test_a_stream_is_the_same_however_it_is_cut(path: Path) -> None:
    stream = path.read_bytes()
    events = read_stream([stream])
    answer = collect(events)
    assert isinstance(events[-1], Ended)
    letters = read_stream(stream[at : at + 1] for at in range(len(stream)))
    assert collect(letters) == answer
    assert read_stream(stream.splitlines(True)) == letters
    watch = DIALECTS[RESPONSES].watch()
    watch.feed(stream)
    assert answer.usage == watch.usage
    check_written(answer, events, load_request(path)[1])


@pytest.mark.parametrize("path", list_recorded("200.response.sse"))
def test_a_stream_amounts_to_the_answer_in_its_last_event(path: Path) -> None:
    stream = path.read_bytes()
    last = next(
        orjson.loads(line[len(b"data: ") :])
        for line in reversed(stream.splitlines())
        if line.startswith(b"data: ")
    )
    assert last["type"] == "response.completed"
    whole = find_halves()[1].parse_answer(orjson.dumps(last["response"]))
    # Its first event does not know the tier yet; the vendor encrypts the same thoughts anew.
    answer = dataclasses.replace(collect(read_stream([stream])), service_tier=whole.service_tier)
    assert hide_encrypted(answer) == hide_encrypted(whole)


@pytest.mark.parametrize("path", list_recorded("200.response.sse"))
def test_a_stream_that_was_cut_never_ends(path: Path) -> None:
    stream = path.read_bytes()
    end = stream.rindex(b"response.completed") - 30
    for cut in range(0, end, 211):
        assert not any(isinstance(event, Ended) for event in read_stream([stream[:cut]]))


@pytest.mark.parametrize("path", [*list_recorded("200.json"), *list_recorded("400.json")])
def test_a_request_means_the_same(path: Path) -> None:
    body, request = load_request(path)
    upstream = find_halves()[1]
    losses = Losses("openai_responses", upstream.losses)
    to = Destination(body["model"], Quirks(is_openai=True))
    dumped = upstream.dump_request(request, to, losses)
    assert [at for at in losses.dropped if not is_of_stored(at, body)] == []
    assert normalise(dumped) == normalise(body)


def hide_encrypted(answer: ChatAnswer) -> ChatAnswer:
    (choice,) = answer.choices
    parts = tuple(
        dataclasses.replace(part, encrypted="x" if part.encrypted else None)
        if isinstance(part, Reasoning)
        else part
        for part in choice.parts
    )
    return dataclasses.replace(answer, choices=(dataclasses.replace(choice, parts=parts),))


def strip(item: dict[str, Any]) -> dict[str, Any]:
    """Take away what says nothing: empty fields, phases, ids, states of items."""
    stripped = {
        name: value
        for name, value in item.items()
        if name not in ("status", "phase") and value not in (None, [])
    }
    stripped.pop("id", None)  # those of other forms and of messages are replaced
    if stripped.get("namespace") == stripped.get("name"):
        stripped.pop("namespace", None)  # OpenAI says so of tools declared among the items
    if isinstance(stripped.get("content"), list):
        stripped["content"] = [
            {key: value for key, value in part.items() if value != []} for part in item["content"]
        ]
    return stripped


def is_of_stored(at: str, body: dict[str, Any]) -> bool:
    """Whether a reasoning item was lost that says nothing without what the vendor stores."""
    if not at.startswith("input["):
        return False
    item = body["input"][int(at[len("input[") : -1])]
    return bool(item["type"] == "reasoning" and not item.get("encrypted_content"))


def normalise(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request in one of the ways to say it.

    The same: nulls and nothing; `store`, which is always false here; encrypted reasoning, which is
    asked for; ids and states of items; a text and a list of one; tools declared among the items.
    """
    same = {name: value for name, value in body.items() if value not in (None, [], "")}
    for name in ("store", "include"):
        same.pop(name, None)
    if same.get("stream") is False:
        del same["stream"]
    more = [name for name in body.get("include") or [] if name != "reasoning.encrypted_content"]
    items, tools = [], [*body.get("tools", [])]
    given = body["input"]
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        if item.get("type") == "additional_tools":
            tools += item["tools"]
        elif (
            item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content")
        ):
            items.append(normalise_item(item))
    tools = [{key: one[key] for key in one if one[key] is not None} for one in tools]
    return {**same, "input": items, "tools": tools, "include": more}


def normalise_item(item: dict[str, Any]) -> dict[str, Any]:
    same = {name: value for name, value in item.items() if value is not None}
    if item.get("type", "message") in ("message", "reasoning", "function_call"):
        same.pop("id", None)
        same.pop("status", None)
    same.pop("phase", None)
    if same.get("type") == "message":
        del same["type"]
    for name in ("content", "output"):
        if isinstance(same.get(name), list):
            parts = [strip(part) for part in same[name]]
            is_text = len(parts) == 1 and parts[0].keys() <= {"type", "text", "logprobs"}
            same[name] = parts[0]["text"] if is_text and item.get("type") != "reasoning" else parts
    return same
