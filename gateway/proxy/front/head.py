"""The head of a client's request: what stands before the body, parsed and judged once.

The parser is llhttp by way of httptools, which refuses what is no HTTP/1 (RFC 9112); what it
lets through and we do not is refused here: a second Host or an odd one, a transfer coding but
chunked, a target that another reader could take for another place.

Rule: whatever is known of a head without knowing the snapshot is worked out here, once. An
SDK's next request has the same head but for its length and its `traceparent`, and is served from
the same object.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from gateway.errors import (
    ExpectationError,
    MalformedRequestError,
    MethodUnknownError,
    VersionUnsupportedError,
)
from gateway.proxy.deadline import TIMEOUT_HEADER
from gateway.proxy.headers import drop_copies, find_credential, find_unknown, strip_query_key
from gateway.proxy.routes import Route, find_route
from gateway.web import REQUEST_ID_HEADER, is_request_id

MAX_HEAD_BYTES: Final = 64 << 10  # SDKs send 1 KiB; cookies and tokens of proxies up to 16
MAX_HEADERS: Final = 128  # SDKs send 10 to 25
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_TRACE: Final = re.compile(rb"\r\ntraceparent:[ \t]*([0-9A-Za-z-]+)[ \t]*\r\n", re.IGNORECASE)
_MAX_TRACE: Final = 128  # version 00 has 55 characters (W3C Trace Context, section 3.2)
# Method and target in one word each, one blank between them (RFC 9112 section 3). A target of
# other than visible ASCII could not go upstream, and a fragment never leaves a client (3.2.1).
_START: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!\"$-~]+) HTTP/([0-9])\.([0-9])\r\n")
_VERSIONS: Final = ((b"1", b"1"), (b"1", b"0"))
_WHOLE_URL: Final = re.compile(r"https?://([^/?]*)", re.IGNORECASE)
# Narrower than RFC 3986 section 3.2.2: no host that exists has a sub-delimiter or an escape, and
# a proxy in front may read one as the end of the name. A user before it is never taken (RFC 9110
# section 4.2.4).
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~-]+|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{0,5}))?")
_MAX_PORT: Final = 65_535
# Segments that a reader on the way could resolve, and escapes that it could take for the end of a
# segment or of the string (RFC 3986 sections 5.2.4 and 7.3).
_ODD_PATH: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)|\\|%5c|%00", re.IGNORECASE)
_CONTROLS: Final = bytes({*range(32), 127} - set(b"\t\r\n"))  # no one's: llhttp takes some
_MAX_DIGITS: Final = 15  # of a length: a petabyte
_KEY_CHARACTERS: Final = 16  # the keys we give out have 46: what is shorter stands anywhere

_INVALID: Final = "the request is no valid HTTP/1.1"

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True, eq=False)
class Head:
    """One parsed head.

    Attributes:
        route: what the path and method mean; None: nothing of the data plane.
        path: as it was sent, without the query.
        query: raw, without the client's key.
        headers: in their order, as they were sent; without those that hold the client's
            credential under a name that is none of a credential.
        digest: SHA-256 of the client's credential; None: there is none.
        length: of the body in bytes; 0 where it is chunked.
        before: the raw head up to the first value that its next one may have otherwise; empty:
            it is not to be recognised.
        cuts: for each such value whether it is the Content-Length (else the traceparent), and
            the raw head from behind it to the next one or the end.
        trace: the value of its traceparent, b"" if it has none or an odd one.
        kept: the header lines that go upstream, by what they depend on (see `outgoing`).
        request_id: the caller's own, if it is one that is kept.
        timeout_ms: `x-lockgate-timeout-ms` as it was sent.
        unknown: a header of our family that we do not know.
        coding: Content-Encoding of the body, "" where it has none.
    """

    method: str
    path: str
    query: str = field(repr=False)
    route: Route | None
    headers: Headers = field(repr=False)
    digest: bytes | None = field(repr=False)
    is_old: bool  # HTTP/1.0
    keep_alive: bool
    is_chunked: bool
    length: int
    before: bytes = field(repr=False, default=b"")
    cuts: tuple[tuple[bool, bytes], ...] = field(repr=False, default=())
    trace: bytes = b""
    kept: dict[object, bytes] = field(repr=False, default_factory=dict)
    request_id: str | None = None
    timeout_ms: str | None = None
    unknown: str | None = None
    coding: str = ""

    def find(self, name: str) -> str | None:
        """Return the first header of a name, which is given in lower case."""
        for given, value in self.headers:
            if given.lower() == name:
                return value
        return None


class _Collector:
    """Takes what llhttp finds in one head."""

    __slots__ = ("headers", "is_complete", "keep_alive", "parser", "url")

    def __init__(self) -> None:
        self.parser = HttpRequestParser(self)
        self.keep_alive = False
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.is_complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        text = value.decode("utf-8", "surrogateescape").strip(" \t")
        self.headers.append((name.decode("ascii", "surrogateescape"), text))

    def on_headers_complete(self) -> None:
        self.is_complete = True
        self.keep_alive = self.parser.should_keep_alive()  # of a request without body: only now


def parse_head(raw: bytes) -> Head:
    """Parse a head with the empty line at its end.

    Raises:
        MalformedRequestError: it is no HTTP/1 request, or one that can be read in two ways.
        MethodUnknownError, VersionUnsupportedError: as their names say.
        ExpectationError: it expects what we do not do.
    """
    is_old = _check_start(raw)
    found = _Collector()
    parser = found.parser
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        pass  # an offer to speak something else is not taken (RFC 9110 section 7.8)
    except HttpParserInvalidMethodError:
        raise MethodUnknownError("the request's method is unknown") from None
    except HttpParserError:
        raise _malformed(_INVALID) from None
    if not found.is_complete or len(found.headers) > MAX_HEADERS:
        raise _malformed(_INVALID)
    first: dict[str, str] = {}
    names = [name.lower() for name, _ in found.headers]
    for name, (_, value) in zip(names, found.headers, strict=True):
        first.setdefault(name, value)
    _check_host(names, first.get("host"), is_old=is_old)
    if "expect" in first and not is_old:  # there it is ignored (RFC 9110 section 10.1.1)
        _check_expect(found.headers)
    coding = "transfer-encoding" in first and _find_coding(found.headers)
    if coding and is_old:  # RFC 9112 section 6.1
        raise _malformed("HTTP/1.0 has no Transfer-Encoding")
    length = _LENGTH.search(raw)
    method = parser.get_method().decode("ascii")
    path, query = _split_target(found.url.decode("ascii", "surrogateescape"))
    headers, query, digest = _take_credential(raw, tuple(found.headers), query)
    head = Head(
        method=method,
        path=path,
        query=query,
        route=find_route(method, path),
        headers=headers,
        digest=digest,
        is_old=is_old,
        keep_alive=found.keep_alive,
        is_chunked=coding,
        length=0 if length is None else _parse_length(length[1]),
        timeout_ms=first.get(TIMEOUT_HEADER),
        unknown=find_unknown(names),
        coding=_join(found.headers, "content-encoding") if "content-encoding" in first else "",
    )
    given = first.get(REQUEST_ID_HEADER, "")
    head.request_id = given if is_request_id(given) else None
    if length is not None:
        _cut(head, raw, length, _TRACE.search(raw) if names.count("traceparent") == 1 else None)
    elif "content-length" in names:
        raise _malformed("the request's Content-Length is no number")
    return head


def match_head(head: Head, data: bytes) -> tuple[int, int, bytes] | None:
    """Return what is another's in `data` if it begins with the same head, else None.

    That is where the body begins, how long it is, and the value of its traceparent.
    """
    at = len(head.before)
    if not at or not data.startswith(head.before):
        return None
    length, trace = 0, b""
    for is_length, following in head.cuts:
        end = data.find(b"\r", at, at + _MAX_TRACE + 1)
        value = data[at:end]
        if end < 0 or not data.startswith(following, end):
            return None
        if is_length:
            if not value.isdigit() or len(value) > _MAX_DIGITS:
                return None
            length = int(value)
        elif value.replace(b"-", b"").isalnum():
            trace = value
        else:
            return None
        at = end + len(following)
    return at, length, trace


def _cut(head: Head, raw: bytes, length: re.Match[bytes], trace: re.Match[bytes] | None) -> None:
    """Cut a raw head where its next one may differ."""
    values = [(*length.span(1), True)]
    if trace is not None and len(trace[1]) <= _MAX_TRACE:
        head.trace = trace[1]
        values = sorted([*values, (*trace.span(1), False)])
    ends = [*(start for start, _, _ in values[1:]), len(raw)]
    head.before = raw[: values[0][0]]
    head.cuts = tuple(
        (is_length, raw[end:following])
        for (_, end, is_length), following in zip(values, ends, strict=True)
    )


def _check_start(raw: bytes) -> bool:
    """Check the request line and the characters of a head; tell whether it is of HTTP/1.0."""
    start = _START.match(raw)
    if start is None or len(raw.translate(None, _CONTROLS)) != len(raw):
        raise _malformed(_INVALID)
    version = start.group(3, 4)
    if version not in _VERSIONS:
        raise VersionUnsupportedError("the versions understood are HTTP/1.1 and HTTP/1.0")
    return version == _VERSIONS[1]


def _split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, which may be a whole URL (RFC 9112 3.2.2).

    The path is never resolved or decoded: what another reader might resolve is refused.
    """
    whole = _WHOLE_URL.match(target)
    if whole is not None:
        if not _is_host(whole[1]):
            raise _malformed("the request's target has no valid host")
        target = target[whole.end() :] or "/"
    if target[:1] != "/" and (whole is None or target[:1] != "?"):
        raise _malformed("the request's target is no path")
    path, _, query = target.partition("?")
    if _ODD_PATH.search(path):
        raise _malformed("the request's path can be read in two ways")
    return path or "/", query


def _check_host(names: list[str], host: str | None, *, is_old: bool) -> None:
    hosts = names.count("host")
    if hosts > 1 or (hosts == 0 and not is_old):  # RFC 9112 section 3.2
        raise _malformed("the request needs exactly one Host header")
    if host is not None and not _is_host(host):
        raise _malformed("the request's Host is no host")


def _is_host(text: str) -> bool:
    """Tell whether this is a host and perhaps a port."""
    match = _HOST.fullmatch(text)
    if match is None or int(match[2] or 0) > _MAX_PORT:
        return False
    if match[1] is None:
        return True
    try:
        IPv6Address(match[1])
    except ValueError:
        return False
    return True


def _check_expect(headers: list[tuple[str, str]]) -> None:
    if _join(headers, "expect") not in ("", "100-continue"):
        raise ExpectationError("the one expectation that is met is 100-continue")


def _join(headers: list[tuple[str, str]], name: str) -> str:
    """Return all values of a header as one, in lower case (RFC 9110 section 5.3)."""
    return ", ".join(value.lower() for given, value in headers if given.lower() == name)


def _take_credential(raw: bytes, headers: Headers, query: str) -> tuple[Headers, str, bytes | None]:
    """Return headers and query without copies of the client's credential, and its digest."""
    credential = find_credential(headers, query)
    query = strip_query_key(query)
    if credential is None:
        return headers, query, None
    if _has_copies(raw, credential):
        headers = drop_copies(headers, credential)
        query = "&".join(part for part in query.split("&") if credential not in part)
    return headers, query, _hash(credential)


def _has_copies(raw: bytes, credential: str) -> bool:
    """Tell whether a credential may stand in a head in more than its own place."""
    if len(credential) < _KEY_CHARACTERS:
        return False
    if raw.count(credential.encode("utf-8", "surrogateescape")) != 1:
        return True
    return b"basic " in raw.lower()  # its own place may be there, in another spelling


def _find_coding(headers: list[tuple[str, str]]) -> bool:
    codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
    if not codings:
        return False
    if codings != ["chunked"] and [coding.lower() for coding in codings] != ["chunked"]:
        raise _malformed("the one transfer coding understood is chunked")
    if any(name.lower() == "content-length" for name, _ in headers):
        raise _malformed("a request has a Content-Length or a Transfer-Encoding, not both")
    return True


def _parse_length(digits: bytes) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _malformed("the request's Content-Length is too large")
    return int(digits)


def _hash(credential: str) -> bytes:
    return hashlib.sha256(credential.encode(errors="surrogateescape")).digest()


def _malformed(sentence: str) -> MalformedRequestError:
    return MalformedRequestError(sentence)


def head_too_large() -> MalformedRequestError:
    """Return the error of a head that is longer than `MAX_HEAD_BYTES`."""
    return MalformedRequestError(f"the request's head is over {MAX_HEAD_BYTES} bytes")
