"""The page of a gateway whose configuration comes from a file, and the export of any."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from gateway.manifest import parse_manifest
from gateway.secret import Secret
from gateway.server import start_server
from gateway.settings import Address, Settings
from tests.browser.conftest import TOKEN, Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all

FILE = """\
lockgate: 1
secrets:
- secret_name: prod
  provider: openai
  secret_value: {api_key: {file: key}}
model_definitions:
- {name: mini, provider: openai, model_name: gpt-4o-mini, secret_name: prod}
endpoints:
- name: chat
  model_mappings:
  - model_definition: mini
"""


@pytest_asyncio.fixture(loop_scope="session")
async def declared_url(tmp_path: Path) -> AsyncIterator[str]:
    (tmp_path / "key").write_text("made-up-key-of-the-file")
    (tmp_path / "prod.yaml").write_text(FILE)
    settings = Settings(
        data=tmp_path / "data",
        listen=Address("127.0.0.1", 0),
        admin_token=Secret(TOKEN),
        drain_timeout_ms=0,
        configuration_file=tmp_path / "prod.yaml",
    )
    server = await start_server(settings)
    yield server.url
    await server.stop()


async def test_what_comes_from_a_file_is_shown_and_not_changed(
    admin: Admin, declared_url: str
) -> None:
    page = admin.page
    await page.goto(f"{declared_url}/ui/")
    await page.get_by_label("Admin token").fill(TOKEN)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("Comes from")).to_be_visible()
    for view in ("endpoints", "models", "secrets"):
        await page.goto(f"{declared_url}/ui/#/{view}")
        await expect(page.get_by_text("comes from the file")).to_be_visible()
        await expect(page.locator(".page-actions .button-primary")).to_be_hidden()
    await page.get_by_role("link", name="prod", exact=True).click()
    await expect(page.get_by_text("This comes from the configuration file.")).to_be_visible()
    await expect(page.get_by_role("button", name="Test", exact=True)).to_be_enabled()
    await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    await page.goto(f"{declared_url}/ui/#/keys")
    await expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    await expect(page.get_by_text("comes from the file")).to_have_count(0)
    await expect(page.locator(".page-actions .button-primary")).to_be_visible()
    await page.goto("about:blank")  # its gateway stops before the page is closed


async def test_an_export_is_a_file_that_apply_takes(admin: Admin, tmp_path: Path) -> None:
    await admin.make_endpoint("chat", await admin.make_model("mini", await admin.make_secret("s")))
    await admin.enter("overview")
    async with admin.page.expect_download() as started:
        await admin.page.get_by_role("button", name="Export").click()
    await (await started.value).save_as(tmp_path / "lockgate.json")
    raw = (tmp_path / "lockgate.json").read_bytes()
    assert parse_manifest(raw, "lockgate.json").sections
    assert json.loads(raw)["endpoints"][0]["name"] == "chat"
    assert b"canary" not in raw
