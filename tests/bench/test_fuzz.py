"""A short fuzz with a fixed seed, and that the tools of it see what they are there to see."""

from __future__ import annotations

import random

import pytest

from bench.fuzz import run_fuzz, take_answers
from bench.mutate import build_seeds, mutate
from bench.strict import GEMINI_KEY, OPENAI_KEY, find_fault

HOST = b"127.0.0.1:1"
GOOD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:1\r\nauthorization: Bearer %b\r\n"
    b"Accept-Encoding: identity\r\nX-A: \xe9 b\r\nContent-Length: 2"
) % OPENAI_KEY.encode()


def test_two_thousand_mutated_requests() -> None:
    found = run_fuzz(2_000, 7, lanes=32)
    assert found["examples"] == []
    assert found["accepted"] == found["upstream"]
    assert found["accepted"] > 400
    assert found["answered"] + found["closed"] + found["waited for more"] >= 1_800


def test_the_same_seed_gives_the_same_bytes() -> None:
    seeds = build_seeds("lg-key")
    first, second = (
        [mutate(draw, draw.choice(seeds), seeds) for _ in range(500)]
        for draw in (random.Random(3), random.Random(3))
    )
    assert first == second
    assert len(set(first)) > 400


def test_a_request_that_is_right() -> None:
    assert find_fault(GOOD, HOST, b"lg-key") == ("openai", "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"POST /v1", b"POST  /v1", "request line"),
        (b" HTTP/1.1", b"#x HTTP/1.1", "request line"),
        (b"/v1/chat/completions", b"/v1/../completions", "path"),
        (b"X-A: ", b"X A: ", "header"),
        (b"X-A: ", b"X-A : ", "header"),
        (b"\xe9 b", b"a\nb", "header"),
        (b"Host: 127.0.0.1:1", b"Host: elsewhere", "host"),
        (b"X-A", b"Host", "too many"),
        (b"X-A", b"Transfer-Encoding", "too many"),
        (b"X-A", b"Content_Length", "too many"),
        (b"X-A", b"X-Forwarded-For", "not to pass"),
        (b"X-A", b"x-api-key", "credential"),
        (OPENAI_KEY.encode(), GEMINI_KEY.encode(), "credential"),
        (b"\xe9 b", b"lg-key", "client's key"),
    ],
)
def test_a_request_that_is_not(old: bytes, new: bytes, said: str) -> None:
    assert old in GOOD
    assert said in find_fault(GOOD.replace(old, new, 1), HOST, b"lg-key")[1]


def test_answers_end_where_they_end() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    to_head = b"HTTP/1.1 405 No\r\nContent-Length: 5\r\n\r\n"
    raw = b"HTTP/1.1 100 Continue\r\n\r\n" + plain + chunked + to_head + plain
    answers, rest = take_answers(raw + b"HTTP")
    assert [answer.status for answer in answers] == [100, 200, 200, 405, 200]
    assert rest == b"HTTP"
    for cut in range(len(plain)):
        assert take_answers(plain[:cut])[0] == []
    with pytest.raises(ValueError, match="oddly"):
        take_answers(b"hello\r\n\r\n")
