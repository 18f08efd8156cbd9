"""What the simulator received: one record per call, for tests to look at.

Rule: headers and body may hold credentials, so a record's repr leaves them out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from gateway.simulator.exchange import Json

MOST_CALLS = 10_000
"""Calls remembered: plenty for a test, and a demo that runs for days does not grow."""


@dataclass(slots=True, eq=False)
class ReceivedCall:
    """One call as it arrived; ``at`` is seconds of the monotonic clock.

    ``done`` is set when the answer was sent or the client left; ``client_gone`` tells which.
    ``peer_port`` tells connections apart. Headers and body may hold credentials and are not in
    the repr.
    """

    method: str
    path: str
    raw_path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at: float
    peer_port: int
    done: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    client_gone: bool = False

    def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            orjson.JSONDecodeError: the body is no JSON.
        """
        return orjson.loads(self.body)


async def record_call(request: web.Request) -> ReceivedCall:
    """Read a request to its end and record it."""
    peer = request.get_extra_info("peername")
    return ReceivedCall(
        method=request.method,
        path=request.path,
        raw_path=request.raw_path,
        query=dict(request.query),
        headers=request.headers,
        body=await request.read(),
        at=time.monotonic(),
        peer_port=peer[1] if peer else 0,
    )


def find_form(call: ReceivedCall) -> Json:
    """Find the fields of a form."""
    return dict(parse_qsl(call.body.decode("utf-8", "replace")))


def find_body(call: ReceivedCall) -> Json | None:
    """Find the JSON object of a request; a GET has an empty one."""
    if call.method in {"GET", "HEAD"}:
        return {}
    try:
        body = call.json()
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None
