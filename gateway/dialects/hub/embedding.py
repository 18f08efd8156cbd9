"""A request for vectors and its answer, whatever their wire format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.dialects.spec import Usage
from gateway.entities import Dialect


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """What a client wants vectors of.

    Attributes:
        inputs: texts, or lists of OpenAI's token numbers.
        single: the client gave one input, not a list; Gemini answers in another form then.
        base64: the client wants float32 little-endian in base64 (OpenAI's SDKs do).
        task_type: what for, in Gemini's words, such as ``RETRIEVAL_QUERY``.
        extra: fields without a name here, of the client's dialect.
    """

    dialect: Dialect
    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    single: bool = False
    dimensions: int | None = None
    base64: bool = False
    task_type: str | None = None
    title: str | None = None
    user: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """Vectors, in the order of the inputs."""

    model: str
    vectors: tuple[Sequence[float], ...]
    usage: Usage | None = None
