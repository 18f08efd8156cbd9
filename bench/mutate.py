"""Valid requests of every dialect, and what a fuzzer makes of them.

Rule: the same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

_USER = [{"role": "user", "content": "hello, is 12 more than 7? \u00e9"}]
_GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
_ODD = b"\0\r\n \t:;,#%/\\.-+\"'\x7f\xff\x01@?&=[]{}09aAzZ"
_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Connection: close\r\n",
    b"Connection: authorization, content-type\r\n",
    b"Expect: 100-continue\r\n",
    b"Host: y\r\n",
    b"Upgrade: h2c\r\n",
    b"Content-Encoding: gzip\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"..",
    b"/../",
    b"%2e%2e",
    b"%00",
    b";a=b",
)
_NUMBERS = (
    b"0",
    b"1",
    b"-1",
    b"+5",
    b"0x5",
    b"4294967295",
    b"18446744073709551616",
    b"007",
    b"9" * 40,
)

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def build_seeds(key: str) -> list[bytes]:
    """Return valid requests: all dialects, plain and streamed, with a length and chunked."""
    bearer, x_key = f"Authorization: Bearer {key}", f"x-api-key: {key}"
    goog, api = f"x-goog-api-key: {key}", f"api-key: {key}"
    claude = {"model": "claude", "max_tokens": 9, "messages": _USER}
    rows: list[tuple[str, str, object]] = [
        ("POST /v1/completions", bearer, {"model": "chat", "prompt": "hello"}),
        ("POST /v1/embeddings", api, {"model": "chat", "input": "hello"}),
        ("POST /v1/messages/count_tokens", x_key, claude),
        ("POST /v1beta/models/gem:generateContent", goog, _GEMINI),
        ("POST /v1beta/models/gem:streamGenerateContent?alt=sse", goog, _GEMINI),
        ("POST /v1beta/models/gem:streamGenerateContent", goog, _GEMINI),
        (f"POST /gemini/v1beta/models/gem:countTokens?key={key}", "X-A: b", _GEMINI),
        ("GET /v1/models", bearer, None),
        ("GET /v1/models/chat", bearer, None),
        ("HEAD /", "X-A: b", None),
        ("POST /gateway/mlflow/v1/chat/completions", bearer, {"model": "chat", "messages": _USER}),
    ]
    for stream in (False, True):
        chat = {"model": "chat", "stream": stream, "messages": _USER}
        rows += [
            ("POST /v1/chat/completions", bearer, chat),
            ("POST /v1/responses", bearer, {"model": "chat", "stream": stream, "input": "hello"}),
            ("POST /v1/messages?beta=true", x_key, {**claude, "stream": stream}),
            ("POST /anthropic/v1/messages", bearer, {**claude, "stream": stream}),
        ]
    return [_dump(*row, chunked=chunked) for row in rows for chunked in (False, True)]


def _dump(start: str, credential: str, value: object, *, chunked: bool) -> bytes:
    lines = [
        f"{start} HTTP/1.1",
        "Host: gateway.example:8700",
        credential,
        "User-Agent: OpenAI/Python 2.0.0",
        "Accept: application/json",
        "Accept-Encoding: gzip, deflate",
        "Content-Type: application/json",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Stainless-Retry-Count: 0",
    ]
    if value is None:
        return "\r\n".join([*lines, "\r\n"]).encode()
    body = json.dumps(value, ensure_ascii=False).encode()
    if not chunked:
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "\r\n"]).encode() + body
    half = len(body) // 2
    framed = b"%x\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nX-Trailer: t\r\n\r\n" % (
        half,
        body[:half],
        len(body) - half,
        body[half:],
    )
    return "\r\n".join([*lines, "Transfer-Encoding: chunked", "\r\n"]).encode() + framed


def mutate(draw: random.Random, raw: bytes, others: list[bytes]) -> bytes:
    """Return a request changed in one to three ways, or as it was."""
    for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 3))):
        raw = draw.choice(_MUTATIONS)(draw, raw, others)
    return raw


def _range(draw: random.Random, raw: bytes, most: int = 40) -> tuple[int, int]:
    start = draw.randrange(len(raw) + 1)
    return start, min(len(raw), start + draw.randrange(1, most))


def _flip(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    if not raw:
        return raw
    at = draw.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]


def _replace(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    at = draw.randrange(len(raw) + 1)
    return raw[:at] + bytes([draw.choice(_ODD)]) + raw[at + 1 :]


def _remove(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    start, end = _range(draw, raw)
    return raw[:start] + raw[end:]


def _repeat(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    start, end = _range(draw, raw, 120)
    return raw[:end] + raw[start:]


def _insert(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    at = draw.randrange(len(raw) + 1)
    if draw.random() < 0.6:  # where a line ends: what is inserted has more of a meaning there
        ends = [match.end() for match in re.finditer(rb"\r\n", raw)]
        at = draw.choice(ends) if ends else at
    return raw[:at] + draw.choice(_PIECES) + raw[at:]


def _splice(draw: random.Random, raw: bytes, others: list[bytes]) -> bytes:
    other = draw.choice(others)
    return raw[: draw.randrange(len(raw) + 1)] + other[draw.randrange(len(other)) :]


def _append(draw: random.Random, raw: bytes, others: list[bytes]) -> bytes:
    return raw + draw.choice(others)


def _truncate(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    return raw[: draw.randrange(len(raw) + 1)]


def _shuffle(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    head, mark, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    draw.shuffle(lines)
    return b"\r\n".join([start, *lines]) + mark + body


def _double_line(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    head, mark, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(draw.randrange(1, len(lines) + 1), draw.choice(lines))
    return b"\r\n".join(lines) + mark + body


def _change_case(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    start, end = _range(draw, raw)
    return raw[:start] + raw[start:end].swapcase() + raw[end:]


def _add_blank(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    places = [match.start() + draw.randrange(2) for match in re.finditer(rb":|\r\n|,", raw)]
    at = draw.choice(places) if places else 0
    return raw[:at] + draw.choice((b" ", b"\t", b"  ", b" \t ")) + raw[at:]


def _change_number(draw: random.Random, raw: bytes, _: list[bytes]) -> bytes:
    found = list(re.finditer(rb"[0-9]+", raw))
    if not found:
        return raw
    match = draw.choice(found)
    near = b"%d" % max(0, int(match[0][:18]) + draw.choice((-2, -1, 1, 2)))
    return raw[: match.start()] + draw.choice((*_NUMBERS, near, near)) + raw[match.end() :]


_MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _flip, _replace, _replace, _remove, _repeat, _insert, _insert),
    *(_splice, _append, _truncate, _shuffle, _double_line, _change_case, _add_blank),
    *(_change_number, _change_number),
)
