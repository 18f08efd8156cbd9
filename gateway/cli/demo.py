"""`lockgate demo`: the whole gateway with simulated providers, temporary data, no key needed.

Rule: the demo sets itself up through the public REST API alone, as a user would.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import click

from gateway.cli.client import show_once
from gateway.errors import StartError
from gateway.settings import Address, Settings, parse_address, parse_origin_pattern
from gateway.simulator import RunningSimulator, start_simulator

PLAIN = "chat"
FAILOVER = "resilient"
_PROMPT = "Say hello."
_CHECK_TIMEOUT_S = 20.0  # three small requests on loopback; longer means that something hangs
_FAILING_MODEL = "gpt-4o-mini+status=503"  # the simulator's way to ask for a failure


@dataclass(frozen=True, slots=True)
class Demo:
    """What a user needs to play with a running demo; the credentials are made up for it."""

    url: str
    admin_url: str
    api_key: str
    admin_token: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request of the check and what came back."""

    title: str
    right: bool
    seen: str


@click.command(epilog="Example: lockgate demo --check")
@click.option("--listen", metavar="HOST:PORT", help="Address to serve on [127.0.0.1:8700].")
@click.option("--check", is_flag=True, help="Send three requests, print what came back, exit.")
def demo(listen: str | None, check: bool) -> None:
    """Start Lockgate with simulated providers; no key and no set-up needed."""
    # A check must not fail because something else has the usual port.
    address = _parse_listen(listen) or Address("127.0.0.1", 0 if check else 8700)
    from gateway.server import run_loop  # slow to import; `lockgate --help` stays quick

    outcomes: list[Outcome] = []
    run_loop(_check(address, outcomes) if check else _run(address))
    if check and not all(outcome.right for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _parse_listen(listen: str | None) -> Address | None:
    try:
        return None if listen is None else parse_address(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None


# --- running ------------------------------------------------------------------------------


async def _run(address: Address) -> None:
    from gateway.server import stop_event

    stopped = stop_event()
    async with start_demo(address) as running:
        click.echo(describe(running))
        await stopped.wait()
        click.echo("Stopping; the demo's data goes with it.")


async def _check(address: Address, outcomes: list[Outcome]) -> None:
    async with start_demo(address) as running:
        outcomes.extend(await check_demo(running))
    for outcome in outcomes:
        click.echo(f"{'ok  ' if outcome.right else 'FAIL'} {outcome.title}: {outcome.seen}")


@asynccontextmanager
async def start_demo(address: Address) -> AsyncIterator[Demo]:
    """Run the simulators and a gateway on temporary data, set up and ready for requests.

    Raises:
        StartError: the address is taken.
    """
    from gateway.server import start_server

    north = await start_simulator(name="north", key="demo-key-of-north")
    south = await start_simulator(name="south", key="demo-key-of-south")
    try:
        with tempfile.TemporaryDirectory(prefix="lockgate-demo-") as folder:
            server = await start_server(_build_settings(Path(folder), address, north, south))
            try:
                token = server.gateway.admin_token
                if token is None:
                    raise StartError("the demo's new installation made no admin token")
                yield await _set_up(server.url, server.admin_url, show_once(token), north, south)
            finally:
                await server.stop()
    finally:
        await north.close()
        await south.close()


def _build_settings(
    folder: Path, address: Address, north: RunningSimulator, south: RunningSimulator
) -> Settings:
    origins = tuple(parse_origin_pattern(simulator.url) for simulator in (north, south))
    return replace(
        Settings(), data=folder / "data", listen=address, allowed_private_origins=origins
    )


# --- set-up through REST ------------------------------------------------------------------


async def _set_up(
    url: str, admin_url: str, token: str, north: RunningSimulator, south: RunningSimulator
) -> Demo:
    async with aiohttp.ClientSession(
        base_url=f"{admin_url}/api/v1/", headers={"authorization": f"Bearer {token}"}
    ) as session:
        secrets = {
            "north": await _store_key(session, "north", "openai", f"{north.url}/v1", north),
            "south": await _store_key(
                session, "south", "openai_compatible", f"{south.url}/v1", south
            ),
            "claude": await _store_key(session, "north-claude", "anthropic", north.url, north),
            "gemini": await _store_key(session, "south-gemini", "gemini", south.url, south),
        }
        models = {
            name: await _create(
                session,
                "model-definitions",
                {
                    "name": name,
                    "provider": provider,
                    "model_name": model,
                    "secret_id": secrets[secret],
                },
            )
            for name, provider, model, secret in (
                ("mini-north", "openai", "gpt-4o-mini", "north"),
                ("mini-south", "openai_compatible", "llama-3.3-70b", "south"),
                ("down-north", "openai", _FAILING_MODEL, "north"),
                ("claude", "anthropic", "claude-sonnet-4-5", "claude"),
                ("gemini", "gemini", "gemini-2.5-flash", "gemini"),
            )
        }
        for body in _plan_endpoints(models):
            await _create(session, "endpoints", body)
        key = await _post(session, "api-keys", {"name": "demo-app"})
    return Demo(url, admin_url, key["value"], token)


def _plan_endpoints(models: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": PLAIN,
            "tags": {"demo": "80/20"},
            "model_mappings": [
                {"model_definition_id": models["mini-north"], "weight": 80},
                {"model_definition_id": models["mini-south"], "weight": 20},
            ],
        },
        {
            "name": FAILOVER,
            "tags": {"demo": "fallback"},
            "model_mappings": [
                {"model_definition_id": models["down-north"]},
                {
                    "model_definition_id": models["mini-south"],
                    "linkage_type": "FALLBACK",
                    "fallback_order": 0,
                },
            ],
        },
        {"name": "claude", "model_mappings": [{"model_definition_id": models["claude"]}]},
        {"name": "gemini", "model_mappings": [{"model_definition_id": models["gemini"]}]},
    ]


async def _store_key(
    session: aiohttp.ClientSession,
    name: str,
    provider: str,
    api_base: str,
    simulator: RunningSimulator,
) -> str:
    body = {
        "secret_name": name,
        "provider": provider,
        "secret_value": {"api_key": simulator.key},
        "auth_config": {"api_base": api_base},
    }
    return str((await _post(session, "secrets", body))["secret_id"])


async def _create(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> str:
    made = await _post(session, path, body)
    id_field = {"model-definitions": "model_definition_id", "endpoints": "endpoint_id"}[path]
    return str(made[id_field])


async def _post(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with session.post(path, json=body) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        if response.status != 201:  # noqa: PLR2004  Created
            raise StartError(f"the demo could not set up {path}: {answer.get('detail')}")
        return answer


# --- what it prints -----------------------------------------------------------------------


def describe(running: Demo) -> str:
    """Write what a user needs: addresses, credentials, four curls that work as pasted."""
    plain = _curl(running, PLAIN)
    streamed = _curl(running, PLAIN, stream=True)
    failover = _curl(running, FAILOVER, flags="-i ")
    return f"""\
Lockgate demo: two simulated providers, nothing leaves this machine. Ctrl-C ends it.

  Base URL     {running.url}
  API key      {running.api_key}
  Admin token  {running.admin_token}
  Web page     {running.admin_url}/ui/

1. A plain request; "{PLAIN}" sends 80 % to one model, 20 % to another:

{plain}

2. The same, streamed:

{streamed}

3. "{FAILOVER}": its first target always fails, the second answers
   (x-lockgate-attempts: 2 among the headers):

{failover}

4. Any format to any model: Anthropic's Messages, answered by the models of OpenAI's format:

{_curl_messages(running)}
"""


def _curl(running: Demo, endpoint: str, *, stream: bool = False, flags: str = "") -> str:
    flags = "-N " if stream else flags
    extra = ', "stream": true' if stream else ""
    return f"""\
curl -s {flags}{running.url}/v1/chat/completions \\
  -H 'Authorization: Bearer {running.api_key}' -H 'Content-Type: application/json' \\
  -d '{{"model": "{endpoint}"{extra}, "messages": [{{"role": "user", "content": "{_PROMPT}"}}]}}'"""


def _curl_messages(running: Demo) -> str:
    return f"""\
curl -s {running.url}/v1/messages \\
  -H 'x-api-key: {running.api_key}' -H 'anthropic-version: 2023-06-01' \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{PLAIN}", "max_tokens": 100,
       "messages": [{{"role": "user", "content": "{_PROMPT}"}}]}}'"""


# --- the check ----------------------------------------------------------------------------


async def check_demo(running: Demo) -> list[Outcome]:
    """Send a plain request, a streamed one and one whose first target fails."""
    async with aiohttp.ClientSession(
        headers={"authorization": f"Bearer {running.api_key}"},
        timeout=aiohttp.ClientTimeout(total=_CHECK_TIMEOUT_S),
    ) as session:
        url = f"{running.url}/v1/chat/completions"
        checks = (
            ("plain", _check_plain(session, url, PLAIN, attempts=1)),
            ("streamed", _check_stream(session, url)),
            ("first target fails", _check_plain(session, url, FAILOVER, attempts=2)),
        )
        return [await _judge(title, check) for title, check in checks]


async def _judge(title: str, check: Any) -> Outcome:
    try:
        right, seen = await check
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
        return Outcome(title, right=False, seen=f"{type(error).__name__}: {error}")
    return Outcome(title, right, seen)


async def _check_plain(
    session: aiohttp.ClientSession, url: str, endpoint: str, *, attempts: int
) -> tuple[bool, str]:
    async with session.post(url, json=_build_body(endpoint)) as response:
        answer = await response.json(content_type=None)
        facts = _describe_answer(response)
        if response.status != 200:  # noqa: PLR2004  OK
            return False, f"{facts} {answer}"
        text = answer["choices"][0]["message"]["content"]
        tried = response.headers.get("x-lockgate-attempts")
        return bool(text) and tried == str(attempts), f'{facts} "{text}"'


async def _check_stream(session: aiohttp.ClientSession, url: str) -> tuple[bool, str]:
    async with session.post(url, json={**_build_body(PLAIN), "stream": True}) as response:
        events = [
            line.removeprefix(b"data: ").strip()
            async for line in response.content
            if line.startswith(b"data: ")
        ]
        facts = _describe_answer(response)
        finished = bool(events) and events[-1] == b"[DONE]"
        end = "ended with [DONE]" if finished else "cut"
        return response.status == 200 and finished, f"{facts} {len(events)} events, {end}"  # noqa: PLR2004  OK


def _build_body(endpoint: str) -> dict[str, Any]:
    return {"model": endpoint, "messages": [{"role": "user", "content": _PROMPT}]}


def _describe_answer(response: aiohttp.ClientResponse) -> str:
    headers = response.headers
    return (
        f"{response.status} from {headers.get('x-lockgate-model')} "
        f"({headers.get('x-lockgate-provider')}), attempts {headers.get('x-lockgate-attempts')},"
    )
