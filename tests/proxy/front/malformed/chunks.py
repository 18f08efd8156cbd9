"""Chunked bodies that are none."""

from tests.proxy.front.malformed.case import BODY, Case, chunks

_SIZE = "RFC 9112 section 7.1"
_END = "RFC 9112 section 7.1: CRLF after each line and chunk"
_EXTENSION = "RFC 9112 section 7.1.1"
_TRAILER = "RFC 9110 section 6.5.1"
_DATA = b"%b\r\n0\r\n\r\n" % BODY
_HEX = b"%x" % len(BODY)
_FIRST = b"%b\r\n%b\r\n" % (_HEX, BODY)


def _size(name: str, line: bytes, rule: str = _SIZE) -> Case:
    return Case(f"chunk-{name}", rule, chunks(line + b"\r\n" + _DATA))


def _trailer(name: str, lines: bytes, rule: str = _TRAILER) -> Case:
    return Case(f"trailer-{name}", rule, chunks(_FIRST + b"0\r\n" + lines + b"\r\n"))


CASES = (
    _size("negative", b"-" + _HEX),
    _size("plus", b"+" + _HEX),
    _size("prefix", b"0x" + _HEX),
    _size("no-hex", b"xyz"),
    _size("no-hex-after", _HEX + b"g"),
    _size("decimal-point", _HEX + b".0"),
    _size("underscore", b"3_f"),
    _size("quoted", b'"3f"'),
    _size("empty", b""),
    _size("nine-digits", b"000000" + b"03f"),
    _size("over-64-bits", b"f" * 17),
    _size("very-long", b"0" * 5_000 + _HEX),
    _size("blank-before", b" " + _HEX),
    _size("tab-before", b"\t" + _HEX),
    _size("blank-after", _HEX + b" "),
    _size("two-numbers", _HEX + b" " + _HEX),
    _size("comma", _HEX + b"," + _HEX),
    _size("nul", _HEX + b"\0"),
    _size("not-ascii", b"\xb2"),
    _size("full-width", "\uff13f".encode()),
    _size("return", _HEX + b"\r"),
    _size("extension-nul", _HEX + b";a=\0", _EXTENSION),
    _size("extension-control", _HEX + b";a=\x01", _EXTENSION),
    _size("extension-delete", _HEX + b";a=\x7f", _EXTENSION),
    _size("extension-return", _HEX + b";a=b\rc", _EXTENSION),
    _size("extension-feed", _HEX + b";a\n" + BODY, _EXTENSION),
    _size("extension-long", _HEX + b";" + b"a" * 5_000, "a line of 4 KiB"),
    _size("extension-no-semicolon", _HEX + b" a=b", _EXTENSION),
    Case("chunk-shorter", _END, chunks(b"5\r\n" + _DATA)),
    Case("chunk-longer", _END, chunks(b"%x\r\n" % (len(BODY) + 1) + _DATA)),
    Case("chunk-longer-by-two", _END, chunks(b"%x\r\n" % (len(BODY) + 2) + _DATA)),
    Case("chunk-no-end", _END, chunks(_HEX + b"\r\n" + BODY + b"0\r\n\r\n")),
    Case("chunk-end-feed", _END, chunks(_HEX + b"\r\n" + BODY + b"\n0\r\n\r\n")),
    Case("chunk-end-return", _END, chunks(_HEX + b"\r\n" + BODY + b"\r0\r\n\r\n")),
    Case("chunk-end-reversed", _END, chunks(_HEX + b"\r\n" + BODY + b"\n\r0\r\n\r\n")),
    Case("chunk-end-blank", _END, chunks(_HEX + b"\r\n" + BODY + b" \r\n0\r\n\r\n")),
    Case("chunk-size-feed", _END, chunks(_HEX + b"\n" + BODY + b"\r\n0\r\n\r\n")),
    Case("chunk-feeds-alone", _END, chunks(_HEX + b"\n" + BODY + b"\n0\n\n")),
    Case("chunk-last-feed", _END, chunks(_FIRST + b"0\n\r\n")),
    Case("chunk-last-feed-feed", _END, chunks(_FIRST + b"0\r\n\n")),
    Case("chunk-two-lines-between", _END, chunks(_FIRST + b"\r\n0\r\n\r\n")),
    Case("chunk-huge", "more than the limit is announced", chunks(b"ffffffff\r\nx"), (413,)),
    Case(
        "chunk-extensions-together",
        "16 KiB of extensions in a body",
        chunks((b"1;%b\r\n \r\n" % (b"a" * 4_000)) * 5 + _FIRST + b"0\r\n\r\n"),
    ),
    # --- trailers
    _trailer("length", b"Content-Length: 5\r\n"),
    _trailer("coding", b"Transfer-Encoding: chunked\r\n"),
    _trailer("host", b"Host: y\r\n"),
    _trailer("authorization", b"Authorization: Bearer x\r\n"),
    _trailer("api-key", b"X-Api-Key: x\r\n"),
    _trailer("content-encoding", b"Content-Encoding: gzip\r\n"),
    _trailer("connection", b"Connection: close\r\n"),
    _trailer("no-colon", b"X\r\n", "RFC 9112 section 7.1.2"),
    _trailer("no-name", b": x\r\n", "RFC 9112 section 7.1.2"),
    _trailer("space-colon", b"X : y\r\n", "RFC 9112 section 7.1.2"),
    _trailer("fold", b"X: y\r\n z\r\n", "RFC 9112 section 7.1.2"),
    _trailer("nul", b"X: \0\r\n", "RFC 9112 section 7.1.2"),
    _trailer("feed", b"X: y\n", "RFC 9112 section 7.1.2"),
    _trailer("large", b"X: %b\r\n" % (b"y" * 5_000), "trailers of 4 KiB"),
    _trailer("many", b"X: y\r\n" * 1_000, "trailers of 4 KiB"),
    _trailer("a-request", b"POST /v1/chat/completions HTTP/1.1\r\n", "RFC 9112 section 7.1.2"),
)
