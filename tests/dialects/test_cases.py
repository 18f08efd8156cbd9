"""The golden cases: request in, provider's request out; provider's answer in, client's out."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.dialects import CODECS
from gateway.dialects.hub import Asked, ChatRequest, Destination, Losses
from gateway.entities import Dialect, Quirks, SchemaSupport, ToolIds
from gateway.errors import NotExpressibleError

CASES = Path(__file__).parent / "cases"
NOW_S = 1_790_000_000
_ENUMS = {"schema": SchemaSupport, "tool_ids": ToolIds, "unsupported": frozenset}


def list_cases() -> list[Any]:
    paths = sorted(CASES.glob("*/*.json"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths]


def read_quirks(given: dict[str, Any]) -> Quirks:
    values = {
        name: _ENUMS[name](value) if name in _ENUMS else value for name, value in given.items()
    }
    return Quirks(**{n: tuple(map(tuple, v)) if n == "renamed" else v for n, v in values.items()})


@pytest.mark.parametrize("path", list_cases())
def test_case(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    client, upstream = map(Dialect, path.parent.name.split("__"))
    ours, theirs = CODECS[client].client, CODECS[upstream].upstream
    assert ours is not None
    assert theirs is not None
    request = ChatRequest(client, "chat", ())
    if "request" in case:
        request = ours.parse_request(case["request"], "chat", case.get("stream", False))
        losses = Losses(upstream.value, theirs.losses)
        to = Destination(case.get("model", "model-1"), read_quirks(case.get("quirks", {})))
        if "refused" in case:
            with pytest.raises(NotExpressibleError) as caught:
                theirs.dump_request(request, to, losses)
            assert caught.value.field == case["refused"]
            return
        dumped = theirs.dump_request(request, to, losses)
        assert dumped == case["upstream_request"]
        assert list(losses.dropped) == case.get("dropped", [])
    asked = Asked(request, "r-1", NOW_S)
    if "upstream_answer" in case:
        answer = theirs.parse_answer(orjson.dumps(case["upstream_answer"]))
        assert ours.dump_answer(answer, asked) == case["client_answer"]
    elif "client_stream" in case:
        raw = read_stream(case)
        for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))], raw.splitlines(True)):
            reader, writer = theirs.reader(), ours.writer(asked)
            out = b"".join(writer.write(reader.feed(piece)) for piece in pieces)
            out += writer.write(reader.conclude())
            assert out.decode() == case["client_stream"]


def read_stream(case: dict[str, Any]) -> bytes:
    if "upstream_stream_base64" in case:
        return base64.b64decode(case["upstream_stream_base64"])
    return str(case["upstream_stream"]).encode()
