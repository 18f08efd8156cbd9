"""What a whole answer with a good status is: an answer, an error in disguise, half of one.

Rule: what passes as it is without being an answer is no success in the ledger, and has no tokens.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import StreamFailure
from gateway.dialects.spec import load_object
from gateway.errors import UpstreamMalformedError, UpstreamTruncatedError
from gateway.proxy.booking import Attempt
from gateway.proxy.upstream import UpstreamAnswer


def judge_whole(run: Attempt, answer: UpstreamAnswer, body: bytes) -> StreamFailure | None:
    """Note an answer's counts, or return the error that it is although its status says 200.

    Raises:
        UpstreamTruncatedError: it is empty, or has no length and lacks its end.
        UpstreamMalformedError: it should have been a stream, and is not even an answer.
    """
    if not body:
        raise UpstreamTruncatedError("the provider's answer ended before any content")
    spec = run.exchange.spec
    failure = spec.find_error(body)
    if failure is None:
        run.usage = spec.parse_usage(body)
        if run.usage is None:
            _judge_uncounted(run, answer, body)
    return failure


def _judge_uncounted(run: Attempt, answer: UpstreamAnswer, body: bytes) -> None:
    """Judge an answer without counts: they are estimated if it is one."""
    if not run.exchange.spec.is_json:
        return
    data = body.strip()
    if run.job.stream:  # a client that asked for a stream can make nothing of what is no answer
        if load_object(data) is None:
            raise UpstreamMalformedError("the provider's answer is neither a stream nor JSON")
    elif data[:1] not in _OPENING:
        run.error_code = UpstreamMalformedError.code
        return
    elif data[-1:] not in _CLOSING and _is_open_ended(answer):
        raise UpstreamTruncatedError("the provider's answer ended in its middle")
    run.output_chars = run.exchange.spec.count_output(body)


def _is_open_ended(answer: UpstreamAnswer) -> bool:
    """Tell whether only the end of the connection says where an answer ends."""
    return "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers


_OPENING: Final = (b"{", b"[")
_CLOSING: Final = (b"}", b"]")
