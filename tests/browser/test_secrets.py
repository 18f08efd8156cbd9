from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def test_another_address_asks_for_the_key_again(admin: Admin) -> None:
    admin.refusals.add(409)
    secret = await admin.make_secret("openai-prod")
    await admin.enter(f"secrets/{secret['secret_id']}")
    dialog = admin.page.get_by_role("dialog", name="Secret")
    await dialog.get_by_label("Base URL").fill("https://proxy.example.com/v1")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("asks for the key again")).to_be_visible()
    await expect(dialog.get_by_label("API key")).to_be_focused()
    await dialog.get_by_label("API key").fill("canary-key-typed-again")
    await dialog.get_by_role("button", name="Save").click()
    await expect(
        admin.page.get_by_role("cell", name="https://proxy.example.com/v1")
    ).to_be_visible()
    await expect(dialog).to_have_count(0)


async def test_deleting_what_is_in_use_shows_the_users_and_then_forces(admin: Admin) -> None:
    admin.refusals.add(409)
    secret = await admin.make_secret("openai-prod")
    spare = await admin.make_secret("spare")
    models = [await admin.make_model("mini", secret), await admin.make_model("other", spare)]
    endpoint = await admin.make_endpoint("chat", *models)
    await admin.enter(f"models/{models[0]['model_definition_id']}")
    page = admin.page
    await page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete model")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog.get_by_role("link", name="chat")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    await dialog.get_by_label("Take it out of these endpoints").check()
    await dialog.get_by_role("button", name="Detach and delete").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("link", name="mini", exact=True)).to_have_count(0)
    stored = await admin.call("GET", f"/endpoints/{endpoint['endpoint_id']}")
    assert [row["model_definition"]["name"] for row in stored["model_mappings"]] == ["other"]


async def test_the_last_primary_is_not_forced_away(admin: Admin) -> None:
    admin.refusals.add(409)
    secret = await admin.make_secret("openai-prod")
    await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    await admin.enter(f"secrets/{secret['secret_id']}")
    await admin.page.get_by_role("button", name="Delete").click()
    dialog = admin.page.get_by_role("dialog", name="Delete secret")
    await dialog.get_by_role("button", name="Delete").click()
    await dialog.get_by_label("Also delete these model definitions").check()
    await dialog.get_by_role("button", name="Detach and delete").click()
    await expect(dialog.get_by_role("alert").filter(has_text="chat").last).to_be_visible()
    await expect(dialog).to_be_visible()


async def test_a_dialog_closes_on_escape_and_gives_the_focus_back(admin: Admin) -> None:
    await admin.make_secret("openai-prod")
    await admin.enter("secrets")
    link = admin.page.get_by_role("link", name="openai-prod")
    await link.focus()
    await link.press("Enter")
    await expect(admin.page.get_by_role("dialog", name="Secret")).to_be_visible()
    await expect(admin.page.get_by_label("Base URL")).to_be_visible()
    await admin.page.keyboard.press("Escape")
    await expect(admin.page.get_by_role("dialog")).to_have_count(0)
    await expect(link).to_be_focused()


async def test_a_form_asks_for_what_the_way_of_authentication_takes(admin: Admin) -> None:
    admin.refusals.add(422)
    await admin.enter("secrets/new")
    dialog = admin.page.get_by_role("dialog", name="New secret")
    await dialog.get_by_label("Provider").select_option("bedrock")
    await dialog.get_by_label("Name").fill("aws")
    await expect(dialog.get_by_label("API key", exact=True)).to_be_visible()
    mode = dialog.get_by_label("Way of authentication")
    await mode.select_option("access_keys")
    await expect(dialog.get_by_label("Secret access key")).to_be_visible()
    await expect(dialog.get_by_label("API key", exact=True)).to_have_count(0)
    await mode.select_option("default_chain")
    await expect(dialog.get_by_label("Secret access key")).to_have_count(0)
    await expect(dialog.get_by_label("Base URL")).to_have_count(0)
    await dialog.get_by_label("Region").fill("us-east-1")
    await dialog.get_by_role("button", name="Store secret").click()
    await expect(dialog).to_have_count(0)
    await expect(admin.page.get_by_role("link", name="aws", exact=True)).to_be_visible()
    (stored,) = (await admin.call("GET", "/secrets?name=aws"))["items"]
    assert stored["auth_config"] == {"auth_mode": "default_chain", "region": "us-east-1"}
    assert stored["masked_values"] == {}


async def test_a_key_file_is_typed_into_several_lines(admin: Admin) -> None:
    admin.refusals.add(422)
    await admin.enter("secrets/new")
    dialog = admin.page.get_by_role("dialog", name="New secret")
    await dialog.get_by_label("Provider").select_option("bedrock")
    await dialog.get_by_label("Way of authentication").select_option("access_keys")
    await dialog.get_by_label("Provider").select_option("vertex")
    await expect(dialog.get_by_label("Way of authentication")).to_have_value("service_account")
    await dialog.get_by_label("Name").fill("gcp")
    await dialog.get_by_label("Project").fill("proj-1")
    await dialog.get_by_label("Service account key").fill("{\n}")
    await dialog.get_by_role("button", name="Store secret").click()
    await expect(dialog.get_by_text("must be a key file of the type")).to_be_visible()
