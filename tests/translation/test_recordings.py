"""Every recorded answer is understood, and written for every client as its SDK wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.dialects import CODECS, DIALECTS
from gateway.dialects.hub import (
    Asked,
    ChatAnswer,
    ChatRequest,
    Event,
    Failed,
    collect,
    replay,
)
from gateway.entities import Dialect, Purpose
from tests.translation.client import parse_events
from tests.translation.recordings import Recording, list_recordings

RECORDINGS = list(list_recordings())
CHATS = [one for one in RECORDINGS if one.purpose is Purpose.CHAT and one.status == 200]
ERRORS = [one for one in RECORDINGS if one.status >= 400]
CLIENTS = (
    Dialect.OPENAI_CHAT,
    Dialect.OPENAI_COMPLETIONS,
    Dialect.OPENAI_RESPONSES,
    Dialect.ANTHROPIC_MESSAGES,
    Dialect.GEMINI,
)
_WHOLE: dict[Dialect, Callable[[Any], object]] = {
    Dialect.OPENAI_CHAT: ChatCompletion.model_validate,
    Dialect.OPENAI_COMPLETIONS: Completion.model_validate,
    Dialect.OPENAI_RESPONSES: Response.model_validate,
    Dialect.ANTHROPIC_MESSAGES: Message.model_validate,
    Dialect.GEMINI: GenerateContentResponse.model_validate,
}
_EVENT: dict[Dialect, Callable[[Any], object]] = {
    Dialect.OPENAI_CHAT: ChatCompletionChunk.model_validate,
    # Its type does not know that a chunk has no reason to end, as OpenAI's own have none.
    Dialect.OPENAI_COMPLETIONS: lambda event: Completion.model_validate(
        event | {"choices": [one | {"finish_reason": "stop"} for one in event["choices"]]}
    ),
    Dialect.OPENAI_RESPONSES: TypeAdapter[Any](ResponseStreamEvent).validate_python,
    Dialect.ANTHROPIC_MESSAGES: TypeAdapter[Any](RawMessageStreamEvent).validate_python,
    Dialect.GEMINI: GenerateContentResponse.model_validate,
}
_NONE = [pytest.param(None, marks=pytest.mark.skip(reason="no recordings beside the checkout"))]


_BETA_EVENT: Callable[[Any], object] = TypeAdapter[Any](BetaRawMessageStreamEvent).validate_python


def is_beta(recording: Recording, client: Dialect) -> bool:
    """Whether Anthropic's own client has asked for a tool that only its beta's types know.

    What Anthropic sends goes to its clients as it is; who asks for a beta reads its types.
    """
    own = client is recording.dialect is Dialect.ANTHROPIC_MESSAGES
    return own and b'"advisor_' in recording.answer


def parametrize(recordings: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "recording", recordings or _NONE, ids=[one.name for one in recordings] or None
    )


def read(recording: Recording, size: int = 1 << 30) -> list[Event]:
    codec = CODECS[recording.dialect].upstream
    assert codec is not None
    if not recording.streamed:
        return list(replay(codec.parse_answer(recording.answer)))
    reader, raw = codec.reader(), recording.answer
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.conclude()]


def ask(client: Dialect) -> Asked:
    return Asked(ChatRequest(client, "chat", (), include_usage=True), "r-1", 1_790_000_000)


def write(events: list[Event], client: Dialect) -> bytes:
    codec = CODECS[client].client
    assert codec is not None
    writer = codec.writer(ask(client))
    return b"".join(writer.write([event]) for event in events)


@parametrize(CHATS)
def test_every_answer_is_understood(recording: Recording) -> None:
    events = read(recording)
    answer = collect(events)
    assert not any(isinstance(event, Failed) for event in events)
    assert answer.choices or answer.usage
    assert any(choice.finish for choice in answer.choices)
    spec = DIALECTS.get(recording.dialect)
    if spec is not None and not recording.streamed:
        assert answer.usage == spec.parse_usage(recording.answer) or answer.usage is not None


@parametrize([one for one in CHATS if one.streamed])
def test_a_stream_cut_anywhere_says_the_same(recording: Recording) -> None:
    whole = read(recording)
    sizes = [1, 7] if len(recording.answer) < 100_000 else [97]
    for size in sizes:
        pieces = read(recording, size)
        assert collect(pieces) == collect(whole)
        for client in CLIENTS:
            assert write(pieces, client) == write(whole, client)


@parametrize(CHATS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_answer_is_one_for_the_clients_sdk(recording: Recording, client: Dialect) -> None:
    codec = CODECS[client].client
    assert codec is not None
    answer = collect(read(recording))
    body = orjson.loads(orjson.dumps(codec.dump_answer(answer, ask(client))))
    check = _WHOLE[client] if not is_beta(recording, client) else BetaMessage.model_validate
    check(body)
    check_usage(answer, body, client)


@parametrize(CHATS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_answer_streams_for_the_clients_sdk(recording: Recording, client: Dialect) -> None:
    events = read(recording)
    sent = parse_events(write(events, client).decode())
    assert sent
    check = _EVENT[client] if not is_beta(recording, client) else _BETA_EVENT
    for event in sent:
        if event.get("type") != "ping":  # the SDK passes over it before its types
            check(event)


@parametrize(ERRORS)
def test_every_error_says_something(recording: Recording) -> None:
    codec = CODECS[recording.dialect].upstream or CODECS[Dialect.OPENAI_CHAT].upstream
    assert codec is not None
    failure = codec.parse_error(recording.status, {}, recording.answer)
    assert failure.status == recording.status
    assert failure.message


def check_usage(answer: ChatAnswer, body: dict[str, Any], client: Dialect) -> None:
    """Compare what a client is told of the tokens with what the provider said."""
    if answer.usage is None or answer.usage.output_tokens is None:
        return
    read_output: dict[Dialect, Callable[[], int]] = {
        Dialect.OPENAI_CHAT: lambda: body["usage"]["completion_tokens"],
        Dialect.OPENAI_COMPLETIONS: lambda: body["usage"]["completion_tokens"],
        Dialect.OPENAI_RESPONSES: lambda: body["usage"]["output_tokens"],
        Dialect.ANTHROPIC_MESSAGES: lambda: body["usage"]["output_tokens"],
        Dialect.GEMINI: lambda: (
            body["usageMetadata"].get("candidatesTokenCount", 0)
            + body["usageMetadata"].get("thoughtsTokenCount", 0)
        ),
    }
    assert read_output[client]() == answer.usage.output_tokens
