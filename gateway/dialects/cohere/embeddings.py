"""Vectors by ``/v2/embed``.

Source: https://docs.cohere.com/reference/embed (November 2026).

Rule: texts only; `input_type`, which it requires, is the client's own or goes by its task.
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
from gateway.dialects.hub.vectors import find_input_type, list_texts, read_vector
from gateway.dialects.hub.wanted import lose_extra
from gateway.dialects.spec import Usage, check_count, read_object
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]

LOSSES: Final[LossTable] = MappingProxyType(
    {
        Feature.EMBEDDING_TOKENS: Loss.REFUSED,  # nobody else's numbers mean the same
        Feature.USER: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
    }
)


def dump_request(request: EmbeddingRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a request."""
    body: Json = {
        "model": to.model,
        "texts": list_texts(request, losses),
        "input_type": find_input_type(request),
        "embedding_types": ["float"],
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.user is not None:
        losses.lose(Feature.USER, find_place(request.dialect, Feature.USER))
    if request.title is not None:
        losses.lose(Feature.EXTRA, "title")
    lose_extra((name for name in request.extra if name != "input_type"), "", losses)
    return body


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Read vectors; the counts are those billed, others are not told.

    Raises:
        UpstreamMalformedError: there are none.
    """
    value = load_exact(body) or {}
    vectors = read_object(value, "embeddings").get("float")
    if not isinstance(vectors, list):
        raise UpstreamMalformedError("the answer has no vectors")
    billed = read_object(read_object(value, "meta"), "billed_units").get("input_tokens")
    if isinstance(billed, float) and billed.is_integer():
        billed = int(billed)
    count = check_count(billed)
    usage = None if count is None else Usage(count, 0)
    return EmbeddingAnswer("", tuple(map(read_vector, vectors)), usage)


CODEC: Final = UpstreamEmbeddingCodec(LOSSES, dump_request, parse_answer)
