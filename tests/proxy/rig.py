"""A data plane on loopback over a hand-written configuration: what the tests here run against."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from gateway.entities import (
    ApiKeyId,
    Configuration,
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GracedSecret,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    Resilience,
    SealContext,
    SealedSecret,
    SecretId,
    StoredApiKey,
    UsageRow,
)
from gateway.errors import VaultIntegrityError
from gateway.proxy import ProxyParts, ProxyPlane, find_renderer
from gateway.routing.health_table import build_health_table
from gateway.routing.snapshot import SnapshotHolder, build_snapshot
from gateway.secret import Secret
from gateway.server import build_pass_on
from gateway.settings import Settings, parse_origin_pattern
from gateway.telemetry import Metrics
from gateway.vault.configs import ModelConfigCache
from gateway.web import build_rescue

CANARY = "canary-key-0123456789-of-the-provider"
CLIENT_KEY = "lg-client-key-of-the-tests"
BROKEN = b"broken"
NOW_MS = 1_700_000_000_000
NO_LIMITS = EndpointLimits()
NO_RESILIENCE = Resilience()


@dataclass(frozen=True, slots=True)
class Model:
    """One mapping of an endpoint, with the model definition and the secret behind it."""

    url: str
    provider: str = "openai"
    model: str = "gpt-4o-mini"
    weight: float = 1.0
    order: int | None = None  # makes it a FALLBACK
    key: str | None = CANARY  # None: its record does not open
    name: str = ""
    same_as: int | None = None  # the model definition of another mapping of the endpoint
    more_config: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] | None = None  # of the credential, instead of `key`
    former: str | None = None  # the key before it, good until `grace_until`
    grace_until: int = NOW_MS + 1000

    @property
    def api_base(self) -> str:
        return self.url + ("/v1" if self.provider.startswith("openai") else "")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint."""

    models: Sequence[Model]
    max_fallbacks: int | None = None
    usage_tracking: bool = True
    limits: EndpointLimits = NO_LIMITS
    resilience: Resilience = NO_RESILIENCE
    tags: dict[str, str] = field(default_factory=dict)


class Clock:
    """Stands still on the wall, runs monotonically."""

    def __init__(self) -> None:
        self.now = NOW_MS
        self.good_calls = -1  # then it fails; -1: never

    def now_ms(self) -> int:
        if self.good_calls == 0:
            raise RuntimeError("the clock is broken")
        self.good_calls -= 1
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1000


class PlainOpener:
    """Opens records that were never sealed, and counts."""

    def __init__(self) -> None:
        self.opened = 0

    def open(self, context: SealContext, record: bytes) -> Secret:
        self.opened += 1
        if record == BROKEN:
            raise VaultIntegrityError("the record was changed")
        return Secret(record)


class Ledger:
    """Keeps the rows that were recorded."""

    def __init__(self) -> None:
        self.rows: list[UsageRow] = []

    def record(self, row: UsageRow) -> None:
        self.rows.append(row)


STAMPS: dict[str, Any] = {
    "created_at": NOW_MS,
    "last_updated_at": NOW_MS,
    "created_by": "test",
    "last_updated_by": "test",
}


def build_key(name: str = "app", value: str = CLIENT_KEY, **changes: Any) -> StoredApiKey:
    fields: dict[str, Any] = {
        "key_id": ApiKeyId(f"k-{name}"),
        "name": name,
        "masked_value": "***",
        "allowed_endpoints": ("*",),
        "expires_at": None,
        "disabled": False,
        **STAMPS,
        **changes,
    }
    return StoredApiKey(key=GatewayApiKey(**fields), digest=hashlib.sha256(value.encode()).digest())


def build_configuration(
    endpoints: dict[str, Endpoint], *, keys: Sequence[StoredApiKey] | None = None, epoch: int = 1
) -> Configuration:
    secrets: list[SealedSecret] = []
    rows = [_build_endpoint(name, endpoint, secrets) for name, endpoint in endpoints.items()]
    return Configuration(
        epoch=epoch,
        endpoints=tuple(rows),
        secrets=tuple(secrets),
        api_keys=tuple(keys if keys is not None else [build_key()]),
    )


def _build_endpoint(name: str, endpoint: Endpoint, secrets: list[SealedSecret]) -> GatewayEndpoint:
    mappings = tuple(
        _build_mapping(name, index, model, secrets) for index, model in enumerate(endpoint.models)
    )
    return GatewayEndpoint(
        endpoint_id=EndpointId(f"e-{name}"),
        name=name,
        model_mappings=mappings,
        tags=endpoint.tags,
        routing_strategy=None,
        fallback_config=FallbackConfig(max_attempts=endpoint.max_fallbacks),
        usage_tracking=endpoint.usage_tracking,
        limits=endpoint.limits,
        resilience=endpoint.resilience,
        **STAMPS,
    )


def _build_mapping(
    endpoint: str, index: int, model: Model, secrets: list[SealedSecret]
) -> GatewayEndpointModelMapping:
    number = index if model.same_as is None else model.same_as
    secret_id = SecretId(f"s-{endpoint}-{number}")
    name = model.name or f"{endpoint}-{index}"
    sealed = SealedSecret(
        secret_id=secret_id,
        secret_name=f"secret of {name}",
        provider=model.provider,
        auth_config={"api_base": model.api_base, **model.more_config},
        secret_version=1,
        kek_term=1,
        record=BROKEN
        if model.key is None
        else orjson.dumps(model.fields or {"api_key": model.key}),
    )
    if model.former is not None:
        record = orjson.dumps({"api_key": model.former})
        graced = GracedSecret(sealed=replace(sealed, record=record), grace_until=model.grace_until)
        sealed = replace(sealed, secret_version=2, previous=graced)
    if model.same_as is None:
        secrets.append(sealed)
    definition = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(f"d-{endpoint}-{number}"),
        name=name,
        secret_id=secret_id,
        secret_name=f"secret of {name}",
        provider=model.provider,
        model_name=model.model,
        **STAMPS,
    )
    return GatewayEndpointModelMapping(
        mapping_id=MappingId(f"m-{endpoint}-{index}"),
        endpoint_id=EndpointId(f"e-{endpoint}"),
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=model.weight,
        linkage_type=LinkageType.PRIMARY if model.order is None else LinkageType.FALLBACK,
        fallback_order=model.order,
        created_at=NOW_MS,
        created_by="test",
    )


class Rig:
    """A running data plane; `async with` starts and stops it. `front_limits` are of its `Front`."""

    def __init__(
        self,
        endpoints: dict[str, Endpoint],
        *,
        keys: Sequence[StoredApiKey] | None = None,
        settings: dict[str, Any] | None = None,
        draw: Callable[[], float] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        **front_limits: float,
    ) -> None:
        self._front_limits = front_limits
        origins = [
            parse_origin_pattern(model.url)
            for endpoint in endpoints.values()
            for model in endpoint.models
        ]
        self.opener = PlainOpener()
        self.ledger = Ledger()
        self.clock = Clock()
        self.metrics = Metrics()
        self.naps: list[float] = []
        self.keys = keys
        built = Settings(**{"allowed_private_origins": tuple(origins), **(settings or {})})
        self.parts = ProxyParts(
            snapshots=SnapshotHolder(build_snapshot(build_configuration(endpoints, keys=keys))),
            configs=ModelConfigCache(self.opener),
            usage=self.ledger,
            settings=built,
            clock=self.clock,
            metrics=self.metrics,
            healths=build_health_table(built),
            draw=draw or random.Random(1).random,
            sleep=self._nap,
            ssl_context=ssl_context,
        )
        self.url = ""
        self._runner: web.AppRunner
        self._listener: asyncio.Server
        self.plane: ProxyPlane
        self.client: aiohttp.ClientSession

    async def _nap(self, delay_s: float) -> None:
        self.naps.append(delay_s)

    def configure(self, endpoints: dict[str, Endpoint]) -> None:
        """Serve another configuration from the next request on."""
        epoch = self.parts.snapshots.current.epoch + 1
        configuration = build_configuration(endpoints, keys=self.keys, epoch=epoch)
        assert self.parts.snapshots.swap(build_snapshot(configuration))

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[build_rescue(find_renderer)], client_max_size=1 << 40)
        app.on_response_prepare.append(_close)  # as the server does
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self.plane = ProxyPlane(self.parts, build_pass_on(self._runner))
        for name, limit_s in self._front_limits.items():
            setattr(self.plane.front, name, limit_s)
        self.plane.start()
        self._listener = await asyncio.get_running_loop().create_server(
            self.plane.front, "127.0.0.1", 0
        )
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        self.client = aiohttp.ClientSession(
            self.url, headers={"Authorization": f"Bearer {CLIENT_KEY}"}, auto_decompress=False
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.close()
        self._listener.close()
        await self.plane.close()
        await self._runner.cleanup()

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a body (JSON, or raw bytes) and read the answer to its end."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(
            path, data=io.BytesIO(data), headers={"Content-Type": "application/json", **named}
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def chat(self, endpoint: str = "chat", **fields: Any) -> Answer:
        """Ask a chat completion."""
        return await self.post("/v1/chat/completions", chat_body(endpoint, **fields))


async def _close(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.CONNECTION] = "close"
    response.force_close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["error"]["code"])

    def own(self, name: str) -> str:
        return self.headers[f"x-lockgate-{name}"]


def chat_body(endpoint: str = "chat", **fields: Any) -> dict[str, Any]:
    return {"model": endpoint, "messages": [{"role": "user", "content": "hello"}], **fields}


def messages_body(endpoint: str = "claude", **fields: Any) -> dict[str, Any]:
    return {**chat_body(endpoint), "max_tokens": 100, **fields}


def counted_body(endpoint: str = "claude") -> dict[str, Any]:
    """A request for a count of tokens, which has no limit of the answer."""
    return chat_body(endpoint)


def gemini_body(**fields: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], **fields}


@asynccontextmanager
async def serve_raw(*parts: bytes) -> AsyncIterator[str]:
    """A provider that answers whatever it is asked with these bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
