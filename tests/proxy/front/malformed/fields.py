"""Header lines: names, values, line ends, folding, their number and size, and expectations."""

from tests.proxy.front.malformed.case import HOST, KEY, LENGTH, START, Case, field

_NAME = "RFC 9110 section 5.1"
_VALUE = "RFC 9110 section 5.5"
_SYNTAX = "RFC 9112 section 5"
_ENDS = "RFC 9112 section 2.2"
_FOLD = "RFC 9112 section 5.2"
_EXPECT = "RFC 9110 section 10.1.1"

CASES = (
    # --- names
    Case("space-before-colon", "RFC 9112 section 5.1", field(b"X-A : b\r\n")),
    Case("tab-before-colon", "RFC 9112 section 5.1", field(b"X-A\t: b\r\n")),
    Case("space-in-name", _NAME, field(b"X A: b\r\n")),
    Case("no-colon", _SYNTAX, field(b"X-A\r\n")),
    Case("no-name", _NAME, field(b": b\r\n")),
    Case("blank-name", _NAME, field(b" : b\r\n")),
    Case("name-nul", _NAME, field(b"X\0A: b\r\n")),
    Case("name-control", _NAME, field(b"X\x02A: b\r\n")),
    Case("name-delete", _NAME, field(b"X\x7fA: b\r\n")),
    Case("name-not-ascii", _NAME, field("X-É: b\r\n".encode())),
    Case("name-bracket", _NAME, field(b"X[A]: b\r\n")),
    Case("name-slash", _NAME, field(b"X/A: b\r\n")),
    Case("name-quoted", _NAME, field(b'"X-A": b\r\n')),
    Case("name-equals", _NAME, field(b"X-A=b: c\r\n")),
    Case("name-comma", _NAME, field(b"X,A: b\r\n")),
    Case("name-at", _NAME, field(b"X@A: b\r\n")),
    Case("first-line-indented", _FOLD, START + b" " + HOST + KEY + LENGTH + b"\r\n"),
    # --- values
    Case("value-nul", _VALUE, field(b"X-A: a\0b\r\n")),
    Case("value-control", _VALUE, field(b"X-A: a\x01b\r\n")),
    Case("value-escape", _VALUE, field(b"X-A: a\x1b[31m\r\n")),
    Case("value-backspace", _VALUE, field(b"X-A: a\x08b\r\n")),
    Case("value-vertical-tab", _VALUE, field(b"X-A: a\x0bb\r\n")),
    Case("value-form-feed", _VALUE, field(b"X-A: a\x0cb\r\n")),
    Case("value-delete", _VALUE, field(b"X-A: a\x7fb\r\n")),
    Case("key-nul", _VALUE, field(b"X-Api-Key: a\0b\r\n")),
    # --- line ends and folding
    Case("bare-line-feed-in-head", _ENDS, field(b"X-A: b\nX-B: c\r\n")),
    Case("bare-return", _ENDS, field(b"X-A: b\rX-B: c\r\n")),
    Case("return-return-feed", _ENDS, field(b"X-A: b\r\r\n")),
    Case("feed-return", _ENDS, field(b"X-A: b\n\rX-B: c\r\n")),
    Case("line-feeds-alone", _ENDS, START.replace(b"\r", b"") + b"Host: x\n\n"),
    Case("head-ends-in-feed", _ENDS, START + HOST + KEY + b"\n"),
    Case("head-ends-in-feed-feed", _ENDS, START + b"Host: x\n\n"),
    Case("length-behind-feed", _ENDS, field(b"X-A: b\nContent-Length: 5\r\n")),
    Case("length-behind-return", _ENDS, field(b"X-A: b\rContent-Length: 5\r\n")),
    Case("fold-blank", _FOLD, field(b"X-A: a\r\n b\r\n")),
    Case("fold-tab", _FOLD, field(b"X-A: a\r\n\tb\r\n")),
    Case("fold-empty", _FOLD, field(b"X-A: a\r\n \r\n")),
    Case("fold-length", _FOLD, field(b"X-A: a\r\n Content-Length: 5\r\n")),
    Case("fold-coding", _FOLD, field(b"X-A: a\r\n\tTransfer-Encoding: chunked\r\n")),
    # --- how many and how large
    Case("too-many", "128 headers", field(b"X-A: b\r\n" * 128)),
    Case("too-large-a-line", "a head of 64 KiB", field(b"X-A: %b\r\n" % (b"x" * 66_000))),
    Case("too-large-a-name", "a head of 64 KiB", field(b"X%b: a\r\n" % (b"x" * 66_000))),
    Case("too-large-together", "a head of 64 KiB", field((b"X-A: %b\r\n" % (b"x" * 1_000)) * 70)),
    # --- expectations
    Case("expect-other", _EXPECT, field(b"Expect: 200-ok\r\n"), (417,)),
    Case("expect-more", _EXPECT, field(b"Expect: 100-continue, x=y\r\n"), (417,)),
    Case("expect-parameter", _EXPECT, field(b"Expect: 100-continue;q=1\r\n"), (417,)),
    Case("expect-twice", _EXPECT, field(b"Expect: 100-continue\r\nExpect: x\r\n"), (417,)),
    Case("expect-typo", _EXPECT, field(b"Expect: 100-continued\r\n"), (417,)),
    # --- ours
    Case(
        "own-family",
        "no header of our family but those known",
        field(b"x-lockgate-a: b\r\n"),
        keeps=True,
    ),
    Case(
        "timeout-word",
        "a number of milliseconds",
        field(b"x-lockgate-timeout-ms: soon\r\n"),
        keeps=True,
    ),
)
