from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def sign_in_as(admin: Admin, role: str, *scopes: str) -> None:
    name = f"{role} of {' '.join(scopes) or 'all'}"
    body = {"name": name, "role": role, "scopes": list(scopes) or ["*"]}
    found = await admin.call("GET", "/admin-tokens?limit=500")
    for row in found["items"]:
        if row["name"] == name:
            async with admin.rest.delete(f"/api/v1/admin-tokens/{row['token_id']}") as answer:
                assert answer.status == 204
    made = await admin.call("POST", "/admin-tokens", body)
    await admin.page.goto(f"{admin.url}/ui/")
    await admin.page.get_by_label("Admin token").fill(made["value"])
    await admin.page.get_by_role("button", name="Sign in").click()
    await expect(admin.page.get_by_role("button", name="Sign out")).to_be_visible()


def link(admin: Admin, name: str) -> Any:
    return admin.page.get_by_role("navigation").get_by_role("link", name=name, exact=True)


async def test_an_admin_token_is_made_shown_once_and_taken_away(admin: Admin) -> None:
    await admin.enter("tokens/new")
    page = admin.page
    await page.get_by_label("Name").fill("browser-made")
    await page.get_by_label("Role").select_option("editor")
    await page.get_by_label("Endpoints it reaches").fill("team-a-*")
    await page.get_by_role("button", name="Create admin token").click()
    await expect(page.get_by_text("Copy it now")).to_be_visible()
    await page.get_by_role("button", name="I have stored it").click()
    [row] = (await admin.call("GET", "/admin-tokens?name=browser-made"))["items"]
    assert (row["role"], row["scopes"]) == ("editor", ["team-a-*"])
    await page.get_by_role("link", name="browser-made").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("link", name="browser-made")).to_have_count(0)


async def test_a_viewer_is_offered_nothing_that_changes_something(admin: Admin) -> None:
    secret = await admin.make_secret("seen-by-viewers")
    await sign_in_as(admin, "viewer")
    await expect(link(admin, "Audit")).to_have_count(0)
    await expect(link(admin, "Admin tokens")).to_have_count(0)
    await admin.open("endpoints")
    await expect(admin.page.get_by_role("heading", name="Endpoints", level=1)).to_be_visible()
    await expect(admin.page.get_by_role("link", name="New endpoint")).to_have_count(0)
    await admin.open(f"secrets/{secret['secret_id']}")
    await expect(admin.page.get_by_text("Your role, viewer, reads only.")).to_be_visible()
    await expect(admin.page.get_by_role("button", name="Save")).to_be_disabled()
    await expect(admin.page.get_by_role("button", name="Delete")).to_have_count(0)


async def test_a_confined_editor_begins_with_its_endpoints(admin: Admin) -> None:
    model = await admin.make_model("of-all", await admin.make_secret("of-all"))
    await admin.make_endpoint("team-a-chat", model)
    await admin.make_endpoint("team-b-chat", model)
    await sign_in_as(admin, "editor", "team-a-*")
    await expect(link(admin, "Overview")).to_have_count(0)
    await expect(admin.page.get_by_role("link", name="team-a-chat")).to_be_visible()
    await expect(admin.page.get_by_role("link", name="team-b-chat")).to_have_count(0)
    await expect(admin.page.get_by_role("link", name="New endpoint")).to_be_visible()
    await admin.open("models")
    await expect(admin.page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    await expect(admin.page.get_by_role("link", name="New model")).to_have_count(0)


async def test_a_viewer_of_a_secret_cannot_end_its_former_value_nor_rotate_keys(
    admin: Admin,
) -> None:
    secret = await admin.make_secret("rotated")
    rotation = {"secret_value": {"api_key": "canary-key-that-is-newer"}, "grace_ms": 3_600_000}
    await admin.call("POST", f"/secrets/{secret['secret_id']}/rotate", rotation)
    await sign_in_as(admin, "viewer")
    vault = admin.page.get_by_role("heading", name="Vault", level=2)
    await expect(vault).to_be_visible()
    await expect(admin.page.get_by_role("button", name="Rotate")).to_have_count(0)
    await expect(link(admin, "History")).to_have_count(0)
    await admin.open(f"secrets/{secret['secret_id']}")
    await expect(admin.page.get_by_text("The former value")).to_be_visible()
    for name in ("End it now", "Test"):
        await expect(admin.page.get_by_role("button", name=name)).to_have_count(0)


async def test_an_auditor_looks_at_the_history_and_does_not_roll_back(admin: Admin) -> None:
    await admin.make_secret("one")
    await admin.make_secret("two")
    await sign_in_as(admin, "auditor")
    await link(admin, "History").click()
    await expect(admin.page.get_by_role("button", name="Against now").first).to_be_visible()
    await expect(admin.page.get_by_role("button", name="Roll back")).to_have_count(0)


async def test_a_confined_auditor_sees_its_changes_and_no_chain(admin: Admin) -> None:
    model = await admin.make_model("of-all", await admin.make_secret("of-all"))
    await admin.make_endpoint("team-a-chat", model)
    await sign_in_as(admin, "auditor", "team-a-*")
    await expect(link(admin, "History")).to_have_count(0)
    await link(admin, "Audit").click()
    await expect(admin.page.get_by_role("link", name="team-a-chat").first).to_be_visible()
    await expect(admin.page.get_by_role("heading", name="Chain")).to_have_count(0)
    await expect(admin.page.get_by_role("link", name="Export")).to_have_count(0)
    await expect(admin.page.get_by_role("alert")).to_have_count(0)


async def test_a_confined_editor_makes_an_api_key_for_what_it_reaches(admin: Admin) -> None:
    await sign_in_as(admin, "editor", "team-a-*")
    await admin.open("keys/new")
    await admin.page.get_by_label("Name").fill("app-of-team-a")
    await admin.page.get_by_role("button", name="Create API key").click()
    await expect(admin.page.get_by_text("Copy it now")).to_be_visible()
    [key] = (await admin.call("GET", "/api-keys?name=app-of-team-a"))["items"]
    assert key["allowed_endpoints"] == ["team-a-*"]
