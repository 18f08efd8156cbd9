"""What the mock answers where it speaks Anthropic's format: as long as in OpenAI's."""

from __future__ import annotations

import json
from typing import Any

from bench.mock import CHUNKS, answer, chunked

_TEXT = "The quick brown fox jumps over the lazy dog. " * 4
_USAGE = {"input_tokens": 24, "output_tokens": 40}
_MESSAGE: dict[str, Any] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "bench-model",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 24, "output_tokens": 1},
}


def event(kind: str, **fields: Any) -> bytes:
    """Return one event of a message stream as a chunk."""
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return chunked(f"event: {kind}\ndata: {data}\n\n".encode())


MESSAGE = answer(
    json.dumps(
        {
            **_MESSAGE,
            "content": [{"type": "text", "text": _TEXT}],
            "stop_reason": "end_turn",
            "usage": _USAGE,
        }
    ).encode()
)
_DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "})
MESSAGE_PARTS = [
    event("message_start", message=_MESSAGE)
    + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + _DELTA,
    *[_DELTA] * (CHUNKS - 4),
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=_USAGE)
    + event("message_stop")
    + b"0\r\n\r\n",
]
