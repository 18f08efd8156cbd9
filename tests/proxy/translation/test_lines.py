"""The header lines of translated answers."""

from __future__ import annotations

import pytest

from gateway.proxy.translation.lines import build_lines

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\nETag: x\r\n"
    b"request-id: req_1\r\nanthropic-ratelimit-requests-remaining: 5\r\nSet-Cookie: a=b\r\n"
    b"x-secret: the-key-of-ours\r\nContent-Language: de"
)


def test_limits_and_ids_pass_and_what_was_said_of_the_body_does_not() -> None:
    lines = build_lines(HEAD, (b"the-key-of-ours",), "anthropic").split(b"\r\n")
    assert lines == [
        b"Content-Type: application/json",
        b"request-id: req_1",
        b"anthropic-ratelimit-requests-remaining: 5",
        b"",
    ]


@pytest.mark.parametrize(
    ("vendor", "line"),
    [("openai", b"x-request-id: req_1"), ("anthropic", b"request-id: req_1"), ("gemini", b"")],
)
def test_the_providers_id_is_there_under_the_name_that_the_clients_sdk_reads(
    vendor: str, line: bytes
) -> None:
    assert line in build_lines(HEAD, (), vendor).split(b"\r\n")


def test_an_id_of_that_name_stays_the_one() -> None:
    head = HEAD + b"\r\nX-Request-Id: own"
    lines = build_lines(head, (), "openai")
    assert lines.lower().count(b"\r\nx-request-id:") == 1
