"""What the way through costs by itself: the data plane on transports of memory, no socket.

Run as ``python -m bench.path [plain|stream|translated|translated-stream] [requests]``; translated
is openai->anthropic. Prints CPU per request, and with
``--profile`` where it goes. What a real request costs on top is the system calls of two
connections and the event loop's share.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import hashlib
import pstats
import random
import time
from typing import Any, NamedTuple

from bench.messages import MESSAGE, MESSAGE_PARTS
from bench.mock import CHUNKS, PLAIN, STREAM_HEAD, STREAM_PARTS
from gateway.entities import (
    ApiKeyId,
    Configuration,
    EndpointId,
    EndpointLimits,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealContext,
    SealedSecret,
    SecretId,
    StoredApiKey,
)
from gateway.proxy import ProxyParts, ProxyPlane
from gateway.proxy.upstream.call import Request
from gateway.proxy.upstream.connection import Connection
from gateway.routing import HealthTable, HealthTimes
from gateway.routing.snapshot import SnapshotHolder, build_snapshot
from gateway.secret import Secret
from gateway.settings import Settings, parse_origin_pattern
from gateway.telemetry import Metrics
from gateway.vault.configs import ModelConfigCache

_KEY = "lg-key-of-the-bench"
_STAMPS: dict[str, Any] = {
    "created_at": 1,
    "last_updated_at": 1,
    "created_by": "bench",
    "last_updated_by": "bench",
}
_BODY = b'{"model": "bench", "stream": %b, "messages": [{"role": "user", "content": "%b"}]}'
_HEAD = (  # what OpenAI's SDK for Python sends
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8700\r\nAccept-Encoding: gzip, deflate"
    "\r\nConnection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 2.0.0\r\nX-Stainless-Lang: python\r\nX-Stainless-OS: Linux\r\n"
    "X-Stainless-Package-Version: 2.0.0\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython"
    "\r\nX-Stainless-Runtime-Version: 3.11.7\r\nX-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\nx-stainless-read-timeout: 600\r\n"
    f"Authorization: Bearer {_KEY}\r\nContent-Length: %d\r\n\r\n"
)


class Case(NamedTuple):
    """What is answered by whom; the client speaks OpenAI's chat format."""

    provider: str
    answers: list[bytes]
    stream: bool


CASES = {
    "plain": Case("openai_compatible", [PLAIN], stream=False),
    "stream": Case("openai_compatible", [STREAM_HEAD, *STREAM_PARTS], stream=True),
    "translated": Case("anthropic", [MESSAGE], stream=False),
    "translated-stream": Case("anthropic", [STREAM_HEAD, *MESSAGE_PARTS], stream=True),
}


class _Wire(asyncio.Transport):
    """A transport that forgets what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def write(self, data: Any) -> None:
        self.bytes += len(data)

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        raise SystemExit("a connection was closed")


class _Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class _Opener:
    def open(self, context: SealContext, record: bytes) -> Secret:
        del context
        return Secret(record)


class _Ledger:
    def __init__(self) -> None:
        self.rows = 0

    def record(self, row: object) -> None:
        del row
        self.rows += 1


def _build_configuration(provider: str) -> Configuration:
    base = "http://127.0.0.1:1" + ("/v1" if provider == "openai_compatible" else "")
    secret = SealedSecret(
        secret_id=SecretId("s-1"),
        secret_name="bench",
        provider=provider,
        auth_config={"api_base": base},
        secret_version=1,
        kek_term=1,
        record=b'{"api_key":"bench-provider-key-0123456789"}',
    )
    split = (("one", 80), ("two", 20))
    mappings = tuple(_build_mapping(provider, name, weight) for name, weight in split)
    endpoint = GatewayEndpoint(
        endpoint_id=EndpointId("e-1"),
        name="bench",
        model_mappings=mappings,
        tags={},
        routing_strategy=None,
        fallback_config=None,
        usage_tracking=True,
        limits=EndpointLimits(),
        **_STAMPS,
    )
    key = GatewayApiKey(
        key_id=ApiKeyId("k-1"),
        name="bench",
        masked_value="***",
        allowed_endpoints=("*",),
        expires_at=None,
        disabled=False,
        **_STAMPS,
    )
    stored = StoredApiKey(key=key, digest=hashlib.sha256(_KEY.encode()).digest())
    return Configuration(epoch=1, endpoints=(endpoint,), secrets=(secret,), api_keys=(stored,))


def _build_mapping(provider: str, name: str, weight: float) -> GatewayEndpointModelMapping:
    definition = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(f"d-{name}"),
        name=name,
        secret_id=SecretId("s-1"),
        secret_name="bench",
        provider=provider,
        model_name=f"bench-{name}",
        **_STAMPS,
    )
    return GatewayEndpointModelMapping(
        mapping_id=MappingId(f"m-{name}"),
        endpoint_id=EndpointId("e-1"),
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=weight,
        linkage_type=LinkageType.PRIMARY,
        fallback_order=None,
        created_at=1,
        created_by="bench",
    )


async def measure(mode: str, count: int, profile: bool) -> float:
    """Return CPU seconds per request."""
    case = CASES[mode]
    ledger = _Ledger()
    parts = ProxyParts(
        snapshots=SnapshotHolder(build_snapshot(_build_configuration(case.provider))),
        configs=ModelConfigCache(_Opener()),
        usage=ledger,
        settings=Settings(allowed_private_origins=(parse_origin_pattern("http://127.0.0.1:1"),)),
        clock=_Clock(),
        metrics=Metrics(),
        healths=HealthTable(HealthTimes()),
        draw=random.random,
    )
    asked: list[Connection] = []
    plane = ProxyPlane(parts, lambda _transport, _data: None)
    _seat(plane, asked)
    client = plane.front()
    wire = _Wire()
    client.connection_made(wire)
    body = _BODY % (b"true" if case.stream else b"false", b"x" * 400)
    request = (_HEAD % len(body)).encode() + body
    answers = case.answers

    def run(times: int) -> None:
        for _ in range(times):
            client.data_received(request)
            connection = asked.pop()
            for part in answers:
                connection.data_received(part)

    run(200)
    profiler = cProfile.Profile() if profile else None
    before_s = time.process_time()
    if profiler is None:
        run(count)
    else:
        profiler.runcall(run, count)
    took_s = time.process_time() - before_s
    assert ledger.rows == count + 200
    if profiler is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return took_s / count


def _seat(plane: ProxyPlane, asked: list[Connection]) -> None:
    """Put an open connection of memory into the pool that the plane will take from."""
    pool = plane._upstreams._pool
    lane = "http://127.0.0.1:1 s-1"

    class Noted(Connection):
        def ask(self, request: Request, answer: Any) -> None:
            asked.append(self)
            super().ask(request, answer)

    connection = Noted(lambda one: pool._put(lane, one), lambda one: None)
    connection.connection_made(_Wire())
    pool._put(lane, connection)


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.path", description=__doc__)
    parser.add_argument("mode", choices=tuple(CASES), nargs="?", default="plain")
    parser.add_argument("requests", type=int, nargs="?", default=20_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    runs = 1 if given.profile else 5
    best = min(asyncio.run(measure(given.mode, given.requests, given.profile)) for _ in range(runs))
    print(f"{given.mode}: {best * 1e6:.1f} µs of CPU per request without sockets")
    if CASES[given.mode].stream:
        print(f"{best * 1e6 / CHUNKS:.1f} µs per chunk")


if __name__ == "__main__":
    main()
