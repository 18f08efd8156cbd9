from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all

PROBE = "<img src=x onerror=alert(1)>\"'&lt;script&gt;{{7*7}}"
VIEWS = {
    "overview": "Overview",
    "endpoints": "Endpoints",
    "endpoints/new": "New endpoint",
    "models": "Models",
    "secrets": "Secrets",
    "keys": "API keys",
    "bindings": "Bindings",
    "usage": "Usage",
    "usage?group_by=api_key&range=7d": "Usage",
    "history": "History",
    "audit": "Audit",
}


async def fill_with_probes(admin: Admin) -> str:
    secret = await admin.make_secret(PROBE)
    model = await admin.make_model(PROBE, secret)
    endpoint = await admin.make_endpoint("chat", model)
    await admin.call("PATCH", f"/endpoints/{endpoint['endpoint_id']}", {"tags": {PROBE: PROBE}})
    await admin.call("POST", "/api-keys", {"name": PROBE, "allowed_endpoints": [PROBE]})
    binding = {"endpoint_id": endpoint["endpoint_id"], "resource_type": PROBE, "resource_id": PROBE}
    await admin.call("PUT", "/bindings", {**binding, "display_name": PROBE})
    return str(endpoint["endpoint_id"])


async def test_markup_in_names_is_shown_as_text_on_every_page(admin: Admin) -> None:
    endpoint_id = await fill_with_probes(admin)
    alerts: list[str] = []
    admin.page.on("dialog", lambda dialog: alerts.append(dialog.message))
    await admin.enter("overview")
    for view, heading in {**VIEWS, f"endpoints/{endpoint_id}": "chat"}.items():
        await admin.open(view)
        await expect(admin.page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        await expect(admin.page.locator("[aria-busy=true]")).to_have_count(0)
        assert await admin.page.locator("main img").count() == 0, view
    for view in ("models", "secrets", "keys", "bindings", "endpoints", "history", "audit"):
        await admin.open(view)
        shown = admin.page.locator("main tbody").get_by_text(PROBE)
        await expect(shown.first).to_be_visible()
    assert alerts == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_is_wider_than_a_phone(admin: Admin, scheme: str) -> None:
    endpoint_id = await fill_with_probes(admin)
    await admin.page.emulate_media(color_scheme=scheme)
    await admin.page.set_viewport_size({"width": 360, "height": 780})
    await admin.enter("overview")
    for view in [*VIEWS, f"endpoints/{endpoint_id}", f"endpoints/{endpoint_id}/edit"]:
        await admin.open(view)
        await expect(admin.page.locator("main h1")).to_be_visible()
        await expect(admin.page.locator("[aria-busy=true]")).to_have_count(0)
        wide = await admin.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, view


async def test_lists_are_paged_and_searched(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    model = await admin.make_model("mini", secret)
    for number in range(53):
        await admin.make_endpoint(f"endpoint-{number:02}", model)
    await admin.enter("endpoints")
    page = admin.page
    rows = page.locator("tbody tr:not(.waiting)")
    await expect(rows).to_have_count(50)
    await page.get_by_role("button", name="Next").click()
    await expect(rows).to_have_count(3)
    await page.get_by_role("button", name="Previous").click()
    await expect(rows).to_have_count(50)
    await page.get_by_label("Search").fill("point-4")
    await expect(rows).to_have_count(10)
    assert "q=point-4" in page.url
    await page.get_by_label("Search").fill("nowhere")
    await expect(page.get_by_text("No endpoint fits")).to_be_visible()


async def test_the_audit_shows_what_was_and_what_is(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    endpoint = await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    await admin.call("PATCH", f"/endpoints/{endpoint['endpoint_id']}", {"name": "talk"})
    await admin.enter(f"audit?entity_id={endpoint['endpoint_id']}&action=update")
    row = admin.page.get_by_role("row").filter(has_text="talk")
    await row.get_by_role("button", name="1 field").click()
    await expect(row.locator(".diff-before")).to_have_text("before: chat")
    await expect(row.locator(".diff-after")).to_have_text("after: talk")


async def test_an_answer_that_never_comes_is_told_with_a_way_to_try_again(admin: Admin) -> None:
    await admin.enter("overview")
    await admin.page.route("**/api/v1/secrets?*", lambda route: route.abort())
    admin.refusals.add(0)
    await admin.open("secrets")
    await expect(admin.page.get_by_text("The gateway does not answer.")).to_be_visible()
    await admin.page.unroute("**/api/v1/secrets?*")
    await admin.page.get_by_role("button", name="Try again").click()
    await expect(admin.page.get_by_text("No secrets yet")).to_be_visible()


async def test_a_model_that_is_left_alone_is_told_on_the_first_page(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    model = await admin.make_model("mini", secret)

    async def answer(route: Route) -> None:
        status = await admin.call("GET", "/status")
        blocked = {
            "model_definition_id": model["model_definition_id"],
            "model_definition_name": "mini",
            "state": "cooling",
            "until": status["now"] + 30_000,
            "reason": "rate_limited",
            "times": 1,
        }
        await route.fulfill(json={**status, "targets": [blocked]})

    await admin.page.route("**/api/v1/status", answer)
    await admin.enter("overview")
    await expect(
        admin.page.get_by_text("mini wants to be left alone, tried again in 30 s (rate_limited).")
    ).to_be_visible()
    await admin.page.get_by_role("link", name="Show the model").click()
    await expect(admin.page.get_by_text("What endpoints and reports call it here.")).to_be_visible()
    await admin.page.unroute("**/api/v1/status")


async def test_the_audit_says_that_its_chain_is_whole(admin: Admin) -> None:
    await admin.make_secret("audited-one")
    await admin.enter("audit")
    await expect(admin.page.get_by_text("Verified up to row")).to_be_visible()
    await expect(admin.page.get_by_text("whole", exact=True)).to_be_visible()
    async with admin.page.expect_download() as saved:
        await admin.page.get_by_role("link", name="Export").click()
    assert (await saved.value).suggested_filename == "lockgate-audit.jsonl"
    row = admin.page.get_by_role("row").filter(has_text="audited-one")
    await expect(row).to_have_count(1)
    await admin.page.get_by_label("Name").fill("nowhere")
    await expect(admin.page.get_by_text("No change fits these filters.")).to_be_visible()
    await admin.page.get_by_label("Name").fill("audited-one")
    await expect(row).to_have_count(1)
