"""A rotation beside traffic: parent and two workers go on serving, whoever runs it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import ROOT, Serve, Set, Start, build_environ, set_up
from tests.acceptance.test_workers import wait_until


async def _run_command(*words: str) -> None:
    command = [sys.executable, "-m", "gateway", "crypto", *words]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=build_environ(), capture_output=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr


async def _is_done(serve: Serve, term: int) -> bool:
    _, vault = await serve.call("GET", "/vault")
    return vault["rotation"]["phase"] == "done" and vault["active_term"] == term


async def _ask_on(serve: Serve, made: Set, stopping: asyncio.Event) -> list[int]:
    statuses = []
    while not stopping.is_set():
        statuses.append((await serve.ask("chat", made.key))[0])
    return statuses


async def _set_up(serve: Serve, provider: RunningSimulator) -> Set:
    made = await set_up(serve, provider)
    await serve.create(
        "/endpoints",
        {"name": "chat", "model_mappings": [{"model_definition_id": made.models["one"]}]},
    )
    for number in range(120):  # more than a batch
        secret = {"provider": "openai", "secret_value": {"api_key": f"unused-{number}"}}
        await serve.create("/secrets", {"secret_name": f"unused-{number}", **secret})
    return made


async def test_no_request_fails_while_keys_are_rotated_and_destroyed(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": provider.url}
    serve = await start("--workers", "2", **allowed)
    made = await _set_up(serve, provider)
    stopping = asyncio.Event()
    asking = asyncio.create_task(_ask_on(serve, made, stopping))
    data = str(tmp_path / "data")

    await _run_command("rotate-kek", "--data", data)  # by another process
    await wait_until(lambda: _is_done(serve, 2))
    status, _ = await serve.call("POST", "/vault/rotation", {"reencrypt": True})  # by its own
    assert status == 202
    await wait_until(lambda: _is_done(serve, 3))
    for term in ("1", "2"):
        await _run_command("retire-term", term, "--destroy", "--data", data)
    changed, _ = await serve.call(
        "PATCH", f"/secrets/{made.secret_id}", {"secret_value": {"api_key": provider.key}}
    )
    assert changed == 200

    stopping.set()
    statuses = await asking
    assert set(statuses) == {200}
    _, vault = await serve.call("GET", "/vault")
    assert [(term["state"], term["records"]) for term in vault["terms"]] == [
        ("retired", 0),
        ("retired", 0),
        ("active", 121),
    ]
    (process,) = vault["processes"]
    assert (process["workers"], process["loaded_term"]) == (2, 3)
    _, facts = await serve.call("GET", "/status")
    assert facts["quarantined"] == []
    assert await serve.stop() == 0


async def test_a_gateway_that_was_killed_while_it_rotated_is_gone_on_with(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": provider.url}
    first = await start("--workers", "2", **allowed)
    made = await _set_up(first, provider)
    assert (await first.call("POST", "/vault/rotation", {}))[0] == 202
    first.process.kill()
    await first.process.wait()
    second = await start("--workers", "2", **allowed)
    assert (await second.ask("chat", made.key))[0] == 200
    await _run_command("rotate-kek", "--data", str(tmp_path / "data"))
    await wait_until(lambda: _is_done(second, 2))
    assert (await second.ask("chat", made.key))[0] == 200
