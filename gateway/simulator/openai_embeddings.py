"""OpenAI's embeddings: ``POST /v1/embeddings`` with ``encoding_format`` float or base64.

Format: OpenAI's published API specification, 2026-11.

Rule: one vector per input, in the order of the inputs.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.answers import count_tokens
from gateway.simulator.exchange import Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.openai import find_problem
from gateway.simulator.vectors import build_vector, dump_base64

_REQUIRED = {"input": ((str, list), "a string or an array")}
_DIMENSIONS = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
_MOST_DIMENSIONS = 3072


def answer_embeddings(inquiry: Inquiry) -> Reply | Problem:
    """Answer an embeddings request."""
    problem = find_problem(inquiry, _REQUIRED)
    if problem is not None:
        return problem
    texts = _list_texts(inquiry.body["input"])
    answer: Json = {
        "object": "list",
        "data": [_build_item(inquiry, index, text) for index, text in enumerate(texts)],
        "model": inquiry.model,
    }
    if not inquiry.fault.no_usage:
        spent = sum(count_tokens(text) for text in texts)
        answer["usage"] = {"prompt_tokens": spent, "total_tokens": spent}
    return Reply((dump_json(answer, pretty=True),))


def _list_texts(given: str | list[Any]) -> list[str]:
    """List the inputs; token numbers stand for a text of their own."""
    if isinstance(given, str):
        return [given]
    if all(isinstance(token, int) for token in given):
        return [" ".join(map(str, given))]
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]


def _build_item(inquiry: Inquiry, index: int, text: str) -> Json:
    wanted = inquiry.body.get("dimensions")
    default = _DIMENSIONS.get(inquiry.model, _DEFAULT_DIMENSIONS)
    size = max(1, min(wanted, _MOST_DIMENSIONS)) if isinstance(wanted, int) else default
    vector = build_vector(inquiry.simulator, inquiry.model, text, size)
    encoded = inquiry.body.get("encoding_format") == "base64"
    return {
        "object": "embedding",
        "index": index,
        "embedding": dump_base64(vector) if encoded else vector,
    }
