"""The recorded exchanges with Gemini, read and written again, mean the same."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.dialects.gemini import CODEC, parse_usage
from gateway.dialects.gemini.schema_in import parse_schema
from gateway.dialects.gemini.spelling import spell_fields
from gateway.dialects.gemini.thoughts import NO_SIGNATURE
from gateway.dialects.hub import Asked, ChatRequest, Destination, Losses, ReasoningConfig, collect
from gateway.entities import Dialect
from tests.recorded import RECORDED

PATHS = [
    path
    for path in sorted((RECORDED / "gemini").glob("x*.json"))
    if ".response." not in path.name and path.name.rpartition("-")[0].endswith("enerateContent")
]
_SKIP = pytest.mark.skip(reason="the recorded exchanges are not beside the checkout")


def parametrize(paths: list[Path]) -> pytest.MarkDecorator:
    given = [pytest.param(path, id=path.stem) for path in paths]
    return pytest.mark.parametrize("path", given or [pytest.param(None, marks=_SKIP)])


def find_body(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.stem}.response.{suffix}")


ASKED = Asked(
    ChatRequest(Dialect.GEMINI, "chat", (), reasoning=ReasoningConfig(show=True)), "r-1", 1
)


def normalise(body: dict[str, Any], ids: bool) -> dict[str, Any]:
    """Return a request in one of the spellings that mean the same.

    Neighbours of a role are one turn; empty texts, descriptions and settings say nothing; an
    instruction's role and a dummy signature neither; a schema of the subset is a JSON schema.
    """
    turns = [
        {"role": role, "parts": [one for turn in group for one in map(spell_part, turn["parts"])]}
        for role, group in groupby(body["contents"], lambda turn: turn["role"])
    ]
    for turn in turns:
        for part in turn["parts"] if not ids else ():
            for name in ("functionCall", "functionResponse"):
                part.get(name, {}).pop("id", None)
    normal = {**body, "contents": turns}
    if "systemInstruction" in body:
        normal["systemInstruction"] = {"parts": body["systemInstruction"]["parts"]}
    if "tools" in body:
        (tool,) = body["tools"]
        normal["tools"] = [spell_tool(one) for one in tool["functionDeclarations"]]
    config = {name: value for name, value in body.get("generationConfig", {}).items() if value}
    if "temperature" in body.get("generationConfig", {}):
        config["temperature"] = body["generationConfig"]["temperature"]
    if "thinkingConfig" in config:
        config["thinkingConfig"] = spell_fields(config["thinkingConfig"])
    return normal | {"generationConfig": config}


def spell_part(part: dict[str, Any]) -> dict[str, Any]:
    spelled = dict(spell_fields(part))
    if spelled.get("thoughtSignature") == NO_SIGNATURE:
        del spelled["thoughtSignature"]
    if spelled.get("text") == "":
        spelled["text"] = " "
    return {
        name: dict(value) if isinstance(value, dict) else value for name, value in spelled.items()
    }


def spell_tool(declaration: dict[str, Any]) -> dict[str, Any]:
    spelled = dict(spell_fields(declaration))
    if "parameters" in spelled:
        spelled["parametersJsonSchema"] = parse_schema(spelled.pop("parameters"))
    return {name: value for name, value in spelled.items() if name != "description" or value}


@parametrize(PATHS)
def test_a_request_means_the_same(path: Path) -> None:
    assert CODEC.client is not None
    assert CODEC.upstream is not None
    exchange = orjson.loads(path.read_bytes())["request"]
    body, model = exchange["body"], exchange["path"].rpartition("/")[2].partition(":")[0]
    request = CODEC.client.parse_request(body, "chat", False)
    losses = Losses("Gemini", CODEC.upstream.losses)
    dumped = CODEC.upstream.dump_request(request, Destination(model), losses)
    ids = '"id"' in str(body["contents"]).replace("'", '"')
    assert normalise(dumped, ids) == normalise(body, ids)
    assert losses.dropped == ()


@parametrize([path for path in PATHS if find_body(path, "json").exists()])
def test_an_answer_means_the_same(path: Path) -> None:
    assert CODEC.client is not None
    assert CODEC.upstream is not None
    raw = find_body(path, "json").read_bytes()
    answer = CODEC.upstream.parse_answer(raw)
    assert answer.usage == parse_usage(raw)
    dumped = CODEC.client.dump_answer(answer, ASKED)
    theirs, ours = orjson.loads(raw)["candidates"][0], dumped["candidates"][0]
    for part in ours["content"]["parts"]:
        if '"id"' not in raw.decode() and "functionCall" in part:
            del part["functionCall"]["id"]
    assert ours["content"] == theirs["content"]
    assert ours["finishReason"] == theirs["finishReason"]


@parametrize([path for path in PATHS if find_body(path, "sse").exists()])
def test_a_stream_means_the_same(path: Path) -> None:
    assert CODEC.client is not None
    assert CODEC.upstream is not None
    raw = find_body(path, "sse").read_bytes()
    assert CODEC.client.array_writer is not None
    reader = CODEC.upstream.reader()
    events = [*reader.feed(raw), *reader.conclude()]
    answer = collect(events)
    for writer in (CODEC.client.writer(ASKED), CODEC.client.array_writer(ASKED)):
        again = CODEC.upstream.reader()
        written = [*again.feed(writer.write(events)), *again.conclude()]
        seen = collect(written)
        assert seen.usage == answer.usage
        assert [one.finish for one in seen.choices] == [one.finish for one in answer.choices]
        assert [type(one) for one in seen.choices[0].parts] == [
            type(one) for one in answer.choices[0].parts
        ]
