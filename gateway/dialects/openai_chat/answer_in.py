"""A provider's whole answer, and its errors, into the hub.

Rule: what compatible servers leave out or write otherwise is read as it was meant; only what is no
answer at all is malformed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    ChatAnswer,
    Choice,
    Citation,
    Family,
    Finish,
    Image,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.openai import build_failure, build_usage, find_failure
from gateway.dialects.openai_chat.details import parse_details
from gateway.dialects.openai_chat.messages_in import parse_data_url
from gateway.dialects.spec import (
    StreamFailure,
    Usage,
    check_count,
    dump_json,
    load_object,
    read_object,
)
from gateway.errors import MalformedRequestError, UpstreamMalformedError

Json = Mapping[str, Any]

FINISHES: Final = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "end_turn": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.CONTEXT,  # Mistral's
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.FILTERED,
    "error": Finish.FAILED,
}


def parse_answer(body: bytes) -> ChatAnswer:
    """Return what a provider has answered.

    Raises:
        UpstreamMalformedError: it is no answer.
    """
    value = load_object(body)
    choices = None if value is None else value.get("choices")
    if value is None or not isinstance(choices, list):
        raise UpstreamMalformedError("the provider's answer is no chat completion")
    return ChatAnswer(
        id=read_text(value, "id"),
        model=read_text(value, "model"),
        choices=tuple(
            _build_choice(choice, index)
            for index, choice in enumerate(choices)
            if isinstance(choice, dict)
        ),
        usage=read_usage(value),
        created_s=check_count(value.get("created")),
        service_tier=read_text(value, "service_tier") or None,
    )


def parse_error(status: int, _headers: Mapping[str, str], body: bytes) -> StreamFailure:
    """Return what a provider says with a bad status."""
    value = load_object(body) or {}
    failure = find_failure(value, body)
    if failure is None:
        detail = value.get("detail", value.get("message", value.get("error_msg")))
        if isinstance(detail, list):  # FastAPI's: one object for each field
            detail = "; ".join(str(read_object({"": one}, "").get("msg", one)) for one in detail)
        words = str(detail) if detail else body[:500].decode(errors="replace")
        failure = build_failure({"message": words, "code": value.get("code")}, body)
    message = failure.message or f"the provider answered with status {status}"
    return StreamFailure(status, failure.code, message, body)


def read_usage(value: Json) -> Usage | None:
    """Return the counts of an answer or a chunk, sound included."""
    usage = build_usage(value)
    if usage is None:
        return None
    given = read_object(value, "usage")
    heard = read_object(given, "prompt_tokens_details").get("audio_tokens")
    spoken = read_object(given, "completion_tokens_details").get("audio_tokens")
    if heard or spoken:
        usage = usage._replace(
            audio_input_tokens=check_count(heard), audio_output_tokens=check_count(spoken)
        )
    return usage


def read_text(value: Json, name: str) -> str:
    """Return a field that is text, "" where it is not."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def find_finish(reason: object, *, called: bool) -> Finish | None:
    """Return why an answer ends; some servers say `stop` although tools are called."""
    if not isinstance(reason, str):
        return None
    finish = FINISHES.get(reason, Finish.STOP)
    return Finish.TOOL_CALLS if called and finish is Finish.STOP else finish


def _build_choice(choice: Json, position: int) -> Choice:
    message = read_object(choice, "message")
    parts = tuple(iter_parts(message))
    index = choice.get("index")
    logprobs = choice.get("logprobs")
    called = any(isinstance(part, ToolCall) for part in parts)
    reason = choice.get("finish_reason")
    return Choice(
        parts,
        find_finish(reason, called=called),
        index=index if type(index) is int else position,
        detail=find_detail(reason),
        logprobs=logprobs if isinstance(logprobs, dict) else None,
    )


def find_detail(reason: object) -> str | None:
    """Return a vendor's own word for the end where it says more than the hub's."""
    return reason if isinstance(reason, str) and reason not in FINISHES else None


def iter_parts(message: Json) -> Iterator[Part]:
    """Yield the parts of a whole message: thoughts, text, what else, calls."""
    yield from _iter_thoughts(message)
    yield from _iter_content(message)
    refusal = read_text(message, "refusal")
    if refusal:
        yield Refusal(refusal)
    audio = read_object(message, "audio")
    if audio:
        data, words = read_text(audio, "data"), read_text(audio, "transcript")
        yield Audio(Media(data=data), transcript=words, id=read_text(audio, "id") or None)
    for image in message.get("images") or ():
        yield from _iter_image(image)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield build_call(call)
    function = read_object(message, "function_call")
    if function:
        name = read_text(function, "name")
        yield ToolCall("", name, read_arguments(function.get("arguments")))


def build_call(call: Json) -> ToolCall:
    """Return a call; some servers give arguments as an object, or no id."""
    custom = read_object(call, "custom")
    if custom:
        text = read_text(custom, "input")
        return ToolCall(read_text(call, "id"), read_text(custom, "name"), text, custom=True)
    function = read_object(call, "function")
    text = read_arguments(function.get("arguments"))
    return ToolCall(
        read_text(call, "id"), read_text(function, "name"), text, signature=find_signature(call)
    )


def find_signature(call: Json) -> str | None:
    """Return Gemini's signature of a call, where Google's compatible server gives one."""
    google = read_object(read_object(call, "extra_content"), "google")
    return read_text(google, "thought_signature") or None


def read_arguments(value: object) -> str:
    """Return arguments as JSON text."""
    if isinstance(value, str):
        return value
    return "" if value is None else dump_json(value).decode()


def build_citation(annotation: object) -> Citation | None:
    """Return what an annotation says; only those of URLs are known."""
    if not isinstance(annotation, dict):
        return None
    inner = read_object(annotation, "url_citation")
    start, end = inner.get("start_index"), inner.get("end_index")
    return Citation(
        url=read_text(inner, "url") or None,
        title=read_text(inner, "title") or None,
        quote=read_text(inner, "content") or None,
        start=check_count(start),
        end=check_count(end),
        raw=annotation,
        origin=Family.OPENAI,
    )


def _iter_thoughts(message: Json) -> Iterator[Part]:
    details = message.get("reasoning_details")
    if isinstance(details, list) and details:
        try:
            yield from parse_details(details, "")
        except MalformedRequestError:
            pass
        else:
            return
    text = read_text(message, "reasoning_content") or read_text(message, "reasoning")
    if text:
        yield Reasoning(text)


def _iter_content(message: Json) -> Iterator[Part]:
    content = message.get("content")
    notes = message.get("annotations")
    found = [build_citation(note) for note in notes] if isinstance(notes, list) else []
    citations = tuple(note for note in found if note is not None)
    if isinstance(content, str) and content:
        yield Text(content, citations=citations)
    elif isinstance(content, list):
        for kind, text in iter_pieces(content):
            yield Reasoning(text) if kind == "thinking" else Text(text)


def iter_pieces(content: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield Mistral's content: (text or thinking, its text)."""
    for piece in content:
        if not isinstance(piece, dict):
            continue
        if piece.get("type") == "thinking":
            inner = piece.get("thinking")
            texts = [text for _, text in iter_pieces(inner)] if isinstance(inner, list) else [inner]
            yield "thinking", "".join(text for text in texts if isinstance(text, str))
        elif isinstance(piece.get("text"), str):
            yield "text", piece["text"]


def _iter_image(image: object) -> Iterator[Part]:
    """Yield an image that OpenRouter's models have made."""
    url = read_text(read_object(image if isinstance(image, dict) else {}, "image_url"), "url")
    try:
        if url:
            yield Image(parse_data_url(url, ""))
    except MalformedRequestError:
        return
