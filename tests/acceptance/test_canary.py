"""A canary key is found nowhere but in the provider's own request."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import TOKEN, Start, build_environ, set_up

FAULTS = (
    "status=400",
    "status=401",
    "status=403",
    "status=429,retry-after=1",
    "status=500",
    "malformed",
    "truncate",
    "reset",
    "redirect",
    "error-event-first",
)


def spellings(key: str) -> list[bytes]:
    """The ways in which a key could lie around."""
    raw = key.encode()
    # base64 of three alignments, without the characters that depend on the neighbours
    encoded = [base64.b64encode(b" " * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw.hex().encode(), *encoded]


async def test_the_key_is_nowhere_but_in_the_providers_request(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    serve = await start(
        data=data, LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url, LOCKGATE_LOG_LEVEL="DEBUG"
    )
    made = await set_up(serve, provider, {"one": "gpt-4o-mini", "two": "gpt-4o"})
    await serve.create(
        "/endpoints",
        {
            "name": "chat",
            "model_mappings": [
                {"model_definition_id": made.models["one"]},
                {"model_definition_id": made.models["two"], "linkage_type": "FALLBACK"},
            ],
        },
    )
    seen: list[bytes] = []
    for fault in ("", *FAULTS):
        for stream in (False, True):
            sent = {"x-sim-fault": ",".join(part for part in (fault, "echo-key") if part)}
            status, headers, body = await serve.ask("chat", made.key, headers=sent, stream=stream)
            seen += [str(status).encode(), str(headers).encode(), body]
    for path in ("/secrets", "/audit", "/usage", "/status", "/model-definitions", "/endpoints"):
        seen.append(str(await serve.call("GET", path)).encode())
    async with serve.session.get(
        f"{serve.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}
    ) as response:
        assert response.status == 200
        seen.append(await response.read())
    wal = [path.read_bytes() for path in data.iterdir() if path.name != "root.key"]
    await back_up(data, tmp_path / "backup.db")
    assert await serve.stop() == 0

    assert any(
        made_call.headers.get("authorization", "").endswith(str(provider.key))
        for made_call in provider.calls
    )  # it was used
    log = "".join(serve.log).encode()
    assert b"level=debug" in log
    disk = [path.read_bytes() for path in data.iterdir() if path.name != "root.key"]
    haystacks = [*seen, log, *wal, *disk, (tmp_path / "backup.db").read_bytes()]
    for needle in spellings(str(provider.key)):
        assert not any(needle in haystack for haystack in haystacks), needle


async def back_up(data: Path, target: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "backup", str(target)),
        env=build_environ(LOCKGATE_DATA=str(data)),
    )
    assert await process.wait() == 0
