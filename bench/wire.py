"""The little HTTP/1.1 that the load needs: one request's bytes, and where an answer ends.

Rule: what is cheap is done per answer, what is exact (chunks decoded) only where bodies are kept:
the load generator shares the machine with what it measures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

CHAT_PATH = "/v1/chat/completions"
_FILLER = "The quick brown fox jumps over the lazy dog. "


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and what stands in their head."""

    url: str
    key: str
    model: str
    path: str = CHAT_PATH
    headers: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80


def dump_body(model: str, *, stream: bool, size: int = 600, content: str | None = None) -> bytes:
    """Return a chat request of about `size` bytes; model and stream stand first, for the mock."""
    text = content if content is not None else (_FILLER * (size // len(_FILLER) + 1))[:size]
    value = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    body = json.dumps(value, separators=(",", ":")).encode()
    return body if content is not None else _trim(body, size)


def _trim(body: bytes, size: int) -> bytes:
    surplus = len(body) - size
    end = len(body) - len(b'"}]}')
    return body[: max(end - surplus, 64)] + body[end:] if surplus > 0 else body


def dump_request(target: Target, body: bytes, headers: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of one POST, with the target's own headers and some more."""
    host, port = target.place
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Authorization: Bearer {target.key}",
        "Content-Type: application/json",
        *target.headers,
        *headers,
        f"Content-Length: {len(body)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode() + body


class AnswerEnd:
    """Finds where one answer ends. `keep` decodes and keeps the body."""

    __slots__ = ("_chunked", "_head", "_keep", "_left", "_raw", "_tail", "closes", "status")

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self.reset()

    def reset(self) -> None:
        """Begin with the next answer."""
        self.status = 0
        self.closes = False
        self._head = b""
        self._tail = b""
        self._raw = bytearray()
        self._left = -1
        self._chunked = False

    @property
    def head(self) -> bytes:
        """Status line and headers, in lower case."""
        return self._head

    def body(self) -> bytes:
        """Return the body so far, without the framing; only where it is kept."""
        return _decode(bytes(self._raw)) if self._chunked else bytes(self._raw)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; True once the answer is complete."""
        if not self.status:
            data = self._tail + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._tail = data
                return False
            self._read_head(data[:end].lower())
            data = data[end + 4 :]
        if self._keep:
            self._raw += data
        if self._chunked:
            return self._is_last_chunk(data)
        if self._left < 0:
            return False  # it ends with the connection
        self._left -= len(data)
        return self._left <= 0

    def _read_head(self, head: bytes) -> None:
        self._head = head
        self._tail = b""
        self.status = int(head[9:12])
        self.closes = b"\r\nconnection: close" in head
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            self._left = int(head[at + 17 :].split(b"\r\n", 1)[0])
        else:
            self._chunked = b"chunked" in head

    def _is_last_chunk(self, data: bytes) -> bool:
        if self._keep:
            return bytes(self._raw[-7:]) in (b"\r\n0\r\n\r\n", b"0\r\n\r\n") and _is_whole(
                bytes(self._raw)
            )
        self._tail = (self._tail + data)[-5:] if len(data) < 5 else data[-5:]
        return self._tail == b"0\r\n\r\n"


def _walk(raw: bytes) -> tuple[list[bytes], bool]:
    parts, at = [], 0
    while (end := raw.find(b"\r\n", at)) >= 0:
        size = int(raw[at:end].split(b";")[0], 16)
        if size == 0:
            return parts, True
        parts.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return parts, False


def _decode(raw: bytes) -> bytes:
    return b"".join(_walk(raw)[0])


def _is_whole(raw: bytes) -> bool:
    return _walk(raw)[1]
