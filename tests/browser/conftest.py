"""A browser, a real gateway on a free port, and a page that is watched.

Rule: every test ends with no error on the console and no violation of the page's policy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright, expect

from gateway.secret import Secret
from gateway.server import start_server
from gateway.settings import Address, Settings

TOKEN = "admin-token-for-browser-tests"
_COMPLAINT_OF = {0: "net::ERR_FAILED"}  # what the browser says of a request that was cut off
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LISTS = (
    ("/endpoints", "endpoint_id", "?force=true"),
    ("/model-definitions", "model_definition_id", ""),
    ("/secrets", "secret_id", ""),
    ("/api-keys", "key_id", ""),
)
# No sandbox: test machines run as root. The rest keeps the browser from calling home.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Admin:
    """An admin in front of the page, who can also look behind it through REST."""

    page: Page
    url: str
    rest: aiohttp.ClientSession
    requests: list[Request] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)  # statuses that the test provokes

    async def open(self, view: str) -> None:
        await self.page.goto(f"{self.url}/ui/#/{view}")

    async def sign_in(self) -> None:
        await self.page.goto(f"{self.url}/ui/")
        await self.page.get_by_label("Admin token").fill(TOKEN)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    async def enter(self, view: str) -> None:
        """Open a view with a session that was made without the form; quicker than signing in."""
        answer = await self.page.context.request.post(
            f"{self.url}/api/v1/session", data={"token": TOKEN}
        )
        assert answer.status == 201
        await self.page.add_init_script("localStorage.setItem('lockgate.session', 'open')")
        await self.open(view)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.rest.request(method, f"/api/v1{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status < 300, found
            return found

    async def make_secret(self, name: str) -> Any:
        body = {
            "secret_name": name,
            "provider": "openai",
            "secret_value": {"api_key": f"canary-key-of-{name}"},
        }
        return await self.call("POST", "/secrets", body)

    async def make_model(self, name: str, secret: Any) -> Any:
        body = {
            "name": name,
            "provider": "openai",
            "model_name": "gpt-4o-mini",
            "secret_id": secret["secret_id"],
        }
        return await self.call("POST", "/model-definitions", body)

    async def make_endpoint(self, name: str, *models: Any) -> Any:
        mappings = [{"model_definition_id": model["model_definition_id"]} for model in models]
        return await self.call("POST", "/endpoints", {"name": name, "model_mappings": mappings})

    async def delete_everything(self) -> None:
        """Leave the gateway as it was found; bindings go with their endpoints."""
        for path, key, query in _LISTS:
            found = await self.call("GET", f"{path}?limit=500")
            for row in found["items"]:
                async with self.rest.delete(f"/api/v1{path}/{row[key]}{query}") as answer:
                    assert answer.status == 204


def find_browser() -> str | None:
    """Return the path of a Chromium that is installed."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = find_browser()
    if path is None:
        message = "no Chromium on this machine: install the package chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    settings = Settings(
        data=tmp_path_factory.mktemp("browser") / "data",
        listen=Address("127.0.0.1", 0),
        admin_token=Secret(TOKEN),
        drain_timeout_ms=0,
    )
    server = await start_server(settings)
    yield server.url
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def admin(browser: Browser, gateway_url: str) -> AsyncIterator[Admin]:
    page = await browser.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    await page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) =>"
        " console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
    )
    async with aiohttp.ClientSession(
        gateway_url, headers={"Authorization": f"Bearer {TOKEN}"}
    ) as rest:
        admin = Admin(page, gateway_url, rest)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: admin.requests.append(request))  # noqa: PLW0108 - Playwright cannot wrap a built-in
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        yield admin
        await page.close()
        await admin.delete_everything()
    provoked = tuple(_COMPLAINT_OF.get(code, f"a status of {code}") for code in admin.refusals)
    assert [text for text in complaints if not any(part in text for part in provoked)] == []
