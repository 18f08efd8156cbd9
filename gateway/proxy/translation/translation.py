"""One client's request, read into the hub once and written for one target after the other.

Rule: a target that cannot express the request is passed over without harm to it; only if no other
one serves does the client learn what it was.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import CODECS, dump_json, parse_values
from gateway.dialects.hub import (
    Asked,
    ChatRequest,
    ClientCodec,
    ClientEmbeddingCodec,
    Codec,
    Destination,
    EmbeddingRequest,
    Losses,
    StreamWriter,
    UpstreamCodec,
    UpstreamEmbeddingCodec,
)
from gateway.dialects.hub.codec import Json
from gateway.dialects.hub.size import estimate_request
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.entities import Dialect, Purpose
from gateway.errors import MalformedRequestError, NotExpressibleError
from gateway.proxy.credentials import Wiring
from gateway.proxy.operations import Operation
from gateway.proxy.translation.course import Course, build_dropped_lines
from gateway.proxy.translation.target import can_count, change_body, find_upstream

_STAND_IN: Final = f'"{ANSWER_TOOL}"'.encode()
_SSE_QUERY: Final = "alt=sse"
_TOO_DEEP: Final = "the request is nested too deeply"


class Translation:
    """What a client asks for, and what came of it for each target so far.

    Attributes:
        refusal: why the first target that could not express it could not.
        estimator: the first target that was met of those that nobody counts tokens for.
    """

    __slots__ = (
        "_body",
        "_chat",
        "_courses",
        "_dumped",
        "_endpoint",
        "_is_array",
        "_operation",
        "_stream",
        "_vectors",
        "estimator",
        "refusal",
    )

    def __init__(
        self, operation: Operation, endpoint: str, query: str, body: bytes, *, stream: bool
    ) -> None:
        self._operation = operation
        self._endpoint = endpoint
        self._body = body
        self._stream = stream
        self._is_array = operation.streams and _SSE_QUERY not in query
        self._chat: ChatRequest | None = None
        self._vectors: EmbeddingRequest | None = None
        self._courses: dict[Wiring, Course | None] = {}
        self._dumped: dict[tuple[str, str, str], Course] = {}
        self.refusal: NotExpressibleError | None = None
        self.estimator: Wiring | None = None

    def find_course(self, wiring: Wiring) -> Course | None:
        """Return how a target is asked; None where it speaks the client's dialect, or cannot.

        Raises:
            MalformedRequestError: the request is none of its dialect.
        """
        if wiring not in self._courses:
            self._courses[wiring] = self._build(wiring)
        return self._courses[wiring]

    @property
    def dialect(self) -> Dialect:
        """The client's."""
        return self._operation.dialect

    @property
    def chat(self) -> ChatRequest:
        """The request for a chat.

        Raises:
            MalformedRequestError: it is none.
        """
        if self._chat is None:
            body = parse_values(self._body)
            try:
                self._chat = self.client.parse_request(body, self._endpoint, self._stream)
            except RecursionError:
                raise MalformedRequestError(_TOO_DEEP) from None
        return self._chat

    @property
    def vectors(self) -> EmbeddingRequest:
        """The request for vectors.

        Raises:
            MalformedRequestError: it is none.
        """
        if self._vectors is None:
            self._vectors = self.client_embeddings.parse_request(
                parse_values(self._body), self._endpoint, self._operation.action or ""
            )
        return self._vectors

    @property
    def client(self) -> ClientCodec:
        """How the client is understood and answered; there is one wherever there is a course."""
        client = CODECS[self._operation.dialect].client
        assert client is not None, "a course has a client half"  # noqa: S101
        return client

    @property
    def client_embeddings(self) -> ClientEmbeddingCodec:
        """The same for vectors."""
        client = CODECS[self._operation.dialect].client_embeddings
        assert client is not None, "a course has a client half"  # noqa: S101
        return client

    def build_asked(self, request_id: str, started_at: int) -> Asked:
        """Return what whoever writes the answer has to know; `started_at` in milliseconds."""
        return Asked(self.chat, request_id, started_at // 1000)

    def build_writer(self, asked: Asked) -> tuple[StreamWriter, str]:
        """Return what writes the stream, and its media type."""
        client = self.client
        if self._is_array and client.array_writer is not None:
            return client.array_writer(asked), "application/json; charset=UTF-8"
        return client.writer(asked), client.content_type

    def estimate(self) -> int:
        """Return about how many tokens the request has.

        Raises:
            MalformedRequestError: it is none of its dialect.
        """
        return estimate_request(self.chat)

    # --- within -----------------------------------------------------------------------------

    def _build(self, wiring: Wiring) -> Course | None:
        operation = self._operation
        if operation.dialect in wiring.dialects:
            return None
        model, settings = wiring.target.upstream_model, wiring.sealed.auth_config
        codec = find_upstream(operation, wiring.provider, model, settings)
        if codec is None:
            return None
        if operation.purpose is Purpose.COUNT and not can_count(
            codec, wiring.provider, model, settings
        ):
            self.estimator = self.estimator or wiring
            return None
        key = (codec.name.value, wiring.provider.name, model)
        try:
            course = self._dumped[key] = self._dumped.get(key) or self._dump(codec, wiring)
        except NotExpressibleError as error:
            self.refusal = self.refusal or error
            return None
        return course

    def _dump(self, codec: Codec, wiring: Wiring) -> Course:
        purpose = self._operation.purpose or Purpose.CHAT
        destination = Destination(wiring.target.upstream_model, wiring.provider.quirks)
        title = wiring.provider.title
        if purpose is Purpose.EMBED:
            body, losses = self._dump_vectors(codec.upstream_embeddings, destination, title)
        else:
            body, losses = self._dump_chat(codec.upstream, destination, title, purpose)
        packed = dump_json(change_body(wiring.provider, codec.name, purpose, body))
        return Course(
            codec,
            purpose,
            stream=self._stream and purpose is Purpose.CHAT,
            body=packed,
            lines=build_dropped_lines(losses.dropped),
            is_structured=purpose is Purpose.CHAT and self._has_stand_in(packed),
        )

    def _dump_chat(
        self, half: UpstreamCodec | None, destination: Destination, title: str, purpose: Purpose
    ) -> tuple[Json, Losses]:
        assert half is not None, "a course has a provider's half"  # noqa: S101
        losses = Losses(title, half.losses)
        dump = half.dump_count if purpose is Purpose.COUNT else half.dump_request
        assert dump is not None, "counts of the others are estimated"  # noqa: S101
        chat = self.chat
        try:
            return dump(chat, destination, losses), losses
        except RecursionError:  # schemas are walked through
            raise MalformedRequestError(_TOO_DEEP) from None

    def _dump_vectors(
        self, half: UpstreamEmbeddingCodec | None, destination: Destination, title: str
    ) -> tuple[Json, Losses]:
        assert half is not None, "a course has a provider's half"  # noqa: S101
        losses = Losses(title, half.losses)
        return half.dump_request(self.vectors, destination, losses), losses

    def _has_stand_in(self, body: bytes) -> bool:
        return _STAND_IN in body and self.chat.output is not None
