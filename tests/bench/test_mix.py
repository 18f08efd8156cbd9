"""The check of answers sees what it is there to see."""

import pytest

from bench.mix import check_answer
from bench.session import Answer
from bench.witness import dump_plain, split_stream

HEAD = b"http/1.1 200 ok\r\nx-lockgate-endpoint: mix-a\r\nx-lockgate-request-id: m1"


def _answer(
    *, streamed: bool, model: str = "echo-a", content: str = "hello", **fields: object
) -> Answer:
    if streamed:
        parts = split_stream(model, content)
        body = b"".join(part.split(b"\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
        body = body.removesuffix(b"\r\n0\r\n")
    else:
        body = dump_plain(model, content).partition(b"\r\n\r\n")[2]
    given = {"status": 200, "head": HEAD, "body": body, "whole": True, "began": True}
    return Answer(**given | fields)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_of_its_own_is_right(streamed: bool) -> None:
    answer = _answer(streamed=streamed)
    assert check_answer(answer, "a", "m1", "hello", streamed=streamed) is None


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"content": "hellp"}, "content"),
        ({"content": "hello hello"}, "content"),
        ({"model": "echo-b"}, "upstream model"),
        ({"head": HEAD.replace(b"mix-a", b"mix-b")}, "endpoint"),
        ({"head": HEAD.replace(b"m1", b"m2")}, "request id"),
        ({"whole": False}, "whole"),
        ({"status": 502}, "502"),
        ({"body": b"{}"}, ""),
    ],
)
def test_whatever_is_not_its_own_is_told(wrong: dict, said: str, streamed: bool) -> None:
    answer = _answer(streamed=streamed, **wrong)
    found = check_answer(answer, "a", "m1", "hello", streamed=streamed)
    assert found is not None
    assert said in found
