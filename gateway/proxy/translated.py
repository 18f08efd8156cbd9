"""What a whole answer with a good status is where it has to be translated.

Rule: what cannot be translated is no answer, and books no tokens.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import StreamFailure
from gateway.entities import Purpose
from gateway.errors import UpstreamTruncatedError
from gateway.proxy.answer import Buffered
from gateway.proxy.booking import Attempt
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.scrub import scrub
from gateway.proxy.translation import Course
from gateway.proxy.translation.errors import find_disguised
from gateway.proxy.translation.lines import build_lines
from gateway.proxy.translation.whole import dump_count, translate_whole
from gateway.proxy.upstream import UpstreamAnswer

_ESTIMATED: Final = b"Content-Type: application/json\r\nx-lockgate-estimated: true\r\n"


def take_whole(
    run: Attempt, course: Course, answer: UpstreamAnswer, body: bytes
) -> StreamFailure | None:
    """Make an answer ready for the client, or return the error that it is.

    Raises:
        UpstreamTruncatedError: it is empty, or a stream without an end.
        UpstreamMalformedError: it is no answer.
    """
    if not body:
        raise UpstreamTruncatedError("the provider's answer ended before any content")
    failure = find_disguised(course, body)
    if failure is not None:
        return failure
    exchange, translation = run.exchange, run.job.translation
    assert translation is not None, "a course comes from a translation"  # noqa: S101
    is_chat = course.purpose is Purpose.CHAT
    asked = translation.build_asked(exchange.request_id, exchange.started_at) if is_chat else None
    whole = translate_whole(translation, course, asked, body, answer.content_type)
    needles = run.wiring.needles
    lines = build_lines(answer.head, needles, exchange.spec.vendor, whole.content_type)
    run.usage, run.output_chars = whole.usage, whole.output_chars
    run.buffered = Buffered(answer.status, lines, scrub(whole.body, needles))
    return None


def answer_estimate(exchange: Exchange, job: Job) -> None:
    """Answer with about as many tokens as the request has, and say so.

    Raises:
        MalformedRequestError: the request is none of its dialect.
    """
    assert job.translation is not None, "estimates are for targets of other dialects"  # noqa: S101
    tokens = job.translation.estimate()
    exchange.answer(200, _ESTIMATED, dump_count(exchange.dialect, tokens))
