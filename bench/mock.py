"""A provider that answers at once with fixed bytes: the least that an upstream can cost.

Run as ``python -m bench.mock``; prints its port, ends with its parent's pipe.
"""

from __future__ import annotations

import asyncio
import sys

CHUNKS = 50
_TEXT = "The quick brown fox jumps over the lazy dog. " * 4
_BODY = (  # JSON braces make an f-string or format() worse
    '{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench-model",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"logprobs":null,'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":40,"total_tokens":64,'
    '"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}'
) % _TEXT


def _answer(content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunked(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _event(delta: str, finish: str) -> bytes:
    return _chunked(
        (
            'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,'
            '"model":"bench-model","choices":[{"index":0,"delta":{%s},"finish_reason":%s}]}\n\n'
            % (delta, finish)
        ).encode()
    )


PLAIN = _answer("application/json", _BODY.encode())
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
STREAM_PARTS = [
    _event('"role":"assistant","content":""', "null"),
    *[_event('"content":"word "', "null")] * (CHUNKS - 3),
    _event("", '"stop"'),
    _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n",
]


class Provider(asyncio.Protocol):
    """One connection: reads whole requests by their Content-Length, answers with fixed bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._reply(b'"stream":true' in body or b'"stream": true' in body)

    def _reply(self, stream: bool) -> None:
        if not stream:
            self._transport.write(PLAIN)
            return
        self._transport.write(STREAM_HEAD)
        self._send_part(0)

    def _send_part(self, index: int) -> None:
        # One event per turn of the loop, as a model would: each is a chunk of its own on the wire.
        if self._transport.is_closing():
            return
        self._transport.write(STREAM_PARTS[index])
        if index + 1 < len(STREAM_PARTS):
            asyncio.get_running_loop().call_later(0.0005, self._send_part, index + 1)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # the parent's pipe closes when it ends


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(_main())
    except ImportError:
        asyncio.run(_main())
