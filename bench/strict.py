"""A provider that reads its requests as strictly as it can, and keeps what was wrong with them.

What reaches it must be one well-formed POST of a known path, with the credential of that path's
vendor and nothing of a client's. Every answer carries its number as `x-request-id`. Run as
``python -m bench.strict``; `GET /key/KEY` tells it the client's key, `GET /stats` asks for counts.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import suppress

from bench import loops
from bench.mock import serve
from gateway.dialects import parse_head
from gateway.errors import LockgateError

OPENAI_KEY = "provider-key-of-openai-0123456789"
ANTHROPIC_KEY = "provider-key-of-anthropic-0123456789"
GEMINI_KEY = "provider-key-of-gemini-0123456789"

_CREDENTIALS = {
    "openai": b"authorization: bearer " + OPENAI_KEY.encode(),
    "anthropic": b"x-api-key: " + ANTHROPIC_KEY.encode(),
    "gemini": b"x-goog-api-key: " + GEMINI_KEY.encode(),
}
_START = re.compile(rb"POST (/[!-\"$-~]*) HTTP/1\.1")
_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?"
)
_PATHS = (
    (re.compile(rb"/v1/(chat/completions|completions|responses|embeddings)"), "openai"),
    (re.compile(rb"/v1/messages(/count_tokens)?"), "anthropic"),
    (re.compile(rb"/v1(beta)?/models/gemini-strict:[A-Za-z]+"), "gemini"),
)
_ONCE = (b"host", b"content-length")
_NEVER = (b"transfer-encoding", b"content-encoding", b"connection", b"te", b"trailer", b"upgrade")
_NEVER += (b"expect", b"cookie", b"forwarded", b"proxy-authorization", b"keep-alive")

_CHAT = {
    "id": "chatcmpl-strict",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "strict",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
_MESSAGE = {
    "id": "msg_strict",
    "type": "message",
    "role": "assistant",
    "model": "strict",
    "content": [{"type": "text", "text": "yes"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
_CANDIDATES = {
    "candidates": [
        {
            "index": 0,
            "content": {"role": "model", "parts": [{"text": "yes"}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
}
_PLAIN = {"openai": _CHAT, "anthropic": _MESSAGE, "gemini": _CANDIDATES}


def _event(value: object, name: str = "") -> bytes:
    line = f"event: {name}\n" if name else ""
    return f"{line}data: {json.dumps(value)}\n\n".encode()


def _delta(**delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
    return _event({**_CHAT, "object": "chat.completion.chunk", "choices": [choice]})


_STREAMS = {
    "openai": _delta(role="assistant", content="yes") + _delta() + b"data: [DONE]\n\n",
    "responses": _event(
        {"type": "response.output_text.delta", "delta": "yes"}, "response.output_text.delta"
    )
    + _event(
        {"type": "response.completed", "response": {"id": "r", "status": "completed"}},
        "response.completed",
    ),
    "completions": _event({"object": "text_completion", "choices": [{"index": 0, "text": "yes"}]})
    + b"data: [DONE]\n\n",
    "anthropic": _event({"type": "message_start", "message": _MESSAGE}, "message_start")
    + _event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "yes"}},
        "content_block_delta",
    )
    + _event({"type": "message_stop"}, "message_stop"),
    "gemini": _event(_CANDIDATES),
}


def find_fault(head: bytes, host: bytes, client_key: bytes) -> tuple[str, str]:
    """Return whose path a request's head is of, and what is wrong with it ("" if nothing)."""
    start, *lines = head.split(b"\r\n")
    match = _START.fullmatch(start)
    if match is None:
        return "", "no request line"
    path = match[1].partition(b"?")[0]
    vendor = next((name for pattern, name in _PATHS if pattern.fullmatch(path)), "")
    if not vendor:
        return "", "a path that is none"
    names = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            return vendor, "a line that is no header"
        names.append(found[1].lower().replace(b"_", b"-"))
    return vendor, _find_odd(head, lines, names, vendor, host) or _find_key(head, client_key)


def _find_odd(head: bytes, lines: list[bytes], names: list[bytes], vendor: str, host: bytes) -> str:
    counted = Counter(names)
    if any(counted[name] != 1 for name in _ONCE) or any(counted[name] for name in _NEVER):
        return "a header too many or too few"
    if b"Host: " + host not in lines:
        return "another host"
    if any(name.startswith((b"x-lockgate-", b"x-forwarded-", b"proxy-")) for name in names):
        return "a header that was not to pass"
    low = head.lower()
    if [name for name, line in _CREDENTIALS.items() if low.count(b"\r\n" + line)] != [vendor]:
        return "not the credential of this provider"
    if sum(counted[name] for name in (b"authorization", b"x-api-key", b"x-goog-api-key")) != 1:
        return "more than one credential"
    return ""


def _find_key(head: bytes, client_key: bytes) -> str:
    return "the client's key" if client_key and client_key in head else ""


class Strict(asyncio.Protocol):
    """One connection of the strict provider."""

    client_key = b""
    calls = 0
    faults: list[str] = []  # noqa: RUF012  of the process, as the counts are

    def __init__(self) -> None:
        self._buffer = b""
        self._host = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self._host = f"{host}:{port}".encode()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = re.search(rb"\r\ncontent-length: ([0-9]{1,9})(?:\r\n|$)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(self._buffer) < end + 4 + size:
                return
            body = self._buffer[end + 4 : end + 4 + size]
            self._buffer = self._buffer[end + 4 + size :]
            self._answer(head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._buffer and not re.match(rb"POST /[!-~]* HTTP/1\.1\r\n", self._buffer):
            self.faults.append(f"bytes that begin no request: {self._buffer[:80]!r}")

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET "):
            self._control(head)
            return
        Strict.calls += 1
        vendor, fault = find_fault(head, self._host, self.client_key)
        if fault:
            self.faults.append(f"{fault}: {head[:2000]!r}")
        kind, answer = _build_answer(vendor or "openai", head.split(b"\r\n", 1)[0], body)
        self._write(kind, answer)

    def _control(self, head: bytes) -> None:
        path = head.split(b" ")[1]
        if path.startswith(b"/key/"):
            Strict.client_key = path[5:]
        stats = {"calls": self.calls, "faults": self.faults[:20], "wrong": len(self.faults)}
        self._write("application/json", json.dumps(stats).encode())

    def _write(self, kind: str, body: bytes) -> None:
        head = f"Content-Type: {kind}\r\nx-request-id: n{self.calls}\r\nContent-Length: {len(body)}"
        self.transport.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head.encode(), body))


def _build_answer(vendor: str, start: bytes, body: bytes) -> tuple[str, bytes]:
    sse = "text/event-stream"
    if vendor == "gemini":
        if b":streamGenerateContent" not in start:
            return "application/json", json.dumps(_CANDIDATES).encode()
        if b"alt=sse" in start:
            return sse, _STREAMS["gemini"]
        return "application/json", json.dumps([_CANDIDATES]).encode()
    try:
        stream = parse_head(body).stream
    except LockgateError:
        Strict.faults.append(f"a body that is none: {body[:200]!r}")
        stream = False
    if not stream:
        return "application/json", json.dumps(_PLAIN[vendor]).encode()
    path = start.split(b" ")[1].partition(b"?")[0]
    named = path.rpartition(b"/")[2].decode()
    return sse, _STREAMS[named if named in _STREAMS and path != b"/v1/chat/completions" else vendor]


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        loops.run(serve(Strict))
