"""A refusal is one however it comes, although servers say of it that the answer just stopped."""

from __future__ import annotations

import orjson

from gateway.dialects import CODECS
from gateway.dialects.hub import Choice, Finish, Refusal, collect
from gateway.entities import Dialect

WORDS = "I cannot help with that."
CHOICE = Choice((Refusal(WORDS),), Finish.REFUSED)


def test_a_whole_refusal_is_one() -> None:
    codec = CODECS[Dialect.OPENAI_CHAT].upstream
    assert codec is not None
    message = {"role": "assistant", "content": None, "refusal": WORDS}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = codec.parse_answer(orjson.dumps({"id": "a", "model": "m", "choices": [choice]}))
    assert answer.choices == (CHOICE,)


def test_a_streamed_refusal_is_the_same() -> None:
    codec = CODECS[Dialect.OPENAI_CHAT].upstream
    assert codec is not None
    chunks = [
        {"index": 0, "delta": {"role": "assistant", "refusal": WORDS[:9]}, "finish_reason": None},
        {"index": 0, "delta": {"refusal": WORDS[9:]}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    lines = [b"data: " + orjson.dumps({"id": "a", "choices": [one]}) + b"\n\n" for one in chunks]
    reader = codec.reader()
    answer = collect(reader.feed(b"".join(lines) + b"data: [DONE]\n\n"))
    assert answer.choices == (CHOICE,)
