"""Vectors: embedContent and batchEmbedContents, both halves.

Source: the Generative Language API's reference, `models.embedContent` and
`models.batchEmbedContents`; google-genai 3.4's types; recordings.

Rule: a provider is always asked for a batch, so one text and many are the same there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.gemini.spelling import spell_fields
from gateway.dialects.gemini.watch import build_usage
from gateway.dialects.hub import Destination, EmbeddingAnswer, EmbeddingRequest, Feature, Loss
from gateway.dialects.hub.fields import check, join_path, read, read_objects, refuse, want
from gateway.dialects.hub.loss import Losses, LossTable
from gateway.dialects.hub.places import find_place
from gateway.dialects.spec import Usage, load_object
from gateway.entities import Dialect
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]
LOSSES: Final[LossTable] = MappingProxyType(
    {
        Feature.EMBEDDING_TOKENS: Loss.REFUSED,
        Feature.USER: Loss.DROPPED,
        Feature.EXTRA: Loss.DROPPED,
        Feature.DIMENSIONS: Loss.REFUSED,
        Feature.TASK_TYPE: Loss.DROPPED,
    }
)
_BATCH: Final = "batchEmbedContents"
_FIELDS: Final = frozenset({"model", "content", "taskType", "title", "outputDimensionality"})
_SHARED: Final = ("taskType", "title", "outputDimensionality")


def parse_request(body: Mapping[str, Any], endpoint: str, action: str) -> EmbeddingRequest:
    """Read a request for vectors: of one content, or of several that want the same.

    Raises:
        MalformedRequestError: a field is not what it must be, or differs among the requests.
    """
    given = spell_fields(body)
    is_batch = action == _BATCH
    requests = read_objects(given, "requests") if is_batch else [("", dict(given))]
    if not requests:
        refuse("requests", "a list that is not empty")
    spelled = [(at, spell_fields(one)) for at, one in requests]
    first = spelled[0][1]
    for at, one in spelled:
        for name in _SHARED:
            if one.get(name) != first.get(name):
                refuse(join_path(at, name), "the same in all requests of a batch")
    at = spelled[0][0]
    outer = {name: value for name, value in given.items() if name not in {"requests", "model"}}
    rest = {name: value for name, value in first.items() if name not in _FIELDS}
    return EmbeddingRequest(
        dialect=Dialect.GEMINI,
        model=endpoint,
        inputs=tuple(_parse_text(one, path) for path, one in spelled),
        single=not is_batch,
        dimensions=read(first, "outputDimensionality", int, at),
        task_type=read(first, "taskType", str, at),
        title=read(first, "title", str, at),
        extra=(outer | rest) if is_batch else rest,
    )


def _parse_text(request: Mapping[str, Any], at: str) -> str:
    path = join_path(at, "content")
    content = request.get("content")
    if isinstance(content, str):
        return content
    parts = read_objects(spell_fields(check(content, dict, path)), "parts", path)
    if not parts:
        refuse(f"{path}.parts", "a list that is not empty")
    return "\n".join(want(part, "text", str, where) for where, part in parts)


def dump_answer(answer: EmbeddingAnswer, request: EmbeddingRequest) -> Json:
    """Return the body of an answer: one vector for one content, a list for a batch."""
    vectors = [{"values": list(vector)} for vector in answer.vectors]
    body: Json = (
        {"embedding": vectors[0]} if request.single and vectors else {"embeddings": vectors}
    )
    if answer.usage is not None and answer.usage.input_tokens is not None:
        tokens = answer.usage.input_tokens
        body["usageMetadata"] = {"promptTokenCount": tokens, "totalTokenCount": tokens}
    return body


def dump_request(request: EmbeddingRequest, to: Destination, losses: Losses) -> Json:
    """Return the body of a batch.

    Raises:
        NotExpressibleError: an input is no text.
    """
    if request.user is not None:
        losses.lose(Feature.USER, find_place(request.dialect, Feature.USER))
    if request.dialect is not Dialect.GEMINI:
        for name in request.extra:
            losses.lose(Feature.EXTRA, name)
    settings = {
        "taskType": request.task_type,
        "title": request.title,
        "outputDimensionality": request.dimensions,
    }
    model = to.model if "/" in to.model else f"models/{to.model}"
    shared = {name: value for name, value in settings.items() if value is not None}
    return {
        "requests": [
            {"model": model, "content": {"parts": [{"text": text}]}, **shared}
            for text in _list_texts(request, losses)
        ]
    }


def _list_texts(request: EmbeddingRequest, losses: Losses) -> Iterator[str]:
    for index, one in enumerate(request.inputs):
        if isinstance(one, str):
            yield one
        else:
            at = "input" if request.single else f"input[{index}]"
            losses.lose(Feature.EMBEDDING_TOKENS, at)


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Read the vectors of a batch, or of one content.

    Raises:
        UpstreamMalformedError: there are none.
    """
    value = load_object(body) or {}
    found = value.get("embeddings", [value.get("embedding")])
    vectors = [
        one["values"]
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict) and _is_vector(one.get("values"))
    ]
    if not vectors or len(vectors) != len(found):
        raise UpstreamMalformedError("the provider's answer holds no vectors")
    return EmbeddingAnswer("", tuple(map(tuple, vectors)), _find_usage(value))


def _is_vector(values: Any) -> bool:
    return isinstance(values, list) and all(type(one) in {int, float} for one in values)


def _find_usage(value: Mapping[str, Any]) -> Usage | None:
    usage = build_usage(value)
    return None if usage is None or usage.input_tokens is None else usage
