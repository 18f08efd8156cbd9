"""Vectors asked of Bedrock's makers, Cohere and Ollama: each in its own form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.dialects import CODECS
from gateway.dialects.hub import Destination, EmbeddingRequest, Losses
from gateway.dialects.spec import Usage
from gateway.entities import Dialect
from gateway.errors import NotExpressibleError, UpstreamMalformedError

BEDROCK, COHERE, OLLAMA = Dialect.BEDROCK_CONVERSE, Dialect.COHERE_CHAT, Dialect.OLLAMA_CHAT
TITAN = "amazon.titan-embed-text-v2:0"


def dump(to: Dialect, model: str, *inputs: Any, **fields: Any) -> tuple[Any, list[str]]:
    codec = CODECS[to].upstream_embeddings
    assert codec is not None
    losses = Losses(to.value, codec.losses)
    request = EmbeddingRequest(Dialect.OPENAI_EMBEDDINGS, "vectors", inputs or ("a",), **fields)
    return codec.dump_request(request, Destination(model), losses), list(losses.dropped)


def parse(of: Dialect, answer: Any) -> Any:
    codec = CODECS[of].upstream_embeddings
    assert codec is not None
    return codec.parse_answer(orjson.dumps(answer))


def test_requests() -> None:
    assert dump(BEDROCK, TITAN, "a", dimensions=256) == ({"inputText": "a", "dimensions": 256}, [])
    assert dump(BEDROCK, "cohere.embed-v4:0", "a", "b", dimensions=256) == (
        {
            "texts": ["a", "b"],
            "input_type": "search_document",
            "embedding_types": ["float"],
            "output_dimension": 256,
        },
        [],
    )
    nova = dump(BEDROCK, "amazon.nova-2-multimodal-embeddings-v1:0", "a", dimensions=384)[0]
    assert nova["singleEmbeddingParams"]["embeddingDimension"] == 384
    assert nova["singleEmbeddingParams"]["text"]["value"] == "a"
    assert dump(
        COHERE, "embed-v4.0", "a", task_type="RETRIEVAL_QUERY", user="u", extra={"x": 1}
    ) == (
        {
            "model": "embed-v4.0",
            "texts": ["a"],
            "input_type": "search_query",
            "embedding_types": ["float"],
        },
        ["user", "x"],
    )
    own = dump(COHERE, "embed-v4.0", "a", extra={"input_type": "clustering"})
    assert own[0]["input_type"] == "clustering"
    assert own[1] == []
    assert dump(OLLAMA, "nomic-embed-text", "a", "b", dimensions=8, task_type="X") == (
        {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 8},
        ["task_type"],
    )


@pytest.mark.parametrize(
    ("to", "model", "inputs", "fields", "place"),
    [
        (BEDROCK, TITAN, ("a", "b"), {}, "input"),
        (BEDROCK, "amazon.titan-embed-text-v1", ("a",), {"dimensions": 8}, "dimensions"),
        (BEDROCK, "cohere.embed-english-v3", ("a",), {"dimensions": 8}, "dimensions"),
        (COHERE, "embed-v4.0", ("a", (1, 2)), {}, "input[1]"),
        (OLLAMA, "nomic-embed-text", ((1, 2),), {"single": True}, "input"),
    ],
)
def test_what_cannot_be_asked(
    to: Dialect, model: str, inputs: Any, fields: dict[str, Any], place: str
) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(to, model, *inputs, **fields)
    assert caught.value.field == place


@pytest.mark.parametrize(
    ("of", "answer", "vectors", "usage"),
    [
        (BEDROCK, {"embedding": [0.5, 1], "inputTextTokenCount": 3}, ([0.5, 1],), Usage(3, 0)),
        (BEDROCK, {"embeddings": {"float": [[1.0], [2.0]]}}, ([1.0], [2.0]), None),
        (BEDROCK, {"embeddings": [[1.0]]}, ([1.0],), None),
        (BEDROCK, {"embeddings": [{"embeddingType": "TEXT", "embedding": [1]}]}, ([1],), None),
        (
            COHERE,
            {
                "embeddings": {"float": [[1.0]]},
                "meta": {"billed_units": {"input_tokens": 4.0}},
            },
            ([1.0],),
            Usage(4, 0),
        ),
        (OLLAMA, {"embeddings": [[1.0]], "prompt_eval_count": 2}, ([1.0],), Usage(2, 0)),
    ],
)
def test_answers(of: Dialect, answer: Any, vectors: Any, usage: Any) -> None:
    found = parse(of, answer)
    assert (found.vectors, found.usage) == (vectors, usage)


@pytest.mark.parametrize("of", [BEDROCK, COHERE, OLLAMA])
@pytest.mark.parametrize(
    "answer", [[], {}, {"embeddings": 1}, {"embeddings": [["a"]]}, {"embeddings": {"float": [1]}}]
)
def test_what_holds_no_vectors(of: Dialect, answer: Any) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse(of, answer)
