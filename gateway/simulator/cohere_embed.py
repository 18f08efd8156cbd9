"""Cohere's embeddings and reranking: ``POST /v2/embed`` and ``/v2/rerank``.

Formats: Cohere's published API reference (v2), 2026-11.

Rule: one vector per text, in the order of the texts; a result of reranking names its document by
its place.
"""

from __future__ import annotations

from gateway.simulator.answers import count_tokens, iterate_text
from gateway.simulator.cohere import VENDOR, build_id, find_model_problem
from gateway.simulator.exchange import Inquiry, Json, Problem, Reply, build_digest, dump_json
from gateway.simulator.vectors import build_vector, dump_base64

_DEFAULT_DIMENSIONS = 1536


def answer_embed(inquiry: Inquiry) -> Reply | Problem:
    """Answer an embeddings request."""
    problem = find_model_problem(inquiry)
    if problem is not None:
        return problem
    if not inquiry.body.get("input_type"):
        detail = "valid input_type must be provided with the provided model"
        return VENDOR.build_problem("invalid", detail=detail)
    texts = _list_texts(inquiry.body)
    size = inquiry.body.get("output_dimension") or _DEFAULT_DIMENSIONS
    vectors = [build_vector(inquiry.simulator, inquiry.model, text, size) for text in texts]
    kinds = inquiry.body.get("embedding_types") or ["float"]
    embeddings: Json = {}
    if "float" in kinds:
        embeddings["float"] = vectors
    if "base64" in kinds:
        embeddings["base64"] = [dump_base64(vector) for vector in vectors]
    billed = {"input_tokens": sum(count_tokens(text) for text in texts)}
    answer = {
        "id": build_id(" ".join(texts)),
        "embeddings": embeddings,
        "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": billed},
        "response_type": "embeddings_by_type",
    }
    return Reply((dump_json(answer),))


def _list_texts(body: Json) -> list[str]:
    if body.get("texts") is not None:
        return list(body["texts"])
    return [" ".join(iterate_text(one.get("content"))) for one in body["inputs"]]


def answer_rerank(inquiry: Inquiry) -> Reply | Problem:
    """Answer a reranking; a document is the more relevant the more words of the query it has."""
    problem = find_model_problem(inquiry)
    if problem is not None:
        return problem
    texts = [" ".join(iterate_text(one)) for one in inquiry.body["documents"]]
    words = set(inquiry.body["query"].lower().split())
    scores = [_score(words, text) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: -scores[index])
    results = [{"index": index, "relevance_score": scores[index]} for index in order]
    answer = {
        "id": build_id(inquiry.body["query"]),
        "results": results[: inquiry.body.get("top_n") or len(results)],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }
    return Reply((dump_json(answer),))


def _score(words: set[str], text: str) -> float:
    """Score between 0 and 1: shared words, then a stable fraction to tell equals apart."""
    shared = len(words & set(text.lower().split())) / max(1, len(words))
    return round(0.9 * shared + int(build_digest(text)[:4], 16) / 0xFFFF / 10, 6)
