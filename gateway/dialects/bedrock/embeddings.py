"""Vectors by `InvokeModel`: each maker's own form, told by the model's name.

Source: user guide, "Titan Text Embeddings", "Cohere Embed" and "Nova Multimodal Embeddings"
(November 2026).

Rule: an answer tells by its fields whose it is; the request by the model that it goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from gateway.dialects.spec import Usage, check_count
from gateway.errors import NotExpressibleError, UpstreamMalformedError

Json = dict[str, Any]

LOSSES: Final[LossTable] = MappingProxyType(
    {
        Feature.EMBEDDING_TOKENS: Loss.REFUSED,  # nobody else's numbers mean the same
        Feature.DIMENSIONS: Loss.REFUSED,
        Feature.TASK_TYPE: Loss.DROPPED,
        Feature.USER: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
    }
)
_TITAN_1: Final = "titan-embed-text-v1"


def dump_request(request: EmbeddingRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of `InvokeModel`."""
    texts = list_texts(request, losses)
    dump = next((dump for word, dump in _MAKERS.items() if word in to.model), _dump_titan)
    if request.user is not None:
        losses.lose(Feature.USER, find_place(request.dialect, Feature.USER))
    if request.title is not None:
        losses.lose(Feature.EXTRA, "title")
    lose_extra((name for name in request.extra if name != "input_type"), "", losses)
    return dump(request, texts, to, losses)


def _dump_titan(
    request: EmbeddingRequest, texts: list[str], to: Destination, losses: Losses
) -> Json:
    body: Json = {"inputText": _take_one(texts)}
    _lose_task(request, losses)
    if request.dimensions is not None:
        if _TITAN_1 in to.model:
            losses.lose(Feature.DIMENSIONS, find_place(request.dialect, Feature.DIMENSIONS))
        body["dimensions"] = request.dimensions
    return body


def _dump_nova(
    request: EmbeddingRequest, texts: list[str], _to: Destination, losses: Losses
) -> Json:
    _lose_task(request, losses)
    asked: Json = {
        "embeddingPurpose": "GENERIC_INDEX",
        "text": {"truncationMode": "END", "value": _take_one(texts)},
    }
    if request.dimensions is not None:
        asked["embeddingDimension"] = request.dimensions
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": asked}


def _dump_cohere(
    request: EmbeddingRequest, texts: list[str], to: Destination, losses: Losses
) -> Json:
    body: Json = {
        "texts": texts,
        "input_type": find_input_type(request),
        "embedding_types": ["float"],
    }
    if request.dimensions is not None:
        if "embed-v4" not in to.model:
            losses.lose(Feature.DIMENSIONS, find_place(request.dialect, Feature.DIMENSIONS))
        body["output_dimension"] = request.dimensions
    return body


_Dump = Callable[[EmbeddingRequest, list[str], Destination, Losses], Json]
_MAKERS: Final[Mapping[str, _Dump]] = MappingProxyType(
    {"cohere.": _dump_cohere, "nova": _dump_nova}
)


def _take_one(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    raise NotExpressibleError("this model makes the vector of one text at a time", field="input")


def _lose_task(request: EmbeddingRequest, losses: Losses) -> None:
    if request.task_type is not None:
        losses.lose(Feature.TASK_TYPE, find_place(request.dialect, Feature.TASK_TYPE))
    if "input_type" in request.extra:
        losses.lose(Feature.EXTRA, "input_type")


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Read vectors.

    Raises:
        UpstreamMalformedError: there are none.
    """
    value = load_exact(body) or {}
    count = check_count(value.get("inputTextTokenCount"))
    usage = None if count is None else Usage(count, 0)
    if "embedding" in value:
        return EmbeddingAnswer("", (read_vector(value["embedding"]),), usage)
    vectors = value.get("embeddings")
    if isinstance(vectors, dict):
        vectors = vectors.get("float")
    if not isinstance(vectors, list):
        raise UpstreamMalformedError("the answer has no vectors")
    found = (one.get("embedding") if isinstance(one, dict) else one for one in vectors)
    return EmbeddingAnswer("", tuple(map(read_vector, found)), usage)


CODEC: Final = UpstreamEmbeddingCodec(LOSSES, dump_request, parse_answer)
