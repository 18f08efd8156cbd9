"""What a dialect has to offer to be translated from and into: the rows of two tables.

Rule: a codec sees no credential and no URL; bytes and values go in, values and bytes come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.dialects.hub.answer import Asked, ChatAnswer
from gateway.dialects.hub.embedding import EmbeddingAnswer, EmbeddingRequest
from gateway.dialects.hub.events import Event
from gateway.dialects.hub.loss import Losses, LossTable
from gateway.dialects.hub.request import ChatRequest
from gateway.dialects.spec import StreamFailure
from gateway.entities import Dialect, Quirks
from gateway.errors import LockgateError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes: the provider's name of the model, and what is odd about the server."""

    model: str
    quirks: Quirks = field(default_factory=Quirks)


class StreamReader(Protocol):
    """Reads a provider's stream; it may be cut anywhere."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes; after `Failed` or `Ended` none.

        Raises:
            UpstreamMalformedError: an event that nobody can read.
        """
        ...

    def conclude(self) -> list[Event]:
        """Return what is known once the stream has ended: `Ended` only if it lacks nothing."""
        ...


class StreamWriter(Protocol):
    """Writes a stream for a client."""

    def write(self, events: Iterable[Event]) -> bytes:
        """Return whole events of the client's dialect, b"" where nothing is to be said yet."""
        ...

    def fail(self, error: LockgateError) -> bytes:
        """Return the stream's honest end after an error: an error event, no end marker."""
        ...


@dataclass(frozen=True, slots=True)
class ClientCodec:
    """How a dialect's clients are understood and answered.

    Attributes:
        parse_request: body, endpoint, stream (Gemini's route says it) -> request. Raises
            MalformedRequestError with the field.
        dump_answer: the body of a whole answer.
        writer: of one streamed answer; `content_type` is its media type.
        array_writer: the same where a stream may be a JSON array (Gemini without ``alt=sse``).
    """

    parse_request: Callable[[Mapping[str, Any], str, bool], ChatRequest]
    dump_answer: Callable[[ChatAnswer, Asked], Json]
    writer: Callable[[Asked], StreamWriter]
    content_type: str = "text/event-stream; charset=utf-8"
    array_writer: Callable[[Asked], StreamWriter] | None = None


@dataclass(frozen=True, slots=True)
class UpstreamCodec:
    """How a dialect's providers are asked and understood.

    Attributes:
        losses: what the dialect cannot express, and what becomes of it.
        dump_request: the body; what is lost goes to `Losses`, `at` the client's place.
        parse_answer: of a whole answer with a good status. Raises UpstreamMalformedError.
        reader: of one streamed answer.
        parse_error: status, headers (lower case) and body of an answer with a bad status -> what
            the provider says; never raises.
        dump_count, parse_count: of a token count, where the provider counts.
    """

    losses: LossTable
    dump_request: Callable[[ChatRequest, Destination, Losses], Json]
    parse_answer: Callable[[bytes], ChatAnswer]
    reader: Callable[[], StreamReader]
    parse_error: Callable[[int, Mapping[str, str], bytes], StreamFailure]
    dump_count: Callable[[ChatRequest, Destination, Losses], Json] | None = None
    parse_count: Callable[[bytes], int] | None = None


@dataclass(frozen=True, slots=True)
class ClientEmbeddingCodec:
    """How a dialect's clients ask for vectors. `parse_request`: body, endpoint, action."""

    parse_request: Callable[[Mapping[str, Any], str, str], EmbeddingRequest]
    dump_answer: Callable[[EmbeddingAnswer, EmbeddingRequest], Json]


@dataclass(frozen=True, slots=True)
class UpstreamEmbeddingCodec:
    """How a dialect's providers are asked for vectors."""

    losses: LossTable
    dump_request: Callable[[EmbeddingRequest, Destination, Losses], Json]
    parse_answer: Callable[[bytes], EmbeddingAnswer]


@dataclass(frozen=True, slots=True)
class Codec:
    """A wire format with all that it can: a row of `gateway.dialects.CODECS`."""

    name: Dialect
    client: ClientCodec | None = None
    upstream: UpstreamCodec | None = None
    client_embeddings: ClientEmbeddingCodec | None = None
    upstream_embeddings: UpstreamEmbeddingCodec | None = None
