from __future__ import annotations

import base64

import orjson

from gateway.dialects import DIALECTS, Usage
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

SPEC = DIALECTS[Dialect.OPENAI_EMBEDDINGS]


def test_counts_are_read_from_large_answers_without_parsing_the_vectors() -> None:
    vector = base64.b64encode(b"\x00\x01\x02\x03" * 1_536).decode()
    data = [{"index": index, "embedding": vector} for index in range(100)]
    usage = {"prompt_tokens": 800, "total_tokens": 800}
    for body in ({"data": data, "usage": usage}, {"usage": usage, "data": data}):
        raw = orjson.dumps(body)
        assert len(raw) > 256 << 10
        assert SPEC.parse_usage(raw) == Usage(input_tokens=800)
        broken = raw.replace(b'"embedding"', b"embedding", 1)
        assert SPEC.parse_usage(broken) == Usage(input_tokens=800)


def test_an_answer_in_pieces_commits_at_its_first_byte() -> None:
    watch = SPEC.watch()
    watch.feed(b"")
    assert not watch.committed
    watch.feed(b"{")
    assert watch.committed
    assert watch.finished
    body = watch.dump_failure(UpstreamTruncatedError("cut"), "r")
    assert orjson.loads(body)["error"]["code"] == "upstream_truncated"
