"""A provider's whole answers, counts and errors, as the hub's.

Source: the Generative Language API's reference, `GenerateContentResponse` and
`CountTokensResponse`; google.rpc's `Status` and `ErrorInfo`; recordings.

Rule: a whole answer is read as a stream of one: so the two are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.dialects.gemini.reader import AnswerReader, GeminiReader
from gateway.dialects.gemini.watch import find_failure
from gateway.dialects.hub import ChatAnswer, Failed, collect
from gateway.dialects.hub.arguments import load_exact
from gateway.dialects.spec import StreamFailure, check_count, load_object
from gateway.errors import UpstreamMalformedError

_NO_ANSWER: Final = "the provider's answer is no answer of Gemini's"
_SIGNS: Final = ("candidates", "promptFeedback", "usageMetadata")
_MOST_MESSAGE: Final = 1_000  # characters of a body that is no JSON


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer, or a stream that came as one array.

    Raises:
        UpstreamMalformedError: it is none.
    """
    if body[:64].lstrip()[:1] == b"[":
        reader = GeminiReader()
        events = [*reader.feed(body), *reader.conclude()]
    else:
        value = load_exact(body)
        if value is None or not any(name in value for name in _SIGNS):
            raise UpstreamMalformedError(_NO_ANSWER)
        answers = AnswerReader()
        answers.take(value, body)
        answers.conclude()
        events = answers.events
    if not events or any(isinstance(event, Failed) for event in events):
        raise UpstreamMalformedError(_NO_ANSWER)
    return collect(events)


def parse_count(body: bytes) -> int:
    """Read how many tokens a request has.

    Raises:
        UpstreamMalformedError: the answer does not say.
    """
    value = load_object(body)
    count = None if value is None else check_count(value.get("totalTokens", 0))
    if count is None:
        raise UpstreamMalformedError("the provider's count of tokens is none")
    return count


def parse_error(status: int, _headers: Mapping[str, str], body: bytes) -> StreamFailure:
    """Read an error; without ``alt=sse`` it stands in an array."""
    data = body.strip()
    if data[:1] == b"[":
        data = data[1:].rstrip(b"] \t\r\n")
    value = load_object(data)
    failure = None if value is None else find_failure(value, data)
    if value is None or failure is None:
        text = "" if value is not None else body.decode(errors="replace")[:_MOST_MESSAGE]
        return StreamFailure(status, "error", text, body)
    code = next(_list_reasons(value), failure.code)
    return StreamFailure(status, code, failure.message, body)


def _list_reasons(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield what ErrorInfo says: a key that Google does not know is a 400 like any other."""
    details = value["error"].get("details")
    for detail in details if isinstance(details, list) else ():
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str) and reason:
            yield reason
