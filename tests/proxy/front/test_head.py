from __future__ import annotations

import base64
import hashlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    ExpectationError,
    LockgateError,
    MalformedRequestError,
    MethodUnknownError,
    VersionUnsupportedError,
)
from gateway.proxy.front.head import MAX_HEADERS, Head, match_head, parse_head
from gateway.proxy.routes import Service, find_route

POST = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: x\r\n"


def parse(*lines: bytes, start: bytes = POST + HOST) -> Head:
    return parse_head(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def test_what_a_head_says() -> None:
    head = parse_head(
        b"POST /v1beta/models/gem:generateContent?alt=sse&key=secret HTTP/1.1\r\n"
        b"HOST: x\r\nX-Empty:\r\nX-Odd:  a\xff \r\nContent-Length: 12\r\nx-goog-api-key: k\r\n"
        b"Content-Encoding: GZIP\r\nx-lockgate-timeout-ms: 5\r\nX-Lockgate-Request-Id: r-1\r\n\r\n"
    )
    assert (head.method, head.path) == ("POST", "/v1beta/models/gem:generateContent")
    assert head.query == "alt=sse"
    assert head.route == find_route(head.method, head.path)
    assert head.headers[:3] == (("HOST", "x"), ("X-Empty", ""), ("X-Odd", "a\udcff"))
    assert head.digest == hashlib.sha256(b"k").digest()
    assert (head.length, head.is_chunked, head.is_old) == (12, False, False)
    assert (head.coding, head.timeout_ms, head.request_id) == ("gzip", "5", "r-1")
    assert head.unknown is None
    assert head.find("host") == "x"
    assert head.find("nothing") is None
    assert "secret" not in repr(head)


def test_what_a_head_does_not_say() -> None:
    head = parse(start=b"GET /v1/models HTTP/1.1\r\n" + HOST)
    assert head.route is not None
    assert head.route.service is Service.LIST
    assert (head.digest, head.length, head.coding) == (None, 0, "")
    assert (head.timeout_ms, head.request_id, head.unknown) == (None, None, None)


def test_an_unknown_path_has_no_route() -> None:
    assert parse(start=b"GET /nothing HTTP/1.1\r\n" + HOST).route is None


def test_a_request_id_that_cannot_be_kept_is_none() -> None:
    assert parse(b"x-lockgate-request-id: two words").request_id is None


def test_an_unknown_header_of_our_family_is_told() -> None:
    assert parse(b"X-Lockgate-Retries: 3").unknown == "x-lockgate-retries"


@pytest.mark.parametrize("body", [[], [b"Content-Length: 0"], [b"Content-Length: 5"]])
@pytest.mark.parametrize(
    ("version", "lines", "keep"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: keep-alive"], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: X-Hop, Close"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], True),
        (b"1.0", [b"Connection: close"], False),
    ],
)
def test_whether_the_connection_stays(
    version: bytes, lines: list[bytes], keep: bool, body: list[bytes]
) -> None:
    head = parse(*lines, *body, start=b"POST /v1/messages HTTP/%b\r\n" % version + HOST)
    assert head.keep_alive is keep
    assert head.is_old is (version == b"1.0")


@pytest.mark.parametrize("spelling", [b"chunked", b"Chunked", b" chunked "])
def test_a_chunked_body(spelling: bytes) -> None:
    head = parse(b"Transfer-Encoding:" + spelling)
    assert (head.is_chunked, head.length) == (True, 0)


@pytest.mark.parametrize(
    "lines",
    [
        [b"Upgrade: websocket", b"Connection: Upgrade"],
        [b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: x"],
    ],
)
def test_an_offer_to_speak_something_else_is_not_taken(lines: list[bytes]) -> None:
    assert parse(*lines, b"Content-Length: 5").length == 5
    assert parse(*lines, b"Transfer-Encoding: chunked").is_chunked
    assert parse(*lines).route is not None


def test_an_old_client_needs_no_host() -> None:
    assert parse(start=b"POST /v1/messages HTTP/1.0\r\n").is_old


FAULTS = [
    HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    HOST + b"Transfer-Encoding: gzip, chunked\r\n",
    HOST + b"Transfer-Encoding: chunked, identity\r\n",
    HOST + b"Transfer-Encoding: identity\r\n",
    HOST + b"Transfer-Encoding: xchunked\r\n",
    HOST + b"Transfer-Encoding:\r\n",
    HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n",
    HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n",
    HOST + b"Content-Length: 5, 5\r\n",
    HOST + b"Content-Length: +5\r\n",
    HOST + b"Content-Length: -5\r\n",
    HOST + b"Content-Length: 0x5\r\n",
    HOST + b"Content-Length: 5 5\r\n",
    HOST + b"Content-Length: five\r\n",
    HOST + b"Content-Length:\r\n",
    HOST + b"Content-Length: 9999999999999999\r\n",
    HOST + b"Content-Length: 99999999999999999999999\r\n",
    HOST + HOST,
    HOST + b"host: y\r\n",
    b"",
    b"X-Host: x\r\n",
    HOST + b"X: a\r\n folded\r\n",
    HOST + b"X: a\r\n\tContent-Length: 5\r\n",
    HOST + b"X : a\r\n",
    HOST + b" X: a\r\n",
    HOST + b"no colon\r\n",
    HOST + b": no name\r\n",
    HOST + b"X: a\0b\r\n",
    HOST + b"X: a\rContent-Length: 5\r\n",
    HOST + b"X: a\nContent-Length: 5\r\n",
    HOST + b"\nPOST /v1/messages HTTP/1.0\r\n",
    HOST + b"X: 1\r\n" * MAX_HEADERS,
]


@pytest.mark.parametrize("lines", FAULTS, ids=range(len(FAULTS)))
def test_a_head_that_is_wrong_or_reads_in_two_ways(lines: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        parse(start=POST + lines)


def test_as_many_headers_as_may_be() -> None:
    assert len(parse(*[b"X: 1"] * (MAX_HEADERS - 1)).headers) == MAX_HEADERS


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"POST /v1/messages HTTP/2.0\r\n", VersionUnsupportedError),
        (b"POST /v1/messages HTTP/1.2\r\n", VersionUnsupportedError),
        (b"POST /v1/messages HTTP/0.9\r\n", VersionUnsupportedError),
        (b"PRI * HTTP/2.0\r\n", VersionUnsupportedError),
        (b"POST /v1/messages HTTP/11\r\n", MalformedRequestError),
        (b"POST /v1/messages\r\n", MalformedRequestError),
        (b"POST /v1 /messages HTTP/1.1\r\n", MalformedRequestError),
        (b"POST /v1/\x00 HTTP/1.1\r\n", MalformedRequestError),
        (b"post /v1/messages HTTP/1.1\r\n", MethodUnknownError),
        (b"NONSENSE /v1/messages HTTP/1.1\r\n", MethodUnknownError),
        (b"HTTP/1.1 200 OK\r\n", MalformedRequestError),
        (b"\x16\x03\x01\x02\x00\x01\r\n", MalformedRequestError),
        (b"\r\n\r\n", MalformedRequestError),
    ],
)
def test_a_first_line_that_is_no_request(start: bytes, error: type[LockgateError]) -> None:
    with pytest.raises(error):
        parse(start=start + HOST)


@pytest.mark.parametrize(
    "host", [b"x", b"a.b-c_d:8700", b"127.0.0.1:", b"[::1]", b"[2001:db8::1]:443", b"Example.COM."]
)
def test_hosts_that_there_are(host: bytes) -> None:
    assert parse(start=POST + b"Host: " + host + b"\r\n").path == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://elsewhere.example/v1/messages?a=b", "/v1/messages", "a=b"),
        (b"HTTPS://[::1]:8700/v1/messages", "/v1/messages", ""),
        (b"http://x", "/", ""),
        (b"http://x?a=b", "/", "a=b"),
        (b"/v1/messages?a=/../b", "/v1/messages", "a=/../b"),
        (b"/v1/mess..ages", "/v1/mess..ages", ""),
    ],
)
def test_a_target_is_split_and_never_resolved(target: bytes, path: str, query: str) -> None:
    head = parse(start=b"POST " + target + b" HTTP/1.1\r\n" + HOST)
    assert (head.path, head.query) == (path, query)


def test_what_is_expected_and_not_met() -> None:
    assert parse(b"Expect: 100-Continue").find("expect") == "100-Continue"
    assert parse(b"Expect: a", start=b"POST /v1/messages HTTP/1.0\r\n").is_old
    with pytest.raises(ExpectationError):
        parse(b"Expect: 100-continue", b"Expect: more")


def test_an_old_client_knows_no_chunks() -> None:
    # Whoever stands between may not know them either (RFC 9112 section 6.1).
    with pytest.raises(MalformedRequestError):
        parse(b"Transfer-Encoding: chunked", start=b"POST /v1/messages HTTP/1.0\r\n" + HOST)


def test_copies_of_the_clients_key_under_other_names_are_let_go() -> None:
    key = b"lg-0123456789abcdef"
    head = parse(
        b"X-Copy: Bearer " + key,
        b"Authorization: Bearer " + key,
        b"X-Other: 1",
        start=b"POST /v1/messages?a=b&copy=" + key + b" HTTP/1.1\r\n" + HOST,
    )
    assert [name for name, _ in head.headers] == ["Host", "Authorization", "X-Other"]
    assert head.query == "a=b"


def test_copies_of_a_key_that_came_as_a_password_are_let_go_in_both_spellings() -> None:
    key = b"lg-0123456789abcdef"
    packed = base64.b64encode(b"user:" + key)
    head = parse(
        b"Authorization: BASIC " + packed,
        b"X-Copy: " + key,
        b"X-Forwarded-Authorization: Basic " + packed,
        b"X-Other: 1",
        start=b"POST /v1/messages HTTP/1.1\r\n" + HOST,
    )
    assert [name for name, _ in head.headers] == ["Host", "Authorization", "X-Other"]


# --- the same head again --------------------------------------------------------------------

NAMES = st.sampled_from(
    [b"X-A", b"x-b", b"Authorization", b"Content-Type", b"x-content-length", b"Connection"]
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.encode)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=5)
LENGTHS = st.integers(0, 10**15 - 1)
SPELLINGS = st.sampled_from([b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH:\t"])


def dump(lines: list[tuple[bytes, bytes]], at: int, spelling: bytes, length: bytes) -> bytes:
    rows = [name + b": " + value for name, value in lines]
    rows.insert(at, spelling + length)
    return POST + HOST + b"".join(row + b"\r\n" for row in rows) + b"\r\n"


def facts(head: Head) -> dict[str, object]:
    """All that a head says but its length and its traceparent."""
    varying = ("length", "trace", "kept", "headers")
    names = [item.name for item in fields(head) if item.name not in varying]
    others = [
        pair for pair in head.headers if pair[0].lower() not in ("content-length", "traceparent")
    ]
    return {"headers": others, **{name: getattr(head, name) for name in names}}


@given(LINES, st.integers(0, 5), SPELLINGS, LENGTHS, LENGTHS, st.binary(max_size=20))
def test_the_same_head_with_another_length_gives_what_parsing_gives(
    lines: list[tuple[bytes, bytes]],
    at: int,
    spelling: bytes,
    first: int,
    second: int,
    body: bytes,
) -> None:
    head = parse_head(dump(lines, at, spelling, b"%d" % first))
    again = dump(lines, at, spelling, b"%d" % second)
    parsed = parse_head(again)
    assert match_head(head, again + body) == (len(again), second, parsed.trace)
    assert parsed.length == second
    assert facts(parsed) == facts(head)


@given(LINES, st.integers(0, 5), LENGTHS, st.data())
def test_another_head_is_never_taken_for_it(
    lines: list[tuple[bytes, bytes]], at: int, length: int, data: st.DataObject
) -> None:
    head = parse_head(dump(lines, at, b"Content-Length: ", b"%d" % length))
    raw = dump(lines, at, b"Content-Length: ", b"%d" % length)
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != raw[place]))
    changed = raw[:place] + bytes([byte]) + raw[place + 1 :]
    found = match_head(head, changed)
    if found is not None:  # then only a digit of the length was changed
        parsed = parse_head(changed)
        assert found == (len(raw), parsed.length, parsed.trace)
        assert facts(parsed) == facts(head)


@given(LINES, st.integers(0, 5), LENGTHS, st.data())
def test_a_part_of_it_is_not_it(
    lines: list[tuple[bytes, bytes]], at: int, length: int, data: st.DataObject
) -> None:
    raw = dump(lines, at, b"Content-Length: ", b"%d" % length)
    part = raw[: data.draw(st.integers(0, len(raw) - 1))]
    assert match_head(parse_head(raw), part) is None


@pytest.mark.parametrize(
    "length", [b"", b" 5", b"5 ", b"+5", b"-5", b"5,5", b"\xb2", b"1" * 16, b"5\r\nX: 1"]
)
def test_a_length_that_is_no_plain_number_is_parsed_anew(length: bytes) -> None:
    head = parse(b"Content-Length: 5", b"X-A: 1")
    again = POST + HOST + b"Content-Length: " + length + b"\r\nX-A: 1\r\n\r\n"
    assert match_head(head, again) is None


@pytest.mark.parametrize("lines", [[], [b"Transfer-Encoding: chunked"]])
def test_a_head_without_a_length_is_parsed_anew(lines: list[bytes]) -> None:
    raw = POST + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    assert match_head(parse_head(raw), raw) is None


TRACES = st.binary(min_size=1, max_size=60).map(lambda raw: raw.hex().encode())


@given(LINES, st.integers(0, 5), st.integers(0, 6), LENGTHS, LENGTHS, TRACES, TRACES)
def test_a_traceparent_may_differ_too(
    lines: list[tuple[bytes, bytes]],
    at: int,
    trace_at: int,
    first: int,
    second: int,
    trace: bytes,
    other: bytes,
) -> None:
    def dump_both(length: int, value: bytes) -> bytes:
        raw = dump(lines, at, b"Content-Length: ", b"%d" % length)
        rows = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        rows.insert(2 + min(trace_at, len(rows) - 2), b"traceparent: " + value)
        return b"\r\n".join(rows) + b"\r\n\r\n"

    head = parse_head(dump_both(first, trace))
    again = dump_both(second, other)
    assert head.trace == trace
    assert match_head(head, again + b"body") == (len(again), second, other)
    assert facts(parse_head(again)) == facts(head)


@pytest.mark.parametrize("value", [b"", b"a b", b"a\tb", b"a,b", b"\xe4", b"a" * 129])
def test_an_odd_traceparent_is_parsed_anew(value: bytes) -> None:
    start = POST + HOST + b"Content-Length: 0\r\ntraceparent: "
    head = parse_head(start + b"00-abc-01\r\n\r\n")
    assert match_head(head, start + value + b"\r\n\r\n") is None


def test_two_traceparents_are_no_place_to_cut() -> None:
    raw = POST + HOST + b"Content-Length: 0\r\ntraceparent: a\r\ntraceparent: b\r\n\r\n"
    assert parse_head(raw).trace == b""
    assert match_head(parse_head(raw), raw) == (len(raw), 0, b"")
