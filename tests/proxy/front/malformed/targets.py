"""Targets: forms that are not ours, fragments, and paths that can be read in two ways.

Those that the parser lets through are no route: 404, or 401 and 404 where one segment is a name.
"""

from tests.proxy.front.malformed.case import Case, target

_FORM = "RFC 9112 section 3.2"
_URI = "RFC 3986 section 2"
_FRAGMENT = "RFC 9112 section 3.2.1, RFC 3986 section 3.5"
_DOTS = "RFC 3986 section 5.2.4: never resolved here"
_ESCAPES = "RFC 3986 section 2.4: never decoded to find a route"
_OURS = "a path is served as it is spelled in the table of routes, or not at all"
_CHAT = b"/v1/chat/completions"
_NO_ROUTE = (404, 405)

CASES = (
    # --- forms
    Case("relative", _FORM, target(b"v1/chat/completions")),
    Case("asterisk-for-post", "RFC 9112 section 3.2.4", target(b"*")),
    Case("asterisk-and-path", "RFC 9112 section 3.2.4", target(b"*" + _CHAT)),
    Case("authority-for-post", "RFC 9112 section 3.2.3", target(b"x:80")),
    Case("connect", "RFC 9112 section 3.2.3", target(b"elsewhere.example:443", b"CONNECT")),
    Case("connect-path", "RFC 9112 section 3.2.3", target(b"@x", b"CONNECT")),
    Case("query-alone", _FORM, target(b"?a=b")),
    Case("absolute-ftp", "RFC 9112 section 3.2.2", target(b"ftp://x" + _CHAT)),
    Case("absolute-file", "RFC 9112 section 3.2.2", target(b"file://" + _CHAT)),
    Case("absolute-gopher", "RFC 9112 section 3.2.2", target(b"gopher://x:25/_EHLO")),
    Case("absolute-no-host", "RFC 9110 section 4.2.1", target(b"http://" + _CHAT)),
    Case("absolute-one-slash", "RFC 3986 section 3", target(b"http:" + _CHAT)),
    Case("absolute-user", "RFC 9110 section 4.2.4", target(b"http://u:p@x" + _CHAT)),
    Case("absolute-at", "RFC 9110 section 4.2.4", target(b"http://x@elsewhere.example" + _CHAT)),
    Case("absolute-port", "RFC 3986 section 3.2.3", target(b"http://x:99999" + _CHAT)),
    Case("absolute-port-word", "RFC 3986 section 3.2.3", target(b"http://x:http" + _CHAT)),
    Case("absolute-ipv6", "RFC 3986 section 3.2.2", target(b"http://[::1" + _CHAT)),
    Case("absolute-backslash", _URI, target(b"http:\\\\x" + _CHAT)),
    Case("absolute-backslash-host", _URI, target(b"http://x\\@y" + _CHAT)),
    Case("absolute-dots", _DOTS, target(b"http://x/v1/../v1/chat/completions")),
    Case("double-slash-host", _OURS, target(b"//elsewhere.example" + _CHAT), _NO_ROUTE),
    # --- characters
    Case("fragment", _FRAGMENT, target(_CHAT + b"#x")),
    Case("fragment-in-query", _FRAGMENT, target(_CHAT + b"?a=b#/../x")),
    Case("fragment-alone", _FRAGMENT, target(b"#")),
    Case("blank", _URI, target(_CHAT + b" x")),
    Case("tab", _URI, target(_CHAT + b"\tx")),
    Case("nul", _URI, target(_CHAT + b"\0")),
    Case("control", _URI, target(_CHAT + b"\x1f")),
    Case("delete", _URI, target(_CHAT + b"\x7f")),
    Case("utf-8", _URI, target("/v1/chat/complétions".encode())),
    Case("latin-1-in-query", _URI, target(_CHAT + b"?a=\xe9")),
    Case("utf-8-in-query", _URI, target(_CHAT + b"?a=\xc3\xa9")),
    Case("line-break-in-query", _URI, target(_CHAT + b"?a=\r\nX: y")),
    # --- paths
    Case("dots", _DOTS, target(b"/v1/../v1/chat/completions")),
    Case("dots-to-control-plane", _DOTS, target(b"/v1/../api/v1/secrets", b"GET")),
    Case("dots-at-end", _DOTS, target(b"/v1/chat/completions/..")),
    Case("one-dot", _DOTS, target(b"/v1/./chat/completions")),
    Case("one-dot-at-end", _DOTS, target(b"/v1/chat/completions/.")),
    Case("dots-above-root", _DOTS, target(b"/../../v1/chat/completions")),
    Case("dots-for-a-name", _DOTS, target(b"/v1/models/..", b"GET")),
    Case("dots-escaped", _DOTS, target(b"/v1/%2e%2e/api/v1/secrets", b"GET")),
    Case("dots-escaped-capital", _DOTS, target(b"/v1/%2E%2E/api/v1/secrets", b"GET")),
    Case("dots-half-escaped", _DOTS, target(b"/v1/.%2e/api/v1/secrets", b"GET")),
    Case("dots-for-a-name-escaped", _DOTS, target(b"/v1/models/%2e%2e", b"GET")),
    Case("nul-escaped", _ESCAPES, target(_CHAT + b"%00")),
    Case("nul-escaped-in-name", _ESCAPES, target(b"/v1/models/chat%00", b"GET")),
    Case("backslash", _OURS, target(b"/v1\\chat\\completions")),
    Case("backslash-escaped", _OURS, target(b"/v1/models/..%5c..%5cchat", b"GET")),
    Case("slash-escaped", _ESCAPES, target(b"/v1%2fchat/completions"), _NO_ROUTE),
    Case("slash-escaped-capital", _ESCAPES, target(b"/v1%2Fchat%2Fcompletions"), _NO_ROUTE),
    Case(
        "slash-escaped-in-name",
        _ESCAPES,
        target(b"/v1/models/a%2fchat", b"GET"),
        (404,),
        keeps=True,
    ),
    Case("slash-escaped-twice", _ESCAPES, target(b"/v1%252fchat/completions"), _NO_ROUTE),
    Case("dots-and-escaped-slash", _ESCAPES, target(b"/v1/..%2fchat/completions"), _NO_ROUTE),
    Case("dots-overlong", _ESCAPES, target(b"/v1/%c0%ae%c0%ae/chat/completions"), _NO_ROUTE),
    Case("slash-overlong", _ESCAPES, target(b"/v1/models/%c0%afchat", b"GET"), (404,), keeps=True),
    Case("letter-escaped", _ESCAPES, target(b"/v1/%63hat/completions"), _NO_ROUTE),
    Case("escape-broken", "RFC 3986 section 2.1", target(b"/v1/chat/completions%"), _NO_ROUTE),
    Case("escape-no-hex", "RFC 3986 section 2.1", target(b"/v1/chat/completions%zz"), _NO_ROUTE),
    Case("escape-unicode", "RFC 3986 section 2.1", target(b"/v1/%u0063hat/completions"), _NO_ROUTE),
    Case("slash-doubled", _OURS, target(b"//v1/chat/completions"), _NO_ROUTE),
    Case("slash-doubled-inside", _OURS, target(b"/v1//chat/completions"), _NO_ROUTE),
    Case("slash-at-end", _OURS, target(_CHAT + b"/"), _NO_ROUTE),
    Case("capitals", _OURS, target(b"/V1/Chat/Completions"), _NO_ROUTE),
    Case("path-parameter", _OURS, target(b"/v1;a/chat/completions"), _NO_ROUTE),
    Case("path-parameter-at-end", _OURS, target(_CHAT + b";a=b"), _NO_ROUTE),
    Case("line-break-escaped", _ESCAPES, target(_CHAT + b"%0d%0aX:%20y"), _NO_ROUTE),
    Case("full-width", _ESCAPES, target(b"/v1/%ef%bc%8e%ef%bc%8e/chat"), _NO_ROUTE),
)
