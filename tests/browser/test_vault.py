"""The vault's section: an admin rotates the key and sees it end."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_admin_rotates_the_key(admin: Admin) -> None:
    await admin.make_secret("to-be-moved")
    before = (await admin.call("GET", "/vault"))["active_term"]
    await admin.enter("overview")
    section = admin.page.locator("section", has=admin.page.get_by_role("heading", name="Vault"))
    await expect(section.get_by_text("active", exact=True)).to_be_visible()
    await section.get_by_role("button", name="Rotate").click()
    dialog = admin.page.get_by_role("dialog")
    await dialog.get_by_label("The old key has leaked").check()
    await dialog.get_by_role("button", name="Rotate").click()
    await expect(dialog).to_have_count(0)
    await expect(section.get_by_text(f"Key term {before + 1}", exact=True)).to_be_visible()
    await expect(section.get_by_text("Retired", exact=True)).to_be_visible()
    found = await admin.call("GET", "/vault/rotation")
    assert (found["phase"], found["reencrypt"], found["started_by"]) == ("done", True, "admin")
