"""Requests for vectors and their answers, from and for OpenAI's clients and servers.

Source: OpenAI's API reference, "Create embeddings" (2026-11). The SDKs ask for base64: float32,
little-endian.

Rule: vectors are asked for as numbers and packed here if the client wants them packed, so that
servers which know no base64 serve it all the same.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.hub import (
    ClientEmbeddingCodec,
    Codec,
    Destination,
    EmbeddingAnswer,
    EmbeddingRequest,
    Feature,
    Loss,
    Losses,
    UpstreamEmbeddingCodec,
)
from gateway.dialects.hub.fields import check, read, refuse
from gateway.dialects.hub.places import find_place
from gateway.dialects.openai import build_usage
from gateway.dialects.spec import load_object
from gateway.entities import Dialect
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]

_KNOWN: Final = frozenset({"model", "input", "encoding_format", "dimensions", "user"})
_MOST_INPUTS: Final = 2048  # OpenAI's own limit

LOSSES: Final[Mapping[Feature, Loss]] = {
    Feature.TASK_TYPE: Loss.DROPPED,
    Feature.USER: Loss.DROPPED,
    Feature.EXTRA: Loss.DROPPED,
    Feature.DIMENSIONS: Loss.REFUSED,  # other vectors than were asked for are no use
    Feature.EMBEDDING_TOKENS: Loss.REFUSED,
}


def parse_request(body: Mapping[str, Any], model: str, _action: str) -> EmbeddingRequest:
    """Return what a client wants vectors of.

    Raises:
        MalformedRequestError: a field is not what it has to be; `field` is its path.
    """
    inputs, single = _parse_inputs(body.get("input"))
    form = read(body, "encoding_format", str)
    if form not in (None, "float", "base64"):
        refuse("encoding_format", "float or base64")
    return EmbeddingRequest(
        Dialect.OPENAI_EMBEDDINGS,
        model,
        inputs,
        single=single,
        dimensions=read(body, "dimensions", int),
        base64=form == "base64",
        user=read(body, "user", str),
        extra={name: value for name, value in body.items() if name not in _KNOWN},
    )


def _parse_inputs(given: Any) -> tuple[tuple[str | tuple[int, ...], ...], bool]:
    if isinstance(given, str):
        return (given,), True
    values = check(given, list, "input")
    if not values or len(values) > _MOST_INPUTS:
        refuse("input", f"a text, or a list of 1 to {_MOST_INPUTS}")
    if all(type(value) is int for value in values):
        return (tuple(values),), True
    return tuple(_parse_input(value, f"input[{at}]") for at, value in enumerate(values)), False


def _parse_input(value: Any, at: str) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return value
    tokens = check(value, list, at)
    return tuple(check(token, int, f"{at}[{index}]") for index, token in enumerate(tokens))


def dump_answer(answer: EmbeddingAnswer, request: EmbeddingRequest) -> Json:
    """Return the body of an answer."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": pack(vector) if request.base64 else list(vector),
        }
        for index, vector in enumerate(answer.vectors)
    ]
    given = answer.usage.input_tokens or 0 if answer.usage is not None else 0
    return {
        "object": "list",
        "data": data,
        "model": answer.model or request.model,
        "usage": {"prompt_tokens": given, "total_tokens": given},
    }


def pack(vector: Sequence[float]) -> str:
    """Return a vector as base64 of float32, little-endian.

    Raises:
        UpstreamMalformedError: the provider's numbers do not fit.
    """
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise UpstreamMalformedError("a number of a vector is out of float32's range") from None


def dump_request(request: EmbeddingRequest, to: Destination, losses: Losses) -> Json:
    """Return the body for a provider.

    Raises:
        NotExpressibleError: the server cannot do what is asked.
    """
    body: Json = {"model": to.model, "input": _dump_inputs(request, to, losses)}
    body["encoding_format"] = "float"
    for name, feature in (("dimensions", Feature.DIMENSIONS), ("user", Feature.USER)):
        value = getattr(request, name)
        if value is None:
            continue
        if feature.value in to.quirks.unsupported:
            losses.lose(feature, find_place(request.dialect, feature))
        else:
            body[name] = value
    for value, place in ((request.task_type, "taskType"), (request.title, "title")):
        if value is not None:
            losses.lose(Feature.TASK_TYPE, place)
    if request.dialect is Dialect.OPENAI_EMBEDDINGS:
        return body | dict(request.extra)
    for name in request.extra:
        losses.lose(Feature.EXTRA, name)
    return body


def _dump_inputs(request: EmbeddingRequest, to: Destination, losses: Losses) -> Any:
    takes_tokens = Feature.EMBEDDING_TOKENS.value not in to.quirks.unsupported
    inputs: list[Any] = []
    for index, one in enumerate(request.inputs):
        if isinstance(one, tuple) and not takes_tokens:
            place = "input" if request.single else f"input[{index}]"
            losses.lose(Feature.EMBEDDING_TOKENS, place)
        inputs.append(list(one) if isinstance(one, tuple) else one)
    return inputs[0] if request.single else inputs


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Return the vectors of an answer.

    Raises:
        UpstreamMalformedError: it is none.
    """
    value = load_object(body) or {}
    data = value.get("data")
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise UpstreamMalformedError("the provider's answer holds no vectors")
    ordered = sorted(enumerate(data), key=lambda pair: _find_index(pair[1], pair[0]))
    model = value.get("model")
    return EmbeddingAnswer(
        model if isinstance(model, str) else "",
        tuple(_read_vector(one.get("embedding")) for _, one in ordered),
        build_usage(value),
    )


def _find_index(value: Json, position: int) -> int:
    index = value.get("index")
    return index if type(index) is int else position


def _read_vector(given: Any) -> Sequence[float]:
    if isinstance(given, str):
        try:
            raw = base64.b64decode(given)
            return struct.unpack(f"<{len(raw) // 4}f", raw)
        except (binascii.Error, struct.error, ValueError):
            given = None
    if not isinstance(given, list) or not all(type(one) in (int, float) for one in given):
        raise UpstreamMalformedError("the provider's answer holds a vector that is none")
    return given


CODEC: Final = Codec(
    Dialect.OPENAI_EMBEDDINGS,
    client_embeddings=ClientEmbeddingCodec(parse_request, dump_answer),
    upstream_embeddings=UpstreamEmbeddingCodec(LOSSES, dump_request, parse_answer),
)
