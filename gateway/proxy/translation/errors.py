"""Errors of a provider, in the words of the client's dialect.

Rule: status and message are the provider's, the type is the client's vendor's for that status, the
code is our class of failures; what identifies our account is never the client's own fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.dialects import DIALECTS, StreamFailure
from gateway.errors import UpstreamReportedError
from gateway.proxy.scrub import scrub
from gateway.proxy.translation.course import Course
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.hints import load_error

_SAID_NOTHING: Final = "the provider reported an error"
_OVERLOADED: Final = 529
# Statuses that only some vendor has, as one that every SDK knows: Anthropic's and Groq's words for
# a server that is full, Bedrock's for a model that failed, nginx's and Cloudflare's.
_STATUSES: Final[Mapping[int, int]] = {
    _OVERLOADED: 503,
    498: 503,
    424: 502,
    499: 502,
    **dict.fromkeys(range(520, 529), 502),
    530: 502,
}


def read_failure(course: Course, answer: UpstreamAnswer, body: bytes) -> StreamFailure:
    """Return what a provider says in an answer whose status is no success."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    upstream = course.codec.upstream
    if upstream is None:  # of embeddings alone
        message = load_error(body).get("message")
        return StreamFailure(answer.status, "", message if isinstance(message, str) else "", body)
    failure = upstream.parse_error(answer.status, headers, body)
    if failure.status is not None:
        return failure
    return StreamFailure(answer.status, failure.code, failure.message, failure.body or body)


def build_reported(
    failure: StreamFailure,
    vendor: str,
    code: str,
    needles: tuple[bytes, ...],
    delay_s: float | None,
) -> UpstreamReportedError:
    """Return a provider's error as one for the client.

    Args:
        failure: what the provider says; its status is known.
        vendor: whose dialect the client speaks.
        code: the class of failures.
        needles: spellings of the credential, which may stand in the message.
        delay_s: after which the provider wants to be asked again.
    """
    words = scrub(failure.message.encode(errors="replace"), needles).decode(errors="replace")
    return UpstreamReportedError(
        words or _SAID_NOTHING,
        status=show_status(failure.status or UpstreamReportedError.status, vendor),
        code=code,
        retry_after_s=delay_s,
    )


def show_status(status: int, vendor: str) -> int:
    """Return a provider's status as one that the clients of a vendor know."""
    if status == _OVERLOADED and vendor == "anthropic":
        return status
    return _STATUSES.get(status, status)


def find_disguised(course: Course, body: bytes) -> StreamFailure | None:
    """Return the error that a whole answer is although its status says 200."""
    spec = DIALECTS.get(course.dialect)
    return None if spec is None else spec.find_error(body)
