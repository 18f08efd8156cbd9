from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamConnectError
from gateway.proxy.upstream.call import Origin, Request, dump_headers, dump_request, dump_start

URL = "https://api.example.com/v1"


def build(
    url: str = URL,
    *,
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (),
    body: tuple[bytes | memoryview, ...] = (b"{}",),
) -> Request:
    origin, start = dump_start(method, url)
    return dump_request(origin, "lane", method, (start, dump_headers(headers)), body)


def dump(url: str = URL, **changes: object) -> bytes:
    request = build(url, **changes)
    return b"".join((request.first, *request.rest))


def test_the_bytes_of_a_request() -> None:
    sent = dump(
        "https://api.example.com/v1/chat?beta=1&x=%20",
        headers=[("X-A", "1"), ("x-b", "\u00fc"), ("authorization", "Bearer canary-key")],
    )
    assert sent == (
        b"POST /v1/chat?beta=1&x=%20 HTTP/1.1\r\nHost: api.example.com\r\n"
        b"X-A: 1\r\nx-b: \xc3\xbc\r\nauthorization: Bearer canary-key\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("https://API.example.com", Origin("https", "api.example.com", 443), b"api.example.com"),
        ("https://a.example:443/x", Origin("https", "a.example", 443), b"a.example"),
        ("https://a.example:8443/", Origin("https", "a.example", 8443), b"a.example:8443"),
        ("http://[2001:DB8::1]:80/", Origin("http", "2001:db8::1", 80), b"[2001:db8::1]"),
        ("http://127.0.0.1:8000/v1", Origin("http", "127.0.0.1", 8000), b"127.0.0.1:8000"),
    ],
)
def test_origin_and_host_header(url: str, origin: Origin, host: bytes) -> None:
    assert dump_start("POST", url)[0] == origin
    assert b"\r\nHost: %b\r\n" % host in dump(url)


def test_a_request_without_body_has_a_length_only_if_its_method_may_have_one() -> None:
    assert b"Content-Length: 0\r\n" in dump(body=())
    assert b"Content-Length" not in dump(method="GET", body=())


@pytest.mark.parametrize("size", [0, 100, 65_530, 65_536, 1 << 20])
def test_a_body_in_pieces_goes_out_as_one(size: int) -> None:
    pieces = (b'{"model":', b'"m"', b"x" * size)
    head, _, body = dump(body=pieces).partition(b"\r\n\r\n")
    assert body == b"".join(pieces)
    assert b"Content-Length: %d" % len(body) in head


def test_a_large_body_is_not_copied() -> None:
    body = memoryview(bytes(1 << 20))
    request = build(body=(b"begin", body))
    assert request.rest[0] is body
    assert request.first.endswith(b"\r\n\r\nbegin")


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/x y",
        "https://a.example/x\r\nX: 1",
        "https://a.example/?q=\n",
        "https://a.example/\u00fc",
        "https://user@a.example/",
        "https://:80/",
        "https://a.example:99999/",
        "ftp://a.example/",
        "a.example",
        "https://[::1/",
        "https://\u00fc.example/",
    ],
)
def test_a_url_that_cannot_be_sent_is_refused(url: str) -> None:
    with pytest.raises(UpstreamConnectError) as caught:
        dump(url)
    assert "example" not in caught.value.detail


@given(
    st.lists(
        st.tuples(st.text(max_size=4), st.text("a: \r\n\0\ud800\u00e9", max_size=6)), max_size=4
    )
)
def test_no_header_ever_makes_a_line_more(headers: list[tuple[str, str]]) -> None:
    try:
        sent = dump(headers=headers)
    except UpstreamConnectError:
        return
    head, _, body = sent.partition(b"\r\n\r\n")
    assert body == b"{}"
    assert len(head.split(b"\n")) == 3 + len(headers)
    assert len(head.split(b"\r")) == 3 + len(headers)


def test_no_repr_shows_what_is_sent() -> None:
    request = build(
        "https://a.example/?key=canary-key",
        headers=[("a", "canary-key")],
        body=(b"canary-key", b"canary-key" * 10_000),
    )
    assert "canary" not in repr(request)
