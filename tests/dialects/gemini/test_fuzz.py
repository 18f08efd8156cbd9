"""Whatever comes: a client's rubbish is refused by its field, a provider's is no crash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.gemini.codec import CODEC
from gateway.dialects.hub import Asked, ChatRequest, Destination, Losses, collect
from gateway.entities import Dialect
from gateway.errors import MalformedRequestError, NotExpressibleError, UpstreamMalformedError

REQUEST_NAMES = [
    *("contents", "parts", "role", "text", "thought", "thoughtSignature", "thought_signature"),
    *("functionCall", "functionResponse", "name", "args", "id", "response", "inlineData", "data"),
    *("mimeType", "fileData", "fileUri", "tools", "functionDeclarations", "parameters", "type"),
    *("toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames", "systemInstruction"),
    *("generationConfig", "stopSequences", "thinkingConfig", "thinkingBudget", "responseSchema"),
    *("responseMimeType", "responseModalities", "maxOutputTokens", "cachedContent", "nullable"),
]
ANSWER_NAMES = [
    *("candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall"),
    *("name", "args", "id", "inlineData", "data", "mimeType", "finishReason", "index", "error"),
    *("code", "message", "details", "usageMetadata", "promptTokenCount", "promptFeedback"),
    *("blockReason", "logprobsResult", "chosenCandidates", "topCandidates", "token", "embeddings"),
    *("values", "citationMetadata", "citations", "startIndex", "endIndex", "groundingMetadata"),
    *("groundingSupports", "groundingChunks", "groundingChunkIndices", "segment", "responseId"),
]
WORDS = [
    "user",
    "model",
    "AUTO",
    "ANY",
    "STOP",
    "SAFETY",
    "string",
    "image/png",
    "application/json",
]


def build_json(names: list[str]) -> st.SearchStrategy[Any]:
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from([*WORDS, "", "aGk="])
        | st.text(max_size=5)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=3), inner, max_size=4)
        ),
        max_leaves=25,
    )


def build_object(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), build_json(names), max_size=5)


@st.composite
def build_contents(draw: st.DrawFn) -> dict[str, Any]:
    parts = st.lists(build_object(REQUEST_NAMES), max_size=3)
    content = st.fixed_dictionaries({"parts": parts}, optional={"role": st.sampled_from(WORDS)})
    body = draw(build_object(REQUEST_NAMES))
    return body | {"contents": draw(st.lists(content, max_size=3))}


@settings(deadline=None, max_examples=60)
@given(build_object(REQUEST_NAMES) | build_contents())
def test_a_request_is_read_or_refused(body: dict[str, Any]) -> None:
    assert CODEC.client is not None
    assert CODEC.upstream is not None
    request, field = attempt(partial(CODEC.client.parse_request, body, "chat", False))
    assert (request is None) == bool(field)
    if request is None:
        return
    for model in ("gemini-1.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview"):
        losses, to = Losses("gemini", CODEC.upstream.losses), Destination(model)
        dump = partial(CODEC.upstream.dump_request, request, to, losses)
        dumped, field = attempt(dump)
        assert (dumped is None) == bool(field)


def attempt(call: Callable[[], Any]) -> tuple[Any, str | None]:
    """Return what a call gives, or the field that it refuses."""
    try:
        return call(), None
    except (MalformedRequestError, NotExpressibleError) as error:
        return None, error.field


@settings(deadline=None, max_examples=60)
@given(
    st.lists(build_object(ANSWER_NAMES), max_size=4),
    st.booleans(),
    st.integers(1, 40),
)
def test_a_stream_is_read_or_malformed(
    answers: list[dict[str, Any]], as_array: bool, size: int
) -> None:
    assert CODEC.client is not None
    assert CODEC.upstream is not None
    dumped = [dump(value) for value in answers]
    if as_array:
        raw = b"[" + b",\r\n".join(dumped) + b"]"
    else:
        raw = b"".join(b"data: " + one + b"\r\n\r\n" for one in dumped)
    whole = read(raw, len(raw) + 1)
    assert repr(whole) == repr(read(raw, size))
    if not isinstance(whole, str):
        asked = Asked(ChatRequest(Dialect.GEMINI, "chat", ()), "r-1", 1)
        CODEC.client.writer(asked).write(whole)
        CODEC.client.dump_answer(collect(whole), asked)


def dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return b'{"candidates":[]}'


def read(raw: bytes, size: int) -> Any:
    assert CODEC.upstream is not None
    reader = CODEC.upstream.reader()
    events = []
    try:
        for at in range(0, len(raw), size):
            events += reader.feed(raw[at : at + size])
        events += reader.conclude()
    except UpstreamMalformedError as error:
        return str(error)
    return events


@settings(deadline=None, max_examples=40)
@given(build_json(ANSWER_NAMES))
@pytest.mark.parametrize("half", ["answer", "vectors", "count", "error"])
def test_a_body_is_read_or_malformed(half: str, value: Any) -> None:
    assert CODEC.upstream is not None
    assert CODEC.upstream.parse_count is not None
    assert CODEC.upstream_embeddings is not None
    parsers: dict[str, Any] = {
        "answer": CODEC.upstream.parse_answer,
        "vectors": CODEC.upstream_embeddings.parse_answer,
        "count": CODEC.upstream.parse_count,
        "error": lambda raw: CODEC.upstream.parse_error(400, {}, raw),  # type: ignore[union-attr]
    }
    with suppress(UpstreamMalformedError):
        parsers[half](dump(value))


@settings(deadline=None, max_examples=40)
@given(build_object([*REQUEST_NAMES, "requests", "content", "taskType", "outputDimensionality"]))
def test_a_request_for_vectors_is_read_or_refused(body: dict[str, Any]) -> None:
    assert CODEC.client_embeddings is not None
    for action in ("embedContent", "batchEmbedContents"):
        parse = partial(CODEC.client_embeddings.parse_request, body, "vectors", action)
        request, field = attempt(parse)
        assert (request is None) == bool(field)
