"""The life of a secret on the page: a grace, an expiry, a test, and what would break."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all

DAY_MS = 86_400_000


async def test_a_value_is_replaced_with_a_grace_that_is_ended_by_hand(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    path = f"/secrets/{secret['secret_id']}"
    await admin.enter(f"secrets/{secret['secret_id']}")
    dialog = admin.page.get_by_role("dialog", name="Secret")
    await dialog.get_by_label("Replace the stored value").check()
    await dialog.get_by_label("API key").fill("canary-key-of-the-new-value")
    await dialog.get_by_label("The old value").select_option(str(DAY_MS))
    await dialog.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("former value kept")).to_be_visible()
    stored = await admin.call("GET", path)
    left_ms = stored["previous_value"]["grace_until"] - stored["last_updated_at"]
    assert left_ms == DAY_MS
    await admin.page.get_by_role("link", name="openai-prod").click()
    await dialog.get_by_role("button", name="End it now").click()
    await expect(dialog.get_by_role("button", name="End it now")).to_have_count(0)
    assert (await admin.call("GET", path))["previous_value"] is None


async def test_an_expiry_is_a_warning_on_the_overview(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    body = {"expires_at": int(time.time() * 1000) + 3 * DAY_MS}
    await admin.call("PATCH", f"/secrets/{secret['secret_id']}", body)
    await admin.enter("overview")
    await expect(admin.page.get_by_text("The key openai-prod expires in")).to_be_visible()
    await admin.page.get_by_role("link", name="Replace the value").click()
    dialog = admin.page.get_by_role("dialog", name="Secret")
    await dialog.get_by_label("Expires").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    stored = await admin.call("GET", f"/secrets/{secret['secret_id']}")
    assert stored["expires_at"] is None


async def test_a_test_says_what_came_of_it(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    path = f"/api/v1/secrets/{secret['secret_id']}/test"
    trial = '{"outcome": "refused", "status": 401, "latency_ms": 12, "detail": "it is refused"}'
    await admin.page.route(
        f"**{path}", lambda route: route.fulfill(body=trial, content_type="application/json")
    )
    await admin.enter(f"secrets/{secret['secret_id']}")
    dialog = admin.page.get_by_role("dialog", name="Secret")
    await dialog.get_by_role("button", name="Test").click()
    await expect(dialog.get_by_text("it is refused")).to_be_in_viewport()


async def test_deleting_shows_what_would_break_before_it_is_tried(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    endpoint = await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    body = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "scorer"}
    await admin.call("PUT", "/bindings", body | {"resource_id": "r", "display_name": "Toxicity"})
    await admin.enter(f"secrets/{secret['secret_id']}")
    await admin.page.get_by_role("button", name="Delete").click()
    dialog = admin.page.get_by_role("dialog", name="Delete secret")
    await expect(dialog.get_by_text("loses its last PRIMARY")).to_be_visible()
    await expect(dialog.get_by_text("Toxicity")).to_be_visible()
    await admin.open("bindings")
    await expect(admin.page.get_by_role("cell", name="mini")).to_be_visible()
