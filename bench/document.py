"""``python -m bench.document``: what a document of the configuration costs, as a Markdown table.

In this process with an empty gateway: a document of N endpoints, with N model definitions, N / 10
secrets and N / 10 api keys, is applied over REST, then applied again, planned with one change, read
back, and rolled back. Each with the longest pause of the event loop meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any

import orjson

from bench.config_size import TOKEN, Admin, print_table, run_admin, timed
from gateway.app import build_gateway
from gateway.secret import Secret
from gateway.settings import Settings

SIZES = (100, 1_000, 10_000)


def build_document(count: int) -> dict[str, Any]:
    """Return a document as a person or a program would write it."""
    few = max(1, count // 10)
    return {
        "lockgate": 1,
        "secrets": [
            {
                "secret_name": f"secret-{n}",
                "provider": "openai",
                "secret_value": {"api_key": {"value": f"bench-key-{n}"}},
            }
            for n in range(few)
        ],
        "model_definitions": [
            {
                "name": f"model-{n}",
                "provider": "openai",
                "model_name": "gpt-4o-mini",
                "secret_name": f"secret-{n % few}",
            }
            for n in range(count)
        ],
        "endpoints": [
            {
                "name": f"endpoint-{n}",
                "model_mappings": [
                    {"model_definition": f"model-{n}", "weight": 80},
                    {"model_definition": f"model-{(n + 1) % count}", "weight": 20},
                    {"model_definition": f"model-{(n + 2) % count}", "linkage_type": "FALLBACK"},
                ],
                "tags": {"team": f"team-{n % 50}"},
            }
            for n in range(count)
        ],
        "bindings": [],
        "api_keys": [
            {"name": f"key-{n}", "value": {"value": f"lg-bench-{n:064}"}} for n in range(few)
        ],
    }


async def measure(count: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Return milliseconds and the longest pause, by what was done."""
    gateway = await build_gateway(Settings(data=folder, admin_token=Secret(TOKEN)))
    document = build_document(count)
    found: dict[str, tuple[float, float]] = {}
    try:
        async with run_admin(gateway) as admin:
            await admin.call("GET", "/status")

            async def act(kind: str, method: str, path: str, body: Any = None) -> None:
                raw = None if body is None else orjson.dumps(body)
                found[kind] = await timed(lambda: send(admin, method, path, raw))

            await act("apply all", "POST", "/configuration/apply", {"document": document})
            await act("apply the same", "POST", "/configuration/apply", {"document": document})
            document["endpoints"][0]["usage_tracking"] = False
            await act("plan one change", "POST", "/configuration/plan", {"document": document})
            await act("apply one change", "POST", "/configuration/apply", {"document": document})
            await act("read as a document", "GET", "/configuration")
            await act("read it again", "GET", "/configuration")
            await act("read the epoch before", "GET", "/history/1")
            await act("list the history", "GET", "/history")
            await act("roll one change back", "POST", "/history/1/rollback", {})
    finally:
        await gateway.close()
    return found


async def send(admin: Admin, method: str, path: str, raw: bytes | None) -> None:
    """Make a call whose answer is read and not looked at."""
    await admin.send(method, path, None if raw is None else io.BytesIO(raw))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.document", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    results = {}
    for count in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            results[count] = asyncio.run(measure(count, Path(folder) / "data"))
    print_table(results)


if __name__ == "__main__":
    main()
