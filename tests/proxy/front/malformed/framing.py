"""How long the body is: Content-Length and Transfer-Encoding, alone and against each other."""

from tests.proxy.front.malformed.case import BODY, CHUNKED, LENGTH, START, Case, frame

_LENGTH = "RFC 9110 section 8.6, RFC 9112 section 6.3"
_BOTH = "RFC 9112 section 6.3 rule 3: one of both only"
_CODING = "RFC 9112 sections 6.1 and 7: chunked, once and alone"
_OLD = "RFC 9112 section 6.1: HTTP/1.0 has no transfer coding"
_WHOLE = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
_SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"


def _length(name: str, value: bytes) -> Case:
    return Case(f"length-{name}", _LENGTH, frame(b"Content-Length:%b\r\n" % value, b"hello"))


def _coding(name: str, lines: bytes, rule: str = _CODING) -> Case:
    return Case(f"coding-{name}", rule, frame(lines, _WHOLE))


def _both(name: str, lines: bytes) -> Case:
    return Case(f"both-{name}", _BOTH, frame(lines, _SMUGGLED))


CASES = (
    # --- Content-Length
    _length("plus", b" +5"),
    _length("minus", b" -5"),
    _length("minus-zero", b" -0"),
    _length("hexadecimal", b" 0x5"),
    _length("octal", b" 0o5"),
    _length("letter", b" 5a"),
    _length("word", b" five"),
    _length("decimal", b" 5.0"),
    _length("exponent", b" 5e0"),
    _length("underscore", b" 5_0"),
    _length("quoted", b' "5"'),
    _length("list-same", b" 5, 5"),
    _length("list-other", b" 5, 6"),
    _length("list-empty", b" 5,"),
    _length("blank-inside", b" 5 5"),
    _length("tab-inside", b" 5\t5"),
    _length("parameter", b" 5;a"),
    _length("empty", b""),
    _length("blank", b" "),
    _length("not-ascii-digit", " \u0665".encode()),
    _length("superscript", b" \xb2"),
    _length("no-break-space", b" \xa05"),
    _length("vertical-tab", b"\x0b5"),
    _length("nul", b" 5\0"),
    _length("16-digits", b" 9999999999999999"),
    _length("over-64-bits", b" 18446744073709551621"),
    _length("1000-digits", b" " + b"9" * 1000),
    _length("1000-zeros", b" " + b"0" * 1000 + b"5"),
    Case("length-twice-same", _LENGTH, frame(LENGTH * 2)),
    Case("length-twice-other", _LENGTH, frame(LENGTH + b"Content-Length: 5\r\n")),
    Case("length-twice-other-case", _LENGTH, frame(LENGTH + b"CONTENT-LENGTH: 5\r\n")),
    Case("length-space-colon", "RFC 9112 section 5.1", frame(b"Content-Length : 5\r\n", b"hello")),
    Case("length-tab-colon", "RFC 9112 section 5.1", frame(b"Content-Length\t: 5\r\n", b"hello")),
    Case("length-indented", "RFC 9112 section 2.2", frame(b" Content-Length: 5\r\n", b"hello")),
    # --- Transfer-Encoding
    _coding("identity", b"Transfer-Encoding: identity\r\n"),
    _coding("gzip", b"Transfer-Encoding: gzip\r\n"),
    _coding("gzip-chunked", b"Transfer-Encoding: gzip, chunked\r\n"),
    _coding("chunked-gzip", b"Transfer-Encoding: chunked, gzip\r\n"),
    _coding("chunked-identity", b"Transfer-Encoding: chunked, identity\r\n"),
    _coding("identity-chunked", b"Transfer-Encoding: identity, chunked\r\n"),
    _coding("chunked-chunked", b"Transfer-Encoding: chunked, chunked\r\n"),
    _coding("twice", CHUNKED * 2),
    _coding("twice-identity", CHUNKED + b"Transfer-Encoding: identity\r\n"),
    _coding("twice-other-case", CHUNKED + b"transfer-encoding: x\r\n"),
    _coding("xchunked", b"Transfer-Encoding: xchunked\r\n"),
    _coding("chunkedx", b"Transfer-Encoding: chunkedx\r\n"),
    _coding("comma", b"Transfer-Encoding: chunked,\r\n"),
    _coding("comma-before", b"Transfer-Encoding: ,chunked\r\n"),
    _coding("parameter", b"Transfer-Encoding: chunked;q=1\r\n"),
    _coding("quoted", b'Transfer-Encoding: "chunked"\r\n'),
    _coding("single-quoted", b"Transfer-Encoding: 'chunked'\r\n"),
    _coding("two-words", b"Transfer-Encoding: chunked foo\r\n"),
    _coding("empty", b"Transfer-Encoding:\r\n"),
    _coding("blank", b"Transfer-Encoding: \t \r\n"),
    _coding("vertical-tab", b"Transfer-Encoding: \x0bchunked\r\n", "RFC 9110 section 5.5"),
    _coding("nul", b"Transfer-Encoding: chunked\0\r\n", "RFC 9110 section 5.5"),
    _coding("kelvin-sign", "Transfer-Encoding: chun\u212aed\r\n".encode()),
    _coding("no-break-space", b"Transfer-Encoding: chunked\xa0\r\n"),
    _coding("space-colon", b"Transfer-Encoding : chunked\r\n", "RFC 9112 section 5.1"),
    _coding("tab-colon", b"Transfer-Encoding\t: chunked\r\n", "RFC 9112 section 5.1"),
    _coding("folded", b"Transfer-Encoding:\r\n chunked\r\n", "RFC 9112 section 5.2"),
    _coding("indented", b" Transfer-Encoding: chunked\r\n", "RFC 9112 section 2.2"),
    _coding("behind-feed", b"X: y\nTransfer-Encoding: chunked\r\n", "RFC 9112 section 2.2"),
    _coding("behind-return", b"X: y\rTransfer-Encoding: chunked\r\n", "RFC 9112 section 2.2"),
    Case("coding-old", _OLD, frame(CHUNKED, _WHOLE, START.replace(b"1.1", b"1.0"))),
    Case(
        "coding-old-kept",
        _OLD,
        frame(b"Connection: keep-alive\r\n" + CHUNKED, _WHOLE, START.replace(b"1.1", b"1.0")),
    ),
    # --- both
    _both("cl-te", LENGTH + CHUNKED),
    _both("te-cl", CHUNKED + LENGTH),
    _both("zero-te", b"Content-Length: 0\r\n" + CHUNKED),
    _both("cl-te-capitals", b"CONTENT-LENGTH: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n"),
    _both("cl-te-identity", LENGTH + b"Transfer-Encoding: identity\r\n"),
    _both("cl-te-odd", LENGTH + b"Transfer-Encoding: xchunked\r\n"),
    _both("cl-te-te", LENGTH + CHUNKED + b"Transfer-Encoding: identity\r\n"),
    _both("cl-te-space-colon", LENGTH + b"Transfer-Encoding : chunked\r\n"),
    _both("cl-te-folded", LENGTH + b"Transfer-Encoding:\r\n chunked\r\n"),
    _both("cl-cl-te", LENGTH * 2 + CHUNKED),
)
