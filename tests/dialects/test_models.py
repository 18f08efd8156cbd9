from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from anthropic.types import ModelInfo
from openai.types import Model

from gateway.dialects import ModelEntry, dump_model, dump_models

CREATED_MS = 1_700_000_000_999
ENTRIES = [ModelEntry("chat", CREATED_MS), ModelEntry("embed.v2", CREATED_MS + 5_000)]


def test_openai_list_is_what_its_sdk_reads() -> None:
    body = orjson.loads(dump_models("openai", ENTRIES))
    assert body["object"] == "list"
    models = [Model.model_validate(item, strict=True) for item in body["data"]]
    assert [(model.id, model.created) for model in models] == [
        ("chat", 1_700_000_000),
        ("embed.v2", 1_700_000_005),
    ]


def test_anthropic_list_is_one_page() -> None:
    body = orjson.loads(dump_models("anthropic", ENTRIES))
    models = [ModelInfo.model_validate(item) for item in body["data"]]
    assert models[0].created_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (body["first_id"], body["last_id"], body["has_more"]) == ("chat", "embed.v2", False)
    assert orjson.loads(dump_models("anthropic", []))["first_id"] is None


def test_gemini_names_are_resource_names() -> None:
    body = orjson.loads(dump_models("gemini", ENTRIES))
    assert [model["name"] for model in body["models"]] == ["models/chat", "models/embed.v2"]
    assert "generateContent" in body["models"][0]["supportedGenerationMethods"]


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
def test_a_single_model_is_an_element_of_the_list(vendor: str) -> None:
    body = orjson.loads(dump_models(vendor, ENTRIES))
    elements = body.get("data") or body["models"]
    assert orjson.loads(dump_model(vendor, ENTRIES[1])) == elements[1]
