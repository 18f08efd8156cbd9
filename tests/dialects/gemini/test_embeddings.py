from __future__ import annotations

from typing import Any

import pytest
from google.genai.types import EmbedContentResponse

from gateway.dialects.gemini.embeddings import (
    LOSSES,
    dump_answer,
    dump_request,
    parse_answer,
    parse_request,
)
from gateway.dialects.hub import Destination, EmbeddingAnswer, EmbeddingRequest, Losses
from gateway.dialects.spec import Usage
from gateway.entities import Dialect
from gateway.errors import MalformedRequestError, NotExpressibleError, UpstreamMalformedError


def build(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "models/x", "content": {"parts": [{"text": text}]}, **more}


def test_one_content() -> None:
    body = build("a", task_type="RETRIEVAL_QUERY", outputDimensionality=3, autoTruncate=True)
    request = parse_request(body, "vectors", "embedContent")
    assert request == EmbeddingRequest(
        Dialect.GEMINI,
        "vectors",
        ("a",),
        single=True,
        dimensions=3,
        task_type="RETRIEVAL_QUERY",
        extra={"autoTruncate": True},
    )
    answer = dump_answer(EmbeddingAnswer("m", ((0.5, 1.0),)), request)
    assert answer == {"embedding": {"values": [0.5, 1.0]}}


def test_a_batch() -> None:
    request = parse_request({"requests": [build("a"), build("b")]}, "v", "batchEmbedContents")
    assert (request.inputs, request.single) == (("a", "b"), False)
    answer = dump_answer(EmbeddingAnswer("m", ((1.0,), (2.0,)), Usage(7)), request)
    assert answer["embeddings"] == [{"values": [1.0]}, {"values": [2.0]}]
    assert answer["usageMetadata"]["promptTokenCount"] == 7
    EmbedContentResponse.model_validate(answer)


@pytest.mark.parametrize(
    ("body", "action", "field"),
    [
        ({}, "embedContent", "content"),
        ({"content": {"parts": []}}, "embedContent", "content.parts"),
        ({"content": {"parts": [{}]}}, "embedContent", "content.parts[0].text"),
        ({"requests": []}, "batchEmbedContents", "requests"),
        ({"requests": [{}]}, "batchEmbedContents", "requests[0].content"),
        (
            {"requests": [build("a"), build("b", taskType="X")]},
            "batchEmbedContents",
            "requests[0].taskType",
        ),
        (build("a", outputDimensionality="x"), "embedContent", "outputDimensionality"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(body: Any, action: str, field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse_request(body, "v", action)
    assert caught.value.field in {field, field.replace("[0].taskType", "[1].taskType")}


def test_a_provider_is_asked_for_a_batch() -> None:
    asked = EmbeddingRequest(
        Dialect.OPENAI_EMBEDDINGS, "v", ("a", "b"), dimensions=3, user="u", extra={"x": 1}
    )
    losses = Losses("Gemini", LOSSES)
    body = dump_request(asked, Destination("gemini-embedding-001"), losses)
    assert body["requests"][1] == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "b"}]},
        "outputDimensionality": 3,
    }
    assert losses.dropped == ("user", "x")


def test_tokens_are_no_text() -> None:
    asked = EmbeddingRequest(Dialect.OPENAI_EMBEDDINGS, "v", ("a", (1, 2)))
    with pytest.raises(NotExpressibleError) as caught:
        dump_request(asked, Destination("m"), Losses("Gemini", LOSSES))
    assert caught.value.field == "input[1]"


def test_vectors_are_read() -> None:
    body = (
        b'{"embeddings":[{"values":[1,0.5]},{"values":[]}],"usageMetadata":{"promptTokenCount":4}}'
    )
    answer = parse_answer(body)
    assert answer.vectors == ((1, 0.5), ())
    assert answer.usage is not None
    assert answer.usage.input_tokens == 4
    assert parse_answer(b'{"embedding":{"values":[1]}}').vectors == ((1,),)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"embeddings":[]}', b'{"embeddings":[{"values":["x"]}]}']
)
def test_what_is_no_vectors(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)
