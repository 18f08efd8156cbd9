from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import Dialect, Purpose
from gateway.errors import DialectMismatchError, InvalidValueError
from gateway.providers import PROVIDERS, base_url, call_path, relay_path, upstream_url

VERTEX = {"project": "proj-1", "location": "europe-west4"}
AZURE = {"api_base": "https://n.openai.azure.com"}
DEPLOYED = {**AZURE, "api_version": "2024-10-21"}
HOME = "https://europe-west4-aiplatform.googleapis.com/v1/projects/proj-1/locations/europe-west4"
BEDROCK = {"region": "us-east-1"}
RUNTIME = "https://bedrock-runtime.us-east-1.amazonaws.com"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta"


def build(
    provider: str,
    dialect: Dialect,
    purpose: Purpose,
    model: str,
    config: dict[str, Any] | None,
    *,
    stream: bool = False,
) -> str:
    row = PROVIDERS[provider]
    base = base_url(provider, config)
    assert base is not None
    path = call_path(row, dialect, purpose, model, stream=stream, auth_config=config)
    return upstream_url(row, base, dialect, path)


CALLS = [
    ("openai", Dialect.OPENAI_CHAT, "", "m", None, "https://api.openai.com/v1/chat/completions"),
    ("openai", Dialect.OPENAI_RESPONSES, "", "m", None, "https://api.openai.com/v1/responses"),
    ("openai", Dialect.OPENAI_EMBEDDINGS, "e", "m", None, "https://api.openai.com/v1/embeddings"),
    ("mistral", Dialect.OPENAI_CHAT, "e", "m", None, "https://api.mistral.ai/v1/embeddings"),
    (
        "anthropic",
        Dialect.ANTHROPIC_MESSAGES,
        "s",
        "m",
        None,
        "https://api.anthropic.com/v1/messages",
    ),
    (
        "anthropic",
        Dialect.ANTHROPIC_MESSAGES,
        "c",
        "m",
        None,
        "https://api.anthropic.com/v1/messages/count_tokens",
    ),
    ("gemini", Dialect.GEMINI, "", "g", None, f"{GOOGLE}/models/g:generateContent"),
    ("gemini", Dialect.GEMINI, "s", "g", None, f"{GOOGLE}/models/g:streamGenerateContent?alt=sse"),
    ("gemini", Dialect.GEMINI, "c", "g", None, f"{GOOGLE}/models/g:countTokens"),
    ("gemini", Dialect.GEMINI, "e", "g", None, f"{GOOGLE}/models/g:batchEmbedContents"),
    (
        "vertex",
        Dialect.GEMINI,
        "s",
        "gemini-2.5-pro",
        VERTEX,
        f"{HOME}/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    ),
    (
        "vertex",
        Dialect.GEMINI,
        "",
        "endpoints/123",
        VERTEX,
        f"{HOME}/endpoints/123:generateContent",
    ),
    (
        "vertex",
        Dialect.GEMINI,
        "",
        "google/g",
        {"project": "p"},
        (
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
            "/publishers/google/models/g:generateContent"
        ),
    ),
    (
        "vertex",
        Dialect.GEMINI,
        "",
        "g",
        {"project": "p", "location": "eu"},
        (
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu"
            "/publishers/google/models/g:generateContent"
        ),
    ),
    (
        "vertex",
        Dialect.ANTHROPIC_MESSAGES,
        "",
        "claude-opus-4@20250514",
        VERTEX,
        f"{HOME}/publishers/anthropic/models/claude-opus-4@20250514:rawPredict",
    ),
    (
        "vertex",
        Dialect.ANTHROPIC_MESSAGES,
        "s",
        "anthropic/claude-x",
        VERTEX,
        f"{HOME}/publishers/anthropic/models/claude-x:streamRawPredict",
    ),
    (
        "vertex",
        Dialect.ANTHROPIC_MESSAGES,
        "c",
        "claude-x",
        VERTEX,
        f"{HOME}/publishers/anthropic/models/count-tokens:rawPredict",
    ),
    (
        "vertex",
        Dialect.OPENAI_CHAT,
        "",
        "meta/llama-4",
        VERTEX,
        f"{HOME}/endpoints/openapi/chat/completions",
    ),
    (
        "azure",
        Dialect.OPENAI_CHAT,
        "",
        "gpt",
        AZURE,
        "https://n.openai.azure.com/openai/v1/chat/completions",
    ),
    (
        "azure",
        Dialect.OPENAI_CHAT,
        "",
        "gpt",
        {"api_base": "https://n.openai.azure.com/openai/v1"},
        "https://n.openai.azure.com/openai/v1/chat/completions",
    ),
    (
        "azure",
        Dialect.OPENAI_CHAT,
        "s",
        "my gpt/4",
        DEPLOYED,
        (
            "https://n.openai.azure.com/openai/deployments/my%20gpt%2F4/chat/completions"
            "?api-version=2024-10-21"
        ),
    ),
    (
        "azure",
        Dialect.OPENAI_EMBEDDINGS,
        "e",
        "emb",
        DEPLOYED,
        "https://n.openai.azure.com/openai/deployments/emb/embeddings?api-version=2024-10-21",
    ),
    (
        "azure",
        Dialect.OPENAI_RESPONSES,
        "",
        "gpt",
        DEPLOYED,
        "https://n.openai.azure.com/openai/responses?api-version=2024-10-21",
    ),
    (
        "bedrock",
        Dialect.BEDROCK_CONVERSE,
        "",
        "anthropic.claude-v2:1",
        BEDROCK,
        f"{RUNTIME}/model/anthropic.claude-v2%3A1/converse",
    ),
    (
        "bedrock",
        Dialect.BEDROCK_CONVERSE,
        "s",
        "arn:aws:bedrock:us-east-1:1:inference-profile/x",
        BEDROCK,
        (
            f"{RUNTIME}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx"
            "/converse-stream"
        ),
    ),
    ("bedrock", Dialect.BEDROCK_CONVERSE, "c", "m", BEDROCK, f"{RUNTIME}/model/m/count-tokens"),
    ("bedrock", Dialect.BEDROCK_CONVERSE, "e", "m", BEDROCK, f"{RUNTIME}/model/m/invoke"),
    ("cohere", Dialect.COHERE_CHAT, "s", "m", None, "https://api.cohere.com/v2/chat"),
    ("cohere", Dialect.COHERE_CHAT, "e", "m", None, "https://api.cohere.com/v2/embed"),
    (
        "cohere",
        Dialect.COHERE_CHAT,
        "",
        "m",
        {"api_base": "https://api.cohere.com/v2"},
        "https://api.cohere.com/v2/chat",
    ),
    (
        "ollama",
        Dialect.OLLAMA_CHAT,
        "",
        "m",
        {"api_base": "http://o:11434"},
        "http://o:11434/api/chat",
    ),
    (
        "ollama",
        Dialect.OLLAMA_CHAT,
        "e",
        "m",
        {"api_base": "http://o:11434/v1"},
        "http://o:11434/api/embed",
    ),
    (
        "ollama",
        Dialect.OPENAI_CHAT,
        "",
        "m",
        {"api_base": "http://o:11434"},
        "http://o:11434/v1/chat/completions",
    ),
    (
        "ollama",
        Dialect.OPENAI_CHAT,
        "",
        "m",
        {"api_base": "http://o:11434/v1"},
        "http://o:11434/v1/chat/completions",
    ),
    (
        "zai",
        Dialect.ANTHROPIC_MESSAGES,
        "",
        "m",
        None,
        "https://api.z.ai/api/anthropic/v1/messages",
    ),
    (
        "openrouter",
        Dialect.ANTHROPIC_MESSAGES,
        "",
        "m",
        None,
        "https://openrouter.ai/api/v1/messages",
    ),
    (
        "databricks",
        Dialect.OPENAI_CHAT,
        "",
        "m",
        {"api_base": "https://dbc.cloud.databricks.com/serving-endpoints"},
        "https://dbc.cloud.databricks.com/serving-endpoints/chat/completions",
    ),
]
PURPOSES = {"": Purpose.CHAT, "s": Purpose.CHAT, "e": Purpose.EMBED, "c": Purpose.COUNT}


@pytest.mark.parametrize(("provider", "dialect", "kind", "model", "config", "url"), CALLS)
def test_a_call_goes_where_the_vendor_has_it(
    provider: str,
    dialect: Dialect,
    kind: str,
    model: str,
    config: dict[str, Any] | None,
    url: str,
) -> None:
    assert build(provider, dialect, PURPOSES[kind], model, config, stream=kind == "s") == url


@pytest.mark.parametrize(
    ("provider", "dialect", "kind"),
    [
        ("cohere", Dialect.COHERE_CHAT, "c"),
        ("openai", Dialect.OPENAI_RESPONSES, "e"),
        ("anthropic", Dialect.ANTHROPIC_MESSAGES, "e"),
        ("vertex", Dialect.GEMINI, "e"),
        ("openai", Dialect.OPENAI_RAW, ""),
    ],
)
def test_a_call_that_a_dialect_lacks_has_no_path(
    provider: str, dialect: Dialect, kind: str
) -> None:
    with pytest.raises(DialectMismatchError):
        build(provider, dialect, PURPOSES[kind], "m", VERTEX if provider == "vertex" else None)


@pytest.mark.parametrize(
    ("provider", "dialect", "suffix", "model", "action", "config", "path"),
    [
        (
            "vertex",
            Dialect.GEMINI,
            "v1beta",
            "g",
            "streamGenerateContent",
            VERTEX,
            (
                "/v1/projects/proj-1/locations/europe-west4/publishers/google/models/g"
                ":streamGenerateContent"
            ),
        ),
        ("gemini", Dialect.GEMINI, "v1", "g", "countTokens", None, "/v1/models/g:countTokens"),
        (
            "azure",
            Dialect.OPENAI_RAW,
            "/images/generations",
            "dall-e",
            None,
            DEPLOYED,
            "/openai/deployments/dall-e/images/generations?api-version=2024-10-21",
        ),
        ("openai", Dialect.OPENAI_RAW, "/moderations", "m", None, None, "/moderations"),
    ],
)
def test_what_passes_goes_to_the_providers_own_path(
    provider: str,
    dialect: Dialect,
    suffix: str,
    model: str,
    action: str | None,
    config: dict[str, Any] | None,
    path: str,
) -> None:
    row = PROVIDERS[provider]
    assert relay_path(row, dialect, suffix, model, action, auth_config=config) == path


@pytest.mark.parametrize(
    ("provider", "config", "field"),
    [
        ("vertex", {"project": "p/../x"}, "auth_config.project"),
        ("vertex", {}, "auth_config.project"),
        ("azure", {**AZURE, "api_version": "1&x=2"}, "auth_config.api_version"),
    ],
)
def test_a_setting_cannot_leave_its_place_in_a_path(
    provider: str, config: dict[str, Any], field: str
) -> None:
    dialect = Dialect.GEMINI if provider == "vertex" else Dialect.OPENAI_CHAT
    with pytest.raises(InvalidValueError) as caught:
        build(provider, dialect, Purpose.CHAT, "m", config)
    assert caught.value.field == field


@pytest.mark.parametrize("model", ["../../x?k=1#y", "claude-../x", "a/../../b"])
@pytest.mark.parametrize("provider", ["vertex", "bedrock", "azure"])
def test_a_model_cannot_leave_its_place_in_a_path(provider: str, model: str) -> None:
    row = PROVIDERS[provider]
    config = {**VERTEX, **BEDROCK, **DEPLOYED}
    for dialect in (Dialect.GEMINI, Dialect.ANTHROPIC_MESSAGES, *row.hub_dialects):
        if dialect in row.dialects:
            path = call_path(row, dialect, Purpose.CHAT, model, stream=False, auth_config=config)
            assert "/../" not in path
            assert path.count("?") <= 1
            assert "#" not in path
