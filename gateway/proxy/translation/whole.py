"""Whole answers of a provider, in the client's dialect.

Rule: an answer that cannot be read is none, and another target may give one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.dialects import Usage, dump_json
from gateway.dialects.counting import COUNTS
from gateway.dialects.hub import (
    Asked,
    ChatAnswer,
    Collector,
    UpstreamCodec,
    UpstreamEmbeddingCodec,
    replay,
)
from gateway.dialects.hub.size import count_output
from gateway.dialects.hub.structured import unwrap_answer
from gateway.entities import Dialect, Purpose
from gateway.errors import UpstreamTruncatedError
from gateway.proxy.translation.course import Course
from gateway.proxy.translation.translation import Translation

_JSON: Final = "application/json"
_SSE: Final = "text/event-stream"


class Whole(NamedTuple):
    """An answer, ready for the client."""

    body: bytes
    content_type: str = _JSON
    usage: Usage | None = None
    output_chars: int = 0


def translate_whole(
    translation: Translation, course: Course, asked: Asked | None, body: bytes, content_type: str
) -> Whole:
    """Return a provider's whole answer with a good status as the client's.

    Args:
        translation: what the client asked for.
        course: how the provider was asked.
        asked: what whoever writes a chat answer has to know.
        body: the provider's.
        content_type: the provider's, without parameters.

    Raises:
        UpstreamMalformedError: it is no answer.
        UpstreamTruncatedError: it is a stream without an end.
    """
    return _TRANSLATORS[course.purpose](translation, course, asked, body, content_type)


def _translate_chat(
    translation: Translation, course: Course, asked: Asked | None, body: bytes, content_type: str
) -> Whole:
    assert asked is not None, "a chat was asked for"  # noqa: S101
    half = _get_upstream(course)
    answer = _collect(half, body) if content_type == _SSE else half.parse_answer(body)
    if course.is_structured:
        answer = unwrap_answer(answer)
    if course.stream:  # the provider did not stream
        writer, media_type = translation.build_writer(asked)
        written = writer.write(list(replay(answer)))
    else:
        written, media_type = dump_json(translation.client.dump_answer(answer, asked)), _JSON
    return Whole(written, media_type, answer.usage, count_output(answer))


def _collect(half: UpstreamCodec, body: bytes) -> ChatAnswer:
    """Read a stream that nobody asked for: some servers know nothing else."""
    reader, collector = half.reader(), Collector()
    collector.take(reader.feed(body))
    collector.take(reader.conclude())
    if not collector.ended:
        raise UpstreamTruncatedError("the provider's stream ended before its end marker")
    return collector.build()


def _translate_vectors(
    translation: Translation, course: Course, _asked: Asked | None, body: bytes, _type: str
) -> Whole:
    half: UpstreamEmbeddingCodec | None = course.codec.upstream_embeddings
    assert half is not None, "a course has a provider's half"  # noqa: S101
    answer = half.parse_answer(body)
    written = translation.client_embeddings.dump_answer(answer, translation.vectors)
    return Whole(dump_json(written), usage=answer.usage)


def _translate_count(
    translation: Translation, course: Course, _asked: Asked | None, body: bytes, _type: str
) -> Whole:
    parse = _get_upstream(course).parse_count
    assert parse is not None, "counts of the others are estimated"  # noqa: S101
    return Whole(dump_count(translation.dialect, parse(body)))


def dump_count(dialect: Dialect, tokens: int) -> bytes:
    """Return what a client is told who asked how many tokens its request has."""
    return dump_json(COUNTS[dialect](tokens))


def _get_upstream(course: Course) -> UpstreamCodec:
    half = course.codec.upstream
    assert half is not None, "a course has a provider's half"  # noqa: S101
    return half


_Translator = Callable[[Translation, Course, Asked | None, bytes, str], Whole]
_TRANSLATORS: Final[Mapping[Purpose, _Translator]] = MappingProxyType(
    {
        Purpose.CHAT: _translate_chat,
        Purpose.EMBED: _translate_vectors,
        Purpose.COUNT: _translate_count,
    }
)
