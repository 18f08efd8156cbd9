from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Admin

pytestmark = pytest.mark.asyncio(loop_scope="session")  # one browser for all


async def test_weights_show_their_shares_while_typed_and_are_saved(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    models = [await admin.make_model(name, secret) for name in ("mini", "big")]
    endpoint = await admin.make_endpoint("chat", *models)
    await admin.enter(f"endpoints/{endpoint['endpoint_id']}/edit")
    page = admin.page
    await expect(page.get_by_label("Share of model 1")).to_have_text("50 %")
    await page.get_by_label("Weight of model 1").fill("80")
    await page.get_by_label("Weight of model 2").fill("20")
    await expect(page.get_by_label("Share of model 1")).to_have_text("80 %")
    await expect(page.get_by_role("img", name="Traffic: mini 80 %, big 20 %")).to_be_visible()
    await page.get_by_label("Weight of model 2").fill("0")
    await expect(page.get_by_label("Share of model 2")).to_have_text("drained")
    await page.get_by_label("Weight of model 2").fill("much")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Weight of model 2")).to_be_focused()
    await page.get_by_label("Weight of model 2").fill("20")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="chat", level=1)).to_be_visible()
    [saved] = [request for request in admin.requests if request.method == "PATCH"]
    assert set(saved.post_data_json) == {"model_mappings"}
    assert (await saved.all_headers())["if-match"]
    stored = await admin.call("GET", f"/endpoints/{endpoint['endpoint_id']}")
    assert [mapping["share"] for mapping in stored["model_mappings"]] == [0.8, 0.2]


@pytest.mark.parametrize(
    "weights",
    [[80, 20], [0.8, 0.2], [7, 2, 1], [0, 3], [1e308, 1e308], [5e-324, 5e-324], [1, 1e-300], [1]],
)
async def test_the_page_computes_the_shares_that_the_gateway_computes(
    admin: Admin, weights: list[float]
) -> None:
    secret = await admin.make_secret("openai-prod")
    models = [await admin.make_model(f"m{number}", secret) for number in range(len(weights))]
    mappings = [
        {"model_definition_id": model["model_definition_id"], "weight": weight}
        for model, weight in zip(models, weights, strict=True)
    ]
    made = await admin.call("POST", "/endpoints", {"name": "chat", "model_mappings": mappings})
    await admin.page.goto(f"{admin.url}/ui/")
    shares = await admin.page.evaluate(
        "async (weights) => (await import('/ui/components/shares.js')).computeShares(weights)",
        weights,
    )
    assert shares == pytest.approx([row["share"] for row in made["model_mappings"]])


@pytest.mark.parametrize(
    ("status", "base"),
    [
        ({"listen": "127.0.0.1:8700", "admin_listen": None}, "https://gate.example"),
        ({"listen": "[::1]:8700", "admin_listen": "[::1]:8701"}, "https://gate.example:8700"),
    ],
)
async def test_the_snippets_name_the_data_plane(
    admin: Admin, status: dict[str, str | None], base: str
) -> None:
    await admin.page.goto(f"{admin.url}/ui/")
    found = await admin.page.evaluate(
        """async (status) => (await import('/ui/snippet_text.js'))
             .findBase(status, new URL('https://gate.example/ui/'))""",
        status,
    )
    assert found == base


async def test_fallbacks_are_put_in_order_and_capped(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    models = [await admin.make_model(name, secret) for name in ("mini", "big", "old")]
    endpoint = await admin.make_endpoint("chat", models[0])
    await admin.enter(f"endpoints/{endpoint['endpoint_id']}/edit")
    page = admin.page
    for number, model in enumerate(models[1:], start=1):
        await page.get_by_role("button", name="Add fallback").click()
        await page.get_by_label(f"Fallback {number}", exact=True).select_option(
            model["model_definition_id"]
        )
    await page.get_by_role("button", name="Move fallback 2 up").click()
    await page.get_by_label("Fallbacks per request, at most").select_option("1")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("1 per request at most")).to_be_visible()
    await expect(page.get_by_text("skipped")).to_be_visible()
    stored = await admin.call("GET", f"/endpoints/{endpoint['endpoint_id']}")
    order = {
        mapping["fallback_order"]: mapping["model_definition"]["name"]
        for mapping in stored["model_mappings"]
        if mapping["linkage_type"] == "FALLBACK"
    }
    assert order == {0: "old", 1: "big"}
    assert stored["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 1}


async def test_a_change_by_someone_else_is_told_and_the_newest_version_offered(
    admin: Admin,
) -> None:
    admin.refusals.add(412)
    secret = await admin.make_secret("openai-prod")
    endpoint = await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    await admin.enter(f"endpoints/{endpoint['endpoint_id']}/edit")
    page = admin.page
    name = page.get_by_label("What applications send as the model")
    await name.fill("mine")
    await admin.call("PATCH", f"/endpoints/{endpoint['endpoint_id']}", {"name": "theirs"})
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Someone else changed this")).to_be_visible()
    await page.get_by_role("button", name="Load the newest version").click()
    await expect(name).to_have_value("theirs")


async def test_what_the_gateway_refuses_stands_beside_its_field(admin: Admin) -> None:
    admin.refusals.update({409, 422})
    secret = await admin.make_secret("openai-prod")
    model = await admin.make_model("mini", secret)
    await admin.make_endpoint("chat", model)
    await admin.enter("endpoints/new")
    page = admin.page
    name = page.get_by_label("What applications send as the model")
    await name.fill("has a blank")
    await page.get_by_label("Model 1", exact=True).select_option(model["model_definition_id"])
    await page.get_by_label("First byte, ms").fill("soon")
    for wrong, right in (("has a blank", "chat"), ("chat", "chat-2")):
        await expect(name).to_have_value(wrong)
        await page.get_by_role("button", name="Create endpoint").click()
        await expect(name).to_have_attribute("aria-invalid", "true")
        await name.fill(right)
        await page.get_by_label("First byte, ms").fill("1000")
    await page.get_by_role("button", name="Create endpoint").click()
    await expect(page.get_by_role("heading", name="chat-2", level=1)).to_be_visible()


async def test_an_endpoint_opts_in_to_more_fallbacks_and_to_hedging(admin: Admin) -> None:
    secret = await admin.make_secret("openai-prod")
    endpoint = await admin.make_endpoint("chat", await admin.make_model("mini", secret))
    path = f"/endpoints/{endpoint['endpoint_id']}"
    await admin.enter(f"endpoints/{endpoint['endpoint_id']}/edit")
    page = admin.page
    await page.get_by_label("Go on when the content policy refuses").check()
    await page.get_by_label("Ask a second model when the first is slow").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="chat", level=1, exact=True)).to_be_visible()
    stored = (await admin.call("GET", path))["resilience"]
    assert stored == {"fallback_on": ["content_policy"], "hedge": True}
