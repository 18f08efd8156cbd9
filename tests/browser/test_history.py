from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def test_a_change_is_compared_and_rolled_back(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    endpoint = await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    path = f"/endpoints/{endpoint['endpoint_id']}"
    await admin.call("PATCH", path, {"name": "talk"})
    await admin.enter("history")
    page = admin.page
    newest, before = page.locator("tbody tr").nth(0), page.locator("tbody tr").nth(1)
    await expect(newest).to_contain_text("talk")
    await expect(newest.get_by_role("button", name="Roll back")).to_have_count(0)
    await newest.get_by_role("button", name="What changed").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".diff-before")).to_have_text("before: chat")
    await expect(dialog.locator(".diff-after")).to_have_text("after: talk")
    await page.keyboard.press("Escape")
    await before.get_by_role("button", name="Roll back").click()
    await expect(dialog.locator(".diff-after")).to_have_text("after: chat")
    assert (await admin.call("GET", path))["name"] == "talk"
    await dialog.get_by_role("button", name="Roll back").click()
    await expect(dialog).to_have_count(0)
    await expect(newest).to_contain_text("chat")
    assert (await admin.call("GET", path))["name"] == "chat"


async def test_on_a_narrow_screen_the_buttons_leave_the_epoch_in_view(admin: Admin) -> None:
    await admin.make_secret("one")
    await admin.make_secret("two")
    await admin.page.set_viewport_size({"width": 400, "height": 800})
    await admin.enter("history")
    row = admin.page.get_by_role("row").filter(has_text="one").first
    buttons = row.get_by_role("button")
    await expect(buttons).to_have_count(3)
    epoch = await row.locator(".number").first.bounding_box()
    assert epoch is not None
    for place in [await button.bounding_box() for button in await buttons.all()]:
        assert place is not None
        assert place["y"] > epoch["y"] + epoch["height"]
        assert 0 <= place["x"] <= place["x"] + place["width"] <= 400
