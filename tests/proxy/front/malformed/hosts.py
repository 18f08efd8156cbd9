"""Host: missing, twice, and what is no host."""

from tests.proxy.front.malformed.case import Case, host

_ONE = "RFC 9112 section 3.2"
_GRAMMAR = "RFC 9110 section 7.2, RFC 3986 section 3.2.2"
_NARROW = "narrower than RFC 3986 section 3.2.2: no host that exists is spelled so"


def _of(name: str, value: bytes, rule: str = _GRAMMAR) -> Case:
    return Case(f"host-{name}", rule, host(b"Host: %b\r\n" % value))


CASES = (
    Case("host-missing", _ONE, host(b"")),
    Case("host-twice", _ONE, host(b"Host: x\r\nHost: y\r\n")),
    Case("host-twice-the-same", _ONE, host(b"Host: x\r\nhost: x\r\n")),
    Case("host-twice-old", _ONE, host(b"Host: x\r\nHost: x\r\n", b"1.0")),
    Case("host-odd-old", _GRAMMAR, host(b"Host: a b\r\n", b"1.0")),
    Case("host-other-name", _ONE, host(b"X-Host: x\r\n")),
    Case("host-folded", "RFC 9112 section 5.2", host(b"Host:\r\n x\r\n")),
    Case("host-space-before-colon", "RFC 9112 section 5.1", host(b"Host : x\r\n")),
    _of("empty", b"", "RFC 9110 section 4.2.1: an http URI has a host"),
    _of("port-alone", b":80", "RFC 9110 section 4.2.1: an http URI has a host"),
    _of("user", b"u@x"),
    _of("user-and-password", b"u:p@x"),
    _of("blank", b"a b"),
    _of("tab", b"a\tb"),
    _of("comma", b"a,b", _NARROW),
    _of("list", b"a, b"),
    _of("path", b"x/v1"),
    _of("url", b"http://x"),
    _of("query", b"x?a"),
    _of("fragment", b"x#a"),
    _of("backslash", b"x\\y"),
    _of("quoted", b'"x"'),
    _of("less-than", b"<x>"),
    _of("semicolon", b"x;y", _NARROW),
    _of("equals", b"x=y", _NARROW),
    _of("star", b"*", _NARROW),
    _of("escape", b"x%2ey", _NARROW),
    _of("escape-nul", b"x%00", _NARROW),
    _of("nul", b"x\0"),
    _of("control", b"x\x01"),
    _of("delete", b"x\x7f"),
    _of("not-ascii", "é.example".encode()),
    _of("bracket-open", b"[::1"),
    _of("bracket-close", b"::1]"),
    _of("bare-ipv6", b"::1"),
    _of("bracket-empty", b"[]"),
    _of("bracket-name", b"[x]"),
    _of("bracket-ipv4", b"[127.0.0.1]"),
    _of("bracket-too-long", b"[1:2:3:4:5:6:7:8:9]"),
    _of("bracket-zone", b"[fe80::1%25eth0]", "RFC 9844: a zone never leaves its machine"),
    _of("bracket-after", b"[::1]x"),
    _of("ipvfuture", b"[v1.x]", _NARROW),
    _of("port-word", b"x:http"),
    _of("port-negative", b"x:-80"),
    _of("port-plus", b"x:+80"),
    _of("port-large", b"x:65536"),
    _of("port-long", b"x:0000000080"),
    _of("port-twice", b"x:80:80"),
    _of("port-blank", b"x: 80"),
)
