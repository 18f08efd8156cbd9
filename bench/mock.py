"""A provider that answers at once with fixed bytes: the least that an upstream can cost.

Run as ``python -m bench.mock``; prints its port, ends with its parent's pipe. The model
``mock-hold`` streams one piece of content and stays silent then, ``mock-silent`` never answers.
"""

from __future__ import annotations

import asyncio
import sys

from bench import loops
from bench.processes import raise_file_limit

CHUNKS = 50
PACE_S = 0.002  # between two events of a stream: slow enough that each is read by itself
_FRONT_BYTES = 2048  # model and stream stand within the first bytes of a body, or it is short
_TEXT = "The quick brown fox jumps over the lazy dog. " * 4
_BODY = (  # JSON braces make an f-string or format() worse
    '{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench-model",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"logprobs":null,'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":40,"total_tokens":64,'
    '"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}'
) % _TEXT


def answer(body: bytes, *, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    """Return a whole answer with its length."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def chunked(part: bytes) -> bytes:
    """Return one chunk of the transfer coding."""
    return b"%x\r\n%b\r\n" % (len(part), part)


def event(delta: str, finish: str = "null", model: str = "bench-model") -> bytes:
    """Return one event of a chat stream as a chunk."""
    return chunked(
        (
            'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,'
            '"model":"%s","choices":[{"index":0,"delta":{%s},"finish_reason":%s}]}\n\n'
            % (model, delta, finish)
        ).encode()
    )


PLAIN = answer(_BODY.encode())
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
FIRST = event('"role":"assistant","content":""')
DONE = chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM_PARTS = [
    # Together: a gateway that waits for content must not be charged for the pause before it.
    FIRST + event('"content":"word "'),
    *[event('"content":"word "')] * (CHUNKS - 4),
    event("", '"stop"'),
    DONE,
]


class Provider(asyncio.Protocol):
    """One connection: reads whole requests by their Content-Length, then calls `reply`.

    `body_bytes` is how much of a body `reply` gets: a copy of a large one would cost more than
    the whole answer.
    """

    body_bytes = _FRONT_BYTES

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._needed and (end := buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(buffer[:end])
            lower = head.lower()
            at = lower.find(b"\r\ncontent-length:")
            length = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._needed = end + 4 + length
            if len(buffer) < self._needed:
                return
            seen = min(self._needed, end + 4 + self.body_bytes)
            self.reply(head, bytes(buffer[end + 4 : seen]))
            del buffer[: self._needed]
            self._needed = 0

    def reply(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        from bench import messages  # which is made of what stands here

        front = body[:_FRONT_BYTES]
        if head.startswith(b"POST /v1/messages"):
            self._answer(front, messages.MESSAGE, messages.MESSAGE_PARTS)
            return
        if b'"mock-silent"' in front:
            return
        if b'"mock-hold"' in front:
            self.transport.write(STREAM_HEAD + STREAM_PARTS[0])
        else:
            self._answer(front, PLAIN, STREAM_PARTS)

    def _answer(self, front: bytes, whole: bytes, parts: list[bytes]) -> None:
        if b'"stream":true' not in front and b'"stream": true' not in front:
            self.transport.write(whole)
        else:
            self.transport.write(STREAM_HEAD + parts[0])
            self._later(parts, 1)

    def _later(self, parts: list[bytes], index: int) -> None:
        asyncio.get_running_loop().call_later(PACE_S, self._send_part, parts, index)

    def _send_part(self, parts: list[bytes], index: int) -> None:
        # One event per turn of the loop, as a model would: each is a chunk of its own on the wire.
        if self.transport.is_closing():
            return
        self.transport.write(parts[index])
        if index + 1 < len(parts):
            self._later(parts, index + 1)


async def serve(protocol: type[Provider]) -> None:
    """Listen at a free port, print it, end when the parent's pipe closes."""
    raise_file_limit()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    loops.run(serve(Provider))
