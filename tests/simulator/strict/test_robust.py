"""Whatever a body holds, a check refuses it or lets it through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.outcomes import ODD_SHAPES
from tests.simulator.strict.rules import check

PROJECT = "/v1/projects/p/locations/l/publishers"
PATHS = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1beta/models/gemini-3-pro:generateContent",
    "/v1beta/models/gemini-2.5-pro:countTokens",
    "/v1beta/models/gemini-embedding-001:batchEmbedContents",
    f"{PROJECT}/google/models/gemini-2.5-pro:generateContent",
    f"{PROJECT}/anthropic/models/claude-sonnet-4-6:rawPredict",
    "/model/us.anthropic.claude-v1:0/converse",
    "/model/us.anthropic.claude-v1:0/count-tokens",
    "/openai/deployments/d/chat/completions",
    "/v2/chat",
    "/v2/embed",
    "/api/chat",
    "/api/embed",
]
WORDS = """
model messages input contents system role content type text tools tool_calls function name
arguments id tool_call_id tool_choice user assistant parts functionCall functionResponse
toolConfig toolUse toolResult thinking image_url parameters properties response_format
"""
NAMES = st.sampled_from(WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["user", "tool", "", "x"])
JSON = st.recursive(
    LEAVES | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("path", PATHS)
@given(body=st.dictionaries(NAMES, JSON, max_size=5))
def test_no_body_makes_a_check_fail(path: str, body: dict[str, Any]) -> None:
    try:
        problem = check(path, body)
    except ODD_SHAPES:
        return
    assert problem is None or 400 <= problem.status < 500
    assert json.dumps(body)
