"""What the command-line tests run against: a scripted REST server and a real gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from gateway.cli.root import cli

TOKEN = "admin-token-of-the-tests"
START_TIMEOUT_S = 60
DEAD_ORIGIN = "http://127.0.0.1:9"  # discard: nothing listens there, every call is refused
SERVE = [sys.executable, "-m", "gateway", "serve", "--listen", "127.0.0.1:0"]

Answer = tuple[int, Mapping[str, str], Any]


def clean_environ(**more: str) -> dict[str, str]:
    """Return this process's environment without Lockgate's variables, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
    return {**kept, **more}


@dataclass(slots=True)
class Cli:
    """Runs a command in this process; stdin is no terminal."""

    environ: dict[str, str]

    def __call__(self, *args: str, stdin: str | bytes | None = None, **environ: str) -> Result:
        forget = {name: None for name in os.environ if name.startswith("LOCKGATE_")}
        return CliRunner().invoke(
            cli, list(args), input=stdin, env={**forget, **self.environ, **environ}
        )

    def json(self, *args: str, stdin: str | bytes | None = None) -> Any:
        result = self(*args, "--output", "json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return orjson.loads(result.stdout)

    def ok(self, *args: str, stdin: str | bytes | None = None) -> str:
        result = self(*args, stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return result.stdout


@pytest.fixture
def run() -> Cli:
    """Run a command that has no server and no token."""
    return Cli({})


# --- a scripted server --------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class ScriptedServer:
    """Answers each (method, path) as a test says, and remembers what was asked."""

    url: str = ""
    answers: dict[tuple[str, str], Answer | Callable[[Call], Answer]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        call = Call(
            request.method,
            request.path.removeprefix("/api/v1"),
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            orjson.loads(raw) if raw else None,
        )
        self.calls.append(call)
        answer = self.answers[call.method, call.path]
        status, headers, body = answer(call) if callable(answer) else answer
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, headers=headers, body=content)


async def _listen(server: ScriptedServer) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """Serve scripted answers on a thread of its own."""
    server = ScriptedServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_listen(server), loop).result()
    yield server
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def ask(scripted: ScriptedServer) -> Cli:
    """Run a command against the scripted server."""
    return Cli({"LOCKGATE_URL": scripted.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})


# --- a real gateway -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `lockgate serve`."""

    url: str
    data: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run the real gateway in a process of its own, once for all tests."""
    data = tmp_path_factory.mktemp("serving") / "data"
    origins = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": DEAD_ORIGIN}
    with start_gateway(data, LOCKGATE_ADMIN_TOKEN=TOKEN, **origins) as server:
        yield server


class start_gateway:  # noqa: N801  used as a function
    """Start `lockgate serve` on a free port; stop it with SIGTERM at the end."""

    def __init__(self, data: Path, *args: str, **environ: str) -> None:
        self._data = data
        self.process = subprocess.Popen(
            [*SERVE, "--data", str(data), *args],
            env=clean_environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Serving:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("Lockgate serves at "):
            self.process.kill()
            pytest.fail(f"serve did not start: {line}{self.process.communicate()}")
        url = line.removeprefix("Lockgate serves at ").split(",")[0]
        return Serving(url, self._data, self.process)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise


@pytest.fixture
def live(serving: Serving) -> Cli:
    """Run a command against the real gateway."""
    return Cli({"LOCKGATE_URL": serving.url, "LOCKGATE_ADMIN_TOKEN": TOKEN})
