"""What dialects of vectors share: texts only, a list of numbers, Cohere's kinds of input.

Rule: token numbers are one vendor's; they never go to another as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub.embedding import EmbeddingRequest
from gateway.dialects.hub.loss import Feature, Losses
from gateway.errors import UpstreamMalformedError

_INPUT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "RETRIEVAL_QUERY": "search_query",
        "QUESTION_ANSWERING": "search_query",
        "FACT_VERIFICATION": "search_query",
        "CODE_RETRIEVAL_QUERY": "search_query",
        "CLASSIFICATION": "classification",
        "CLUSTERING": "clustering",
        "SEMANTIC_SIMILARITY": "clustering",
    }
)
_DEFAULT: Final = "search_document"


def list_texts(request: EmbeddingRequest, losses: Losses) -> list[str]:
    """Return a request's texts; token numbers are lost."""
    texts = []
    for index, one in enumerate(request.inputs):
        if isinstance(one, str):
            texts.append(one)
        else:
            at = "input" if request.single else f"input[{index}]"
            losses.lose(Feature.EMBEDDING_TOKENS, at)
    return texts


def find_input_type(request: EmbeddingRequest) -> str:
    """Return Cohere's `input_type`, which it requires: the client's own, else by the task."""
    given = request.extra.get("input_type")
    if isinstance(given, str) and given:
        return given
    return _INPUT_TYPES.get(request.task_type or "", _DEFAULT)


def read_vector(value: Any) -> Sequence[float]:
    """Return a list of numbers.

    Raises:
        UpstreamMalformedError: it is none.
    """
    if isinstance(value, list) and all(type(one) in _NUMBERS for one in value):
        return value
    raise UpstreamMalformedError("a vector of the answer is no list of numbers")


_NUMBERS: Final = (int, float)
