from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def test_the_first_steps_lead_from_nothing_to_a_key_that_serves(admin: Admin) -> None:
    page = admin.page
    await admin.sign_in()
    await expect(page.get_by_text("0 of 4 done")).to_be_visible()

    await page.get_by_role("link", name="Store a provider key").click()
    dialog = page.get_by_role("dialog", name="New secret")
    await dialog.get_by_label("Provider").select_option("openai")
    await dialog.get_by_label("Name").fill("openai-prod")
    await dialog.get_by_label("API key").fill("canary-key-of-the-first-run")
    await dialog.get_by_role("button", name="Store secret").click()
    await expect(page.get_by_role("cell", name="can...-run")).to_be_visible()
    assert "canary-key-of-the-first-run" not in await page.content()

    await admin.open("overview")
    await page.get_by_role("link", name="Define a model").click()
    dialog = page.get_by_role("dialog", name="New model")
    await expect(dialog.get_by_label("Provider", exact=True)).to_have_value("openai")
    await dialog.get_by_label("Model at the provider").fill("gpt-4o-mini")
    await dialog.get_by_label("Name", exact=True).fill("mini")
    await dialog.get_by_role("button", name="Create model").click()
    await expect(page.get_by_role("link", name="mini", exact=True)).to_be_visible()

    await admin.open("overview")
    await page.get_by_role("link", name="Create an endpoint").click()
    await page.get_by_label("What applications send as the model").fill("chat")
    await page.get_by_label("Model 1", exact=True).select_option(label="mini (openai gpt-4o-mini)")
    await page.get_by_role("button", name="Create endpoint").click()
    await expect(page.get_by_role("heading", name="chat", level=1)).to_be_visible()
    await expect(page.get_by_label("curl for OpenAI")).to_contain_text(
        f"{admin.url}/v1/chat/completions"
    )

    await admin.open("overview")
    await page.get_by_role("link", name="Create an API key").click()
    dialog = page.get_by_role("dialog", name="New API key")
    await dialog.get_by_label("Name").fill("app-1")
    await dialog.get_by_label("Endpoints it may call").fill("chat*")
    await dialog.get_by_role("button", name="Create API key").click()
    value = await page.get_by_label("The API key").inner_text()
    assert re.fullmatch(r"lg-[A-Za-z0-9_-]{43,}", value.strip())
    await page.get_by_role("button", name="I have stored it").click()
    await expect(page.get_by_role("cell", name="chat*")).to_be_visible()
    assert value.strip() not in await page.content()

    async with admin.rest.get(
        "/v1/models", headers={"Authorization": f"Bearer {value.strip()}"}
    ) as answer:
        assert [model["id"] for model in (await answer.json())["data"]] == ["chat"]

    await admin.open("overview")
    await expect(page.get_by_role("link", name="chat", exact=True)).to_be_visible()
    await expect(page.get_by_text("Set up your first endpoint")).to_have_count(0)
