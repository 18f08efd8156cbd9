"""A provider's whole answer, and its errors, into the hub.

Rule: what compatible servers leave out or write otherwise is read as it was meant; only what is no
answer at all is malformed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
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
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.openai import build_failure, build_usage, find_failure
from gateway.dialects.openai_chat.details import find_signature, parse_details
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
    "eos_token": Finish.STOP,  # TGI's
    "stop_sequence": Finish.STOP_SEQUENCE,
    "end_turn": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.CONTEXT,  # Mistral's
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.FILTERED,
    "sensitive": Finish.FILTERED,  # Z.ai's
    "error": Finish.FAILED,
    "network_error": Finish.FAILED,  # Z.ai's
    "insufficient_system_resource": Finish.FAILED,  # DeepSeek's
    "abort": Finish.FAILED,  # vLLM's and SGLang's
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
            _cite(_build_choice(choice, index), find_sources(value))
            for index, choice in enumerate(choices)
            if isinstance(choice, dict)
        ),
        usage=read_usage(value),
        created_s=check_count(value.get("created")),
        service_tier=read_text(value, "service_tier") or None,
    )


def parse_error(status: int, _headers: Mapping[str, str], body: bytes) -> StreamFailure:
    """Return what a provider says with a bad status."""
    data = body.strip()
    if data[:1] == b"[":  # Google's compatible server puts its error into a list
        data = data[1:].rstrip(b"] \t\r\n")
    value = load_object(data) or {}
    failure = find_failure(value, body)
    if failure is None:
        words = _read_detail(value) or ("" if data[:1] == b"<" else _cut(data))
        failure = build_failure({"message": words, "code": value.get("code")}, body)
    message = failure.message or f"the provider answered with status {status}"
    return StreamFailure(status, failure.code, message, body)


def _read_detail(value: Json) -> str:
    """Return the words of an error without `error`: FastAPI's `detail`, or a message."""
    for name in ("detail", "message", "error_msg", "msg"):
        found = value.get(name)
        if isinstance(found, list):  # one object for each field
            said = [one.get("msg", one) if isinstance(one, dict) else one for one in found]
            return "; ".join(map(str, said))
        if isinstance(found, str) and found:
            return found
    return ""


def _cut(data: bytes) -> str:
    return data[:_MOST_WORDS_BYTES].decode(errors="replace")


_MOST_WORDS_BYTES: Final = 500  # of an error that is no JSON: a sentence or two


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


def find_sources(value: Json) -> tuple[Citation, ...]:
    """Return what Perplexity's answers rest on: it stands beside the choices, for all of them."""
    results, urls = value.get("search_results"), value.get("citations")
    if isinstance(results, list):
        found = [one for one in results if isinstance(one, dict)]
        return tuple(
            Citation(url=read_text(one, "url") or None, title=read_text(one, "title") or None)
            for one in found
        )
    given = urls if isinstance(urls, list) else ()
    return tuple(Citation(url=url) for url in given if isinstance(url, str) and url)


def _cite(choice: Choice, sources: tuple[Citation, ...]) -> Choice:
    last = choice.parts[-1] if choice.parts else None
    if not sources or not isinstance(last, Text):
        return choice
    cited = replace(last, citations=last.citations + sources)
    return replace(choice, parts=(*choice.parts[:-1], cited))


def find_finish(reason: object, *, called: bool, refused: bool = False) -> Finish | None:
    """Return why an answer ends.

    Some servers say `stop` although tools are called, or that they are although none is; all of
    them say it of a refusal.
    """
    if not isinstance(reason, str) or not reason:
        return None
    finish = FINISHES.get(reason, Finish.STOP)
    if called and finish is Finish.STOP:
        return Finish.TOOL_CALLS
    if refused and finish is Finish.STOP:
        return Finish.REFUSED
    return Finish.STOP if finish is Finish.TOOL_CALLS and not called else finish


def _build_choice(choice: Json, position: int) -> Choice:
    message = read_object(choice, "message")
    parts = tuple(iter_parts(message))
    index = choice.get("index")
    logprobs = choice.get("logprobs")
    called = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    reason = choice.get("finish_reason")
    return Choice(
        parts,
        find_finish(reason, called=called, refused=refused),
        index=index if type(index) is int else position,
        detail=find_detail(reason),
        logprobs=logprobs if isinstance(logprobs, dict) else None,
    )


def find_detail(reason: object) -> str | None:
    """Return a vendor's own word for the end where it says more than the hub's."""
    return reason if isinstance(reason, str) and reason and reason not in FINISHES else None


def iter_parts(message: Json) -> Iterator[Part]:
    """Yield the parts of a whole message: thoughts, text, what else, calls."""
    thoughts, signatures = _split_thoughts(message)
    yield from thoughts
    yield from _iter_content(message)
    refusal = read_text(message, "refusal")
    if refusal:
        yield Refusal(refusal)
    audio = read_object(message, "audio")
    if audio:
        data, words = read_text(audio, "data"), read_text(audio, "transcript")
        yield Audio(Media(data=data), transcript=words, id=read_text(audio, "id") or None)
    images = message.get("images")
    for image in images if isinstance(images, list) else ():
        yield from _iter_image(image)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield build_call(call, signatures)
    function = read_object(message, "function_call")
    if function:
        name = read_text(function, "name")
        yield ToolCall("", name, read_arguments(function.get("arguments")))


def build_call(call: Json, signatures: Mapping[str, str]) -> ToolCall:
    """Return a call; some servers give arguments as an object, or no id."""
    call_id, custom = read_text(call, "id"), read_object(call, "custom")
    if custom:
        text = read_text(custom, "input")
        return ToolCall(call_id, read_text(custom, "name"), text, custom=True)
    function = read_object(call, "function")
    text = read_arguments(function.get("arguments"))
    signature = signatures.get(call_id) or find_signature(call)
    return ToolCall(call_id, read_text(function, "name"), text, signature=signature)


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


def _split_thoughts(message: Json) -> tuple[list[Reasoning], dict[str, str]]:
    """Return thoughts, and Gemini's signatures of calls, which OpenRouter gives among them."""
    details = message.get("reasoning_details")
    try:
        thoughts = list(parse_details(details, "")) if isinstance(details, list) else []
    except MalformedRequestError:
        thoughts = []
    if not any(thought.text for thought in thoughts):
        text = read_text(message, "reasoning_content") or read_text(message, "reasoning")
        thoughts = [Reasoning(text), *thoughts] if text else thoughts
    calls = message.get("tool_calls")
    ids = {read_text(call, "id") for call in calls or () if isinstance(call, dict)}
    bound = [one for one in thoughts if one.origin is Family.GEMINI and one.id in ids]
    signatures = {one.id: one.encrypted for one in bound if one.id and one.encrypted}
    return [one for one in thoughts if one not in bound], signatures


def _iter_content(message: Json) -> Iterator[Part]:
    content = message.get("content")
    notes = message.get("annotations")
    found = [build_citation(note) for note in notes] if isinstance(notes, list) else []
    citations = tuple(note for note in found if note is not None)
    if isinstance(content, list):
        yield from _join(iter_pieces(content))
    elif isinstance(content, str) and (content or citations):
        yield Text(content, citations=citations)


def _join(pieces: Iterable[Part]) -> Iterator[Part]:
    """Yield pieces with those of one kind behind each other as one, as a stream has them."""
    held: Part | None = None
    for piece in pieces:
        if isinstance(piece, Text) and isinstance(held, Text):
            held = Text(held.text + piece.text)
        elif isinstance(piece, Reasoning) and isinstance(held, Reasoning):
            held = Reasoning(held.text + piece.text)
        else:
            if held is not None:
                yield held
            held = piece
    if held is not None:
        yield held


def iter_pieces(content: list[Any]) -> Iterator[Part]:
    """Yield Mistral's content: texts, thoughts, and what else a piece is, unread."""
    for piece in content:
        if not isinstance(piece, dict):
            continue
        kind = read_text(piece, "type") or "text"
        if kind == "thinking":
            yield Reasoning(_read_thinking(piece.get("thinking")))
        elif kind == "image_url":
            yield from _iter_image(piece)
        elif isinstance(piece.get("text"), str):
            yield Text(piece["text"])
        elif kind != "text":
            yield Opaque(Family.OTHER, kind, piece)


def _read_thinking(inner: object) -> str:
    texts = inner if isinstance(inner, list) else [inner]
    found = [one.get("text") if isinstance(one, dict) else one for one in texts]
    return "".join(text for text in found if isinstance(text, str))


def _iter_image(image: object) -> Iterator[Part]:
    """Yield an image that OpenRouter's models have made."""
    url = read_text(read_object(image if isinstance(image, dict) else {}, "image_url"), "url")
    try:
        if url:
            yield Image(parse_data_url(url, ""))
    except MalformedRequestError:
        return
