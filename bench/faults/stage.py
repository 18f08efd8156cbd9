"""A gateway set up through its REST for faults: credentials, models, endpoints, one api key.

Rule: every run has a model definition and an endpoint of its own, so that what the gateway has
learned of a target in one run is no part of another.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.faults.forms import Form
from bench.faults.rows import CONNECT_MS, FIRST_BYTE_MS, IDLE_MS, Site
from bench.faults.sites import Sites
from bench.rest import TOKEN
from bench.session import Answer, Session
from bench.wire import Target

KEY = "provider-key-of-the-faults"
NEXT = "next"  # the model that the second target leads to
PROVIDERS = ("openai", "anthropic", "gemini")
LIMITS = {
    "connect_timeout_ms": CONNECT_MS,
    "first_byte_timeout_ms": FIRST_BYTE_MS,
    "idle_timeout_ms": IDLE_MS,
}
_PARALLEL = 4  # writes at once: they are one after the other inside, this only fills the pauses
_PAGE = 500
_ANSWER_LIMIT_S = 30  # beyond every limit of the endpoints: what takes longer hangs
_LEDGER_WAITS, _LEDGER_WAIT_S = 20, 0.5


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint that was made, and what its first target's model is called."""

    endpoint: str
    model: str
    definition_id: str = ""


class Stage:
    """One gateway with the upstreams of a run behind it."""

    def __init__(
        self,
        url: str,
        sites: Sites,
        session: aiohttp.ClientSession,
        *,
        limits: dict[str, int] | None = None,
    ) -> None:
        self.url = url
        self.sites = sites
        self._limits = limits or LIMITS
        self._session = session
        self._writes = asyncio.Semaphore(_PARALLEL)
        self._secrets: dict[tuple[str, Site], str] = {}
        self._next: dict[str, str] = {}
        self._key = ""
        self._serial = 0

    def draw_marker(self) -> str:
        """Return a word that no other request has: it is its id too."""
        self._serial += 1
        return f"marker-{self._serial}"

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control plane; raise with its words where it refuses."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with (
            self._writes,
            self._session.request(
                method, f"{self.url}/api/v1/{path}", json=body, headers=headers
            ) as response,
        ):
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json(content_type=None)

    async def open(self) -> None:
        """Make what all runs share: credentials, the second targets, the api key."""
        self._key = (await self.call("POST", "api-keys", {"name": "faults"}))["value"]
        for provider in PROVIDERS:
            for site in Site:
                self._secrets[provider, site] = await self.make_secret(provider, site)
            self._next[provider] = await self.make_model(provider, Site.SIMULATOR, NEXT)

    async def make_secret(self, provider: str, site: Site) -> str:
        """Store a credential; return its id."""
        self._serial += 1
        base = self.sites.urls[site] + ("/v1" if provider == "openai" else "")
        body = {
            "secret_name": f"secret-{self._serial}",
            "provider": provider,
            "secret_value": {"api_key": KEY},
            "auth_config": {"api_base": base},
        }
        return (await self.call("POST", "secrets", body))["secret_id"]

    async def make_model(
        self, provider: str, site: Site, model_name: str, secret_id: str = ""
    ) -> str:
        """Define a model; return its id."""
        self._serial += 1
        body = {
            "name": f"definition-{self._serial}",
            "provider": provider,
            "model_name": model_name,
            "secret_id": secret_id or self._secrets[provider, site],
        }
        return (await self.call("POST", "model-definitions", body))["model_definition_id"]

    async def make_endpoint(self, first: str, *fallbacks: str, **fields: Any) -> str:
        """Create an endpoint over definitions, the rest as fallbacks; return its name."""
        self._serial += 1
        name = f"e-{self._serial}"
        mappings: list[dict[str, Any]] = [{"model_definition_id": first}]
        mappings += [
            {"model_definition_id": one, "linkage_type": "FALLBACK", "fallback_order": place}
            for place, one in enumerate(fallbacks)
        ]
        body = {"name": name, "model_mappings": mappings, "limits": self._limits, **fields}
        await self.call("POST", "endpoints", body)
        return name

    async def make(
        self,
        provider: str,
        site: Site,
        fault: str,
        *,
        with_next: bool,
        own_lane: bool = False,
        roomy: bool = False,
    ) -> Made:
        """Make a fresh endpoint whose first target has a fault."""
        self._serial += 1
        model = f"m{self._serial}"
        secret_id = await self.make_secret(provider, site) if own_lane else ""
        name = f"{model}+{fault}" if fault else model
        first = await self.make_model(provider, site, name, secret_id)
        others = (self._next[provider],) if with_next else ()
        fields: dict[str, Any] = {"limits": None} if roomy else {}
        return Made(await self.make_endpoint(first, *others, **fields), model, first)

    async def ask(self, form: Form, endpoint: str, marker: str, *, warm: str = "") -> Answer:
        """Send one request on a connection of its own; its id is the marker.

        `warm` is the marker of a request that goes before it on the same connection, and so to
        the same worker.
        """
        target = Target(self.url, self._key, endpoint, form.build_path(endpoint))
        session = Session(target)
        try:
            for one in (warm, marker) if warm else (marker,):
                headers = (f"x-lockgate-request-id: {one}",)
                answer = await session.ask(
                    form.dump(endpoint, one), headers=headers, limit_s=_ANSWER_LIMIT_S
                )
            return answer
        finally:
            session.close()

    async def read_ledger(self, rows_wanted: int = 0) -> dict[str, list[dict[str, Any]]]:
        """Return all rows by request id, once there are as many as wanted or none comes any more.

        Rows are written in batches, so the first look may come too early.
        """
        found = await self._read_rows()
        for _ in range(_LEDGER_WAITS):
            if rows_wanted and len(found) >= rows_wanted:
                break
            await asyncio.sleep(_LEDGER_WAIT_S)
            before, found = len(found), await self._read_rows()
            if not rows_wanted and len(found) == before:
                break
        ledger: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(found, key=lambda row: row["attempt"]):
            ledger[row["request_id"]].append(row)
        return ledger

    async def _read_rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        path = f"usage?limit={_PAGE}"
        while True:
            page = await self.call("GET", path)
            rows += page["items"]
            if not page["next_cursor"]:
                return rows
            path = f"usage?limit={_PAGE}&cursor={page['next_cursor']}"
