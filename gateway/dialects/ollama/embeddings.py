"""Vectors by ``/api/embed``.

Source: https://docs.ollama.com/api/embed (November 2026).

Rule: texts only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
    Destination,
    EmbeddingAnswer,
    EmbeddingRequest,
    Feature,
    Loss,
    Losses,
    LossTable,
    UpstreamEmbeddingCodec,
)
from gateway.dialects.hub.arguments import load_exact
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.provided import read_text
from gateway.dialects.hub.vectors import list_texts, read_vector
from gateway.dialects.hub.wanted import lose_extra
from gateway.dialects.spec import Usage, check_count
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]

LOSSES: Final[LossTable] = MappingProxyType(
    {
        Feature.EMBEDDING_TOKENS: Loss.REFUSED,  # nobody else's numbers mean the same
        Feature.TASK_TYPE: Loss.DROPPED,
        Feature.USER: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
    }
)


def dump_request(request: EmbeddingRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request."""
    body: Json = {"model": to.model, "input": list_texts(request, losses)}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    for feature, value in ((Feature.TASK_TYPE, request.task_type), (Feature.USER, request.user)):
        if value is not None:
            losses.lose(feature, find_place(request.dialect, feature))
    if request.title is not None:
        losses.lose(Feature.EXTRA, "title")
    lose_extra(request.extra, "", losses)
    return body


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Read vectors.

    Raises:
        UpstreamMalformedError: there are none.
    """
    value = load_exact(body) or {}
    vectors = value.get("embeddings")
    if not isinstance(vectors, list):
        raise UpstreamMalformedError("the answer has no vectors")
    count = check_count(value.get("prompt_eval_count"))
    usage = None if count is None else Usage(count, 0)
    return EmbeddingAnswer(read_text(value, "model"), tuple(map(read_vector, vectors)), usage)


CODEC: Final = UpstreamEmbeddingCodec(LOSSES, dump_request, parse_answer)
