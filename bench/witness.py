"""A provider that tells on its caller: echoes, fails on demand, and counts what it has seen.

The model's name says what happens: ``echo-*`` answers with the content that came, ``fault-KIND``
fails as KIND says. A content of ``tenant=A`` that comes with another tenant's credential is noted.
``GET /stats`` answers with the counts. Run as ``python -m bench.witness``.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bench import loops
from bench.mock import DONE, FIRST, STREAM_HEAD, Provider, answer, chunked, event, serve

PROVIDER_KEY = "provider-key-of-"  # and the tenant's name
_STALL_S = 5.0
_DRIP_S = 0.05
_PIECES = 6

seen: Counter[str] = Counter()
crossed: list[str] = []


def dump_plain(model: str, content: str) -> bytes:
    """Return a whole answer with this content."""
    message = {"role": "assistant", "content": content}
    value = {
        "id": "chatcmpl-witness",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 24, "completion_tokens": 40, "total_tokens": 64},
    }
    return answer(json.dumps(value).encode())


def split_stream(model: str, content: str, pieces: int = _PIECES) -> list[bytes]:
    """Return the content as that many events, the role before them and the end after them."""
    size = -(-len(content) // pieces) or 1
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    parts = [event(f'"content":{json.dumps(piece)}', model=model) for piece in cut]
    return [FIRST, *parts, event("", '"stop"', model=model), DONE]


class Witness(Provider):
    """One connection of the witness."""

    body_bytes = 1 << 30

    def reply(self, head: bytes, body: bytes) -> None:
        """Look at one request, then answer as its model's name says."""
        if head.startswith(b"GET "):
            stats = {"seen": dict(seen), "crossed": crossed[:20]}
            self.transport.write(answer(json.dumps(stats).encode()))
            return
        asked = json.loads(body)
        model, content = asked["model"], asked["messages"][-1]["content"]
        seen["attempts"] += 1
        seen[f"model {model}"] += 1
        _check_credential(head, content)
        act = _FAULTS.get(model.removeprefix("fault-"), _echo)
        act(self, asked, model, content)

    def send_all(self, parts: list[bytes], pause_s: float, then: Callable[[], Any] | None) -> None:
        """Write parts one by one with pauses, then do what is left to do."""
        if self.transport.is_closing():
            return
        if not parts:
            if then is not None:
                then()
            return
        self.transport.write(parts[0])
        again = asyncio.get_running_loop().call_later
        again(pause_s, self.send_all, parts[1:], pause_s, then)


def _check_credential(head: bytes, content: str) -> None:
    tenant = content.partition("tenant=")[2][:1]
    if not tenant:
        return
    given = head.lower().partition(b"\r\nauthorization: bearer ")[2].split(b"\r\n", 1)[0].decode()
    if given != f"{PROVIDER_KEY}{tenant}".lower():
        crossed.append(f"content of {tenant} with another credential")


def _echo(to: Witness, asked: dict[str, Any], model: str, content: str) -> None:
    if not asked.get("stream"):
        to.transport.write(dump_plain(model, content))
        return
    parts = split_stream(model, content)
    to.send_all([STREAM_HEAD + parts[0], *parts[1:]], 0.001, None)


def _fail(to: Witness, _asked: dict[str, Any], _model: str, _content: str) -> None:
    error = {"error": {"message": "made to fail", "type": "server_error", "code": None}}
    to.transport.write(answer(json.dumps(error).encode(), status="500 Internal Server Error"))


def _reset(to: Witness, _asked: dict[str, Any], _model: str, _content: str) -> None:
    to.transport.abort()


def _cut(to: Witness, asked: dict[str, Any], model: str, content: str) -> None:
    to.send_all(_begin(asked, model, content), 0.002, to.transport.abort)


def _stall(to: Witness, asked: dict[str, Any], model: str, content: str) -> None:
    later = asyncio.get_running_loop().call_later

    def wait() -> None:
        later(_STALL_S, to.transport.abort)

    to.send_all(_begin(asked, model, content), 0.002, wait)


def _begin(asked: dict[str, Any], model: str, content: str) -> list[bytes]:
    """Return the first half of an answer."""
    if asked.get("stream"):
        return [STREAM_HEAD, *split_stream(model, content)[:3]]
    whole = dump_plain(model, content)
    return [whole[: len(whole) // 2]]


def _drip(to: Witness, asked: dict[str, Any], model: str, content: str) -> None:
    if asked.get("stream"):
        parts = [STREAM_HEAD, *split_stream(model, content, 20)]
    else:
        whole = dump_plain(model, content)
        parts = [whole[at : at + 64] for at in range(0, len(whole), 64)]
    to.send_all(parts, _DRIP_S, None)


def _error_event(to: Witness, asked: dict[str, Any], model: str, content: str) -> None:
    if not asked.get("stream"):
        _fail(to, asked, model, content)
        return
    note = chunked(b'data: {"error":{"message":"made to fail","type":"server_error"}}\n\n')
    to.send_all([*_begin(asked, model, content), note + b"0\r\n\r\n"], 0.002, None)


_FAULTS: dict[str, Callable[[Witness, dict[str, Any], str, str], None]] = {
    "500": _fail,
    "reset": _reset,
    "cut": _cut,
    "stall": _stall,
    "drip": _drip,
    "event": _error_event,
}
FAULTS = tuple(_FAULTS)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        loops.run(serve(Witness))
