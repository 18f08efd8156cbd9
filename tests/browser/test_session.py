from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import TOKEN, Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def test_a_wrong_token_is_refused_beside_its_field_and_the_right_one_lets_in(
    admin: Admin,
) -> None:
    admin.refusals.add(401)
    await admin.page.goto(f"{admin.url}/ui/")
    field = admin.page.get_by_label("Admin token")
    await field.fill("not-the-admin-token")
    await field.press("Enter")
    await expect(field).to_have_accessible_description(
        "This is not an admin token of this gateway."
    )
    await expect(field).to_be_focused()
    await admin.sign_in()


async def test_the_token_is_kept_nowhere_and_the_cookie_is_out_of_reach_of_scripts(
    admin: Admin,
) -> None:
    await admin.sign_in()
    kept = await admin.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert TOKEN not in kept
    [cookie] = await admin.page.context.cookies(f"{admin.url}/api/v1/")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["value"] not in kept


async def test_a_session_outlives_a_reload_and_ends_with_signing_out(admin: Admin) -> None:
    await admin.sign_in()
    await admin.page.reload()
    await expect(admin.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await admin.page.get_by_role("button", name="Sign out").click()
    await expect(admin.page.get_by_label("Admin token")).to_be_visible()
    await admin.page.reload()
    await expect(admin.page.get_by_label("Admin token")).to_be_visible()


async def test_a_session_that_the_gateway_has_forgotten_leads_back_to_the_form(
    admin: Admin,
) -> None:
    admin.refusals.add(401)
    await admin.sign_in()
    await admin.page.context.clear_cookies()
    await admin.open("secrets")
    await expect(admin.page.get_by_text("The session has ended.")).to_be_visible()


async def test_a_write_carries_the_csrf_token_and_without_it_is_refused(admin: Admin) -> None:
    admin.refusals.add(403)
    await admin.sign_in()
    await admin.open("keys/new")
    await admin.page.get_by_label("Name").fill("app-1")
    await admin.page.get_by_role("button", name="Create API key").click()
    await expect(admin.page.get_by_role("heading", name="API key created")).to_be_visible()
    [written] = [
        request
        for request in admin.requests
        if request.method == "POST" and request.url.endswith("/api-keys")
    ]
    assert (await written.all_headers())["x-csrf-token"]
    status = await admin.page.evaluate(
        """fetch("/api/v1/api-keys", {method: "POST", credentials: "same-origin",
             headers: {"Content-Type": "application/json"}, body: '{"name": "app-2"}'})
             .then((answer) => answer.status)"""
    )
    assert status == 403
