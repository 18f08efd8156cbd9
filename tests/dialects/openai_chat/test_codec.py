"""The recordings: what was asked means the same again, what was answered is read and told again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

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
    UpstreamCodec,
    collect,
    replay,
)
from gateway.entities import Dialect, Quirks, ToolIds
from tests.recorded import RECORDED

FOLDERS = ("openai_chat", "azure_openai", "groq", "mistral", "deepseek", "openrouter", "ollama")
FOLDERS += ("gemini",)
OWN = Quirks(is_openai=True)
# The providers' rows are beyond this package's reach: what matters here of each.
QUIRKS = {
    "deepseek": Quirks(is_openai=True, reasoning_request="thinking"),
    "openrouter": Quirks(reasoning_request="reasoning", max_tokens_field="max_completion_tokens"),
    "mistral": Quirks(is_openai=True, tool_ids=ToolIds.NINE, required_word="any"),
    "groq": Quirks(is_openai=True),
}


def list_paths(status: str) -> list[Any]:
    paths = [
        path
        for folder in FOLDERS
        for path in sorted((RECORDED / folder).glob(f"x*-completions-{status}.json"))
    ]
    if paths:
        return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths]
    skip = pytest.mark.skip(reason="the recorded exchanges are not beside the checkout")
    return [pytest.param(None, marks=skip)]


def find_halves() -> tuple[ClientCodec, UpstreamCodec]:
    codec = CODECS[Dialect.OPENAI_CHAT]
    assert codec.client is not None
    assert codec.upstream is not None
    return codec.client, codec.upstream


def ask(*, include_usage: bool = True) -> Asked:
    request = ChatRequest(Dialect.OPENAI_CHAT, "chat", (), include_usage=include_usage)
    return Asked(request, "r-1", 1_790_000_000)


def read_answer(path: Path) -> bytes:
    return next(path.parent.glob(f"{path.stem}.response.*")).read_bytes()


def read_events(raw: bytes, size: int = 1 << 30) -> list[Event]:
    _, upstream = find_halves()
    reader = upstream.reader()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.conclude()]


def normalise(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request with what means the same written in one way.

    What is null, false or empty is not said, one part of text is a text, a function takes nothing
    or an object of nothing, ids stand for themselves, a limit has two names, and counts of streams
    are always wanted.
    """
    said = {name: value for name, value in body.items() if value not in (None, False, "", [])}
    said.pop("stream_options", None)
    if "max_tokens" in said:
        said["max_completion_tokens"] = said.pop("max_tokens")
    if "reasoning_effort" in said:
        said["reasoning"] = {"effort": said.pop("reasoning_effort")}
    stop = said.get("stop")
    said |= {"stop": [stop]} if isinstance(stop, str) else {}
    if not said.get("tools"):
        said.pop("tool_choice", None)
    said["messages"] = [normalise_message(message) for message in said["messages"]]
    for tool in said.get("tools", ()):
        tool.setdefault("type", "function")
        tool.setdefault("function", {}).setdefault(
            "parameters", {"type": "object", "properties": {}}
        )
        tool["function"] = {n: v for n, v in tool["function"].items() if v is not None}
    return said


def normalise_message(message: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in message.items() if value not in (None, "", [])}
    said["role"] = said["role"].replace("developer", "system")
    content = said.get("content")
    if isinstance(content, list):
        content = [one | {"detail": None} for one in map(normalise_part, content)]
        is_text = all(set(one) == {"type", "text", "detail"} for one in content)
        said["content"] = "\n\n".join(one["text"] for one in content) if is_text else content
    return said | {"tool_call_id": "", "tool_calls": [c["function"] for c in iter_calls(said)]}


def normalise_part(part: dict[str, Any]) -> dict[str, Any]:
    url = part.get("image_url")
    return part | {"image_url": {"url": url}} if isinstance(url, str) else part


def iter_calls(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from message.get("tool_calls", ())


@pytest.mark.parametrize("path", list_paths("200"))
def test_a_request_means_the_same_again(path: Path) -> None:
    body = orjson.loads(path.read_bytes())["request"]["body"]
    if b"document_url" in orjson.dumps(body):
        pytest.skip("OpenAI's format has no document by its URL")
    client, upstream = find_halves()
    losses = Losses("openai_chat", upstream.losses)
    request = client.parse_request(body, "chat", False)
    # Azure's path names the model, or the body does not.
    to = Destination(body.get("model", "m"), QUIRKS.get(path.parent.name, OWN))
    dumped = upstream.dump_request(request, to, losses)
    assert normalise(dumped) == normalise({"model": "m"} | body)
    assert not set(losses.dropped) - {"messages[1].reasoning_content"}


@pytest.mark.parametrize("path", list_paths("200"))
def test_an_answer_is_read_and_told_again(path: Path) -> None:
    client, upstream = find_halves()
    raw = read_answer(path)
    if raw.lstrip()[:1] != b"{":
        events = read_events(raw)
        assert isinstance(events[-1], Ended)
        answer = collect(events)
        watch = DIALECTS[Dialect.OPENAI_CHAT].watch()
        watch.feed(raw)
        usage = watch.usage
    else:
        answer = upstream.parse_answer(raw)
        usage = DIALECTS[Dialect.OPENAI_CHAT].parse_usage(raw)
        assert collect(replay(answer)) == answer
    assert (answer.usage and answer.usage[:7]) == (usage and usage[:7])
    told = client.dump_answer(answer, ask())
    ChatCompletion.model_validate(told, strict=True)
    again = upstream.parse_answer(orjson.dumps(told))
    assert_same(again, answer)


def assert_same(one: ChatAnswer, other: ChatAnswer, *, counted: bool = True) -> None:
    for mine, theirs in zip(one.choices, other.choices, strict=True):
        assert mine.finish == theirs.finish
        assert [show(part) for part in mine.parts] == [show(part) for part in theirs.parts]
    if other.usage is not None and counted:
        assert one.usage is not None
        assert one.usage[:2] == other.usage[:2]


def show(part: Any) -> Any:
    return (part.name, part.arguments or "{}") if hasattr(part, "arguments") else part


@pytest.mark.parametrize("path", list_paths("200"))
@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_is_told_as_the_sdk_reads_it(path: Path, include_usage: bool) -> None:
    client, upstream = find_halves()
    raw = read_answer(path)
    is_whole = raw.lstrip()[:1] == b"{"
    events = list(replay(upstream.parse_answer(raw))) if is_whole else read_events(raw)
    writer = client.writer(ask(include_usage=include_usage))
    told = b"".join(writer.write([event]) for event in events)
    assert told.endswith(b"\n\ndata: [DONE]\n\n")
    chunks = [orjson.loads(line[6:]) for line in told.split(b"\n\n")[:-2]]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        assert ("usage" in chunk) is include_usage
    assert_same(collect(read_events(told)), collect(events), counted=include_usage)


@pytest.mark.parametrize("path", list_paths("200"))
def test_a_stream_cut_anywhere_says_the_same(path: Path) -> None:
    raw = read_answer(path)
    if raw.lstrip()[:1] == b"{":
        return
    whole = read_events(raw)
    assert read_events(raw, 1) == whole
    reader = find_halves()[1].reader()
    lines = [event for line in raw.splitlines(keepends=True) for event in reader.feed(line)]
    assert [*lines, *reader.conclude()] == whole


@pytest.mark.parametrize("path", list_paths("200"))
def test_a_stream_that_ends_early_has_not_ended(path: Path) -> None:
    raw = read_answer(path)
    end = raw.find(b'"finish_reason":"')
    if raw.lstrip()[:1] == b"{" or end < 0:
        return
    for cut in range(0, end, 11):
        assert not any(isinstance(event, Ended) for event in read_events(raw[:cut]))


@pytest.mark.parametrize("path", list_paths("4??"))
def test_an_error_says_what_the_provider_said(path: Path) -> None:
    raw = read_answer(path)
    status = orjson.loads(path.read_bytes())["response"]["status"]
    failure = find_halves()[1].parse_error(status, {}, raw)
    assert failure.status == status
    assert failure.message in raw.decode().replace("\\n", "\n").replace('\\"', '"')
