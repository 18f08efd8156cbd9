"""Bedrock's InvokeModel for embeddings: ``POST /model/{id}/invoke`` of Titan and Cohere models.

Formats: Amazon's user guide, "Inference request parameters", 2026-11.

Rule: the body's format follows from the family in the model's name.
"""

from __future__ import annotations

from gateway.simulator.answers import count_tokens
from gateway.simulator.bedrock import VENDOR
from gateway.simulator.exchange import UNKNOWN_MODEL_PREFIX, Inquiry, Problem, Reply, dump_json
from gateway.simulator.vectors import build_vector

_TITAN_DIMENSIONS = (256, 512, 1024)
_COHERE_DIMENSIONS = 1024
_COHERE_V4_DIMENSIONS = 1536


def answer_invoke(inquiry: Inquiry) -> Reply | Problem:
    """Answer an embedding model."""
    if inquiry.model.startswith(UNKNOWN_MODEL_PREFIX):
        return VENDOR.build_problem("no-model")
    if "titan-embed" in inquiry.model:
        return _answer_titan(inquiry)
    if "cohere.embed" in inquiry.model:
        return _answer_cohere(inquiry)
    detail = "The simulator invokes embedding models of Titan and Cohere only."
    return VENDOR.build_problem("invalid", detail=detail)


def _answer_titan(inquiry: Inquiry) -> Reply | Problem:
    text = inquiry.body["inputText"]
    size = inquiry.body.get("dimensions", _TITAN_DIMENSIONS[-1])
    if size not in _TITAN_DIMENSIONS:
        detail = f"Malformed input request: #/dimensions: {size} is not a valid enum value"
        return VENDOR.build_problem("invalid", detail=detail)
    vector = build_vector(inquiry.simulator, inquiry.model, text, size)
    counted = count_tokens(text)
    answer = {
        "embedding": vector,
        "embeddingsByType": {"float": vector},
        "inputTextTokenCount": counted,
    }
    headers = {"x-amzn-bedrock-input-token-count": str(counted)}
    return Reply((dump_json(answer),), headers=headers)


def _answer_cohere(inquiry: Inquiry) -> Reply | Problem:
    if "input_type" not in inquiry.body:
        detail = "Malformed input request: #: required key [input_type] not found"
        return VENDOR.build_problem("invalid", detail=detail)
    texts = inquiry.body["texts"]
    newer = "embed-v4" in inquiry.model
    default = _COHERE_V4_DIMENSIONS if newer else _COHERE_DIMENSIONS
    size = inquiry.body.get("output_dimension", default)
    vectors = [build_vector(inquiry.simulator, inquiry.model, text, size) for text in texts]
    typed = newer or bool(inquiry.body.get("embedding_types"))
    answer = {
        "id": "embedding",
        "response_type": "embeddings_by_type" if typed else "embeddings_floats",
        "embeddings": {"float": vectors} if typed else vectors,
        "texts": texts,
    }
    headers = {"x-amzn-bedrock-input-token-count": str(count_tokens(texts))}
    return Reply((dump_json(answer),), headers=headers)
