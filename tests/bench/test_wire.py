"""The load's own reading of answers: wherever the bytes are cut, the end is found once."""

import json

import pytest

from bench.wire import AnswerEnd, Target, dump_body, dump_request

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("raw", [LENGTH, CHUNKED])
def test_an_answer_ends_with_its_last_byte(raw: bytes, keep: bool) -> None:
    for cut in range(1, len(raw)):
        answer = AnswerEnd(keep=keep)
        assert not answer.feed(raw[:cut])
        assert answer.feed(raw[cut:]), cut
    answer = AnswerEnd(keep=keep)
    found = [answer.feed(raw[place : place + 1]) for place in range(len(raw))]
    assert found == [False] * (len(raw) - 1) + [True]


def test_a_kept_body_comes_without_its_framing() -> None:
    answer = AnswerEnd(keep=True)
    answer.feed(CHUNKED)
    assert (answer.status, answer.closes, answer.body()) == (503, True, b"hello world")


def test_a_chunk_that_looks_like_the_end_is_not_the_end() -> None:
    answer = AnswerEnd(keep=True)
    assert not answer.feed(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n\r\n0\r\n\r\n\r\n"
    )
    assert answer.feed(b"0\r\n\r\n")


@pytest.mark.parametrize("size", [200, 600, 10_000, 1_000_000])
def test_a_body_has_the_size_that_was_asked_for(size: int) -> None:
    body = dump_body("bench", stream=False, size=size)
    assert len(body) == size
    assert json.loads(body)["model"] == "bench"


def test_a_request_names_its_length() -> None:
    raw = dump_request(Target("http://127.0.0.1:80", "k", "m"), b"{}")
    assert raw.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert raw.endswith(b"Content-Length: 2\r\n\r\n{}")
