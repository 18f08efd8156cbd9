"""A whole answer for a client, and the pieces that its stream is written with too.

Source: the Generative Language API's reference, `GenerateContentResponse`; google-genai 3.4's
types; recordings.

What no part can say is said as text (a refusal, what was spoken); parts that only another vendor
knows are text where they hold some, else the candidate's finishMessage names them. Thoughts are
shown only to who asked for them, as Google does it; what their vendor wants back travels in the
signature of the part behind them.

Rule: a candidate ends in a word of Google's; the counts are the provider's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gateway.dialects.gemini.logprobs import dump_logprobs
from gateway.dialects.gemini.thoughts import is_own, is_worth, pack
from gateway.dialects.hub import (
    Asked,
    Audio,
    ChatAnswer,
    Choice,
    Citation,
    Document,
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
    Video,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.carry import build_id
from gateway.dialects.spec import Usage

Json = dict[str, Any]
_ID_LENGTH: Final = 16
_REASONS: Final = {
    Finish.STOP: "STOP",
    Finish.STOP_SEQUENCE: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.CONTEXT: "MAX_TOKENS",
    Finish.TOOL_CALLS: "STOP",
    Finish.FILTERED: "SAFETY",
    Finish.REFUSED: "SAFETY",
    Finish.PAUSED: "OTHER",
    Finish.FAILED: "OTHER",
}
# Google's own words for an end that the hub has a coarser one for.
FILTER_REASONS: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
        "ESCALATION",
        "JAILBREAK",
    }
)
FAILURE_REASONS: Final = frozenset(
    {
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
_OWN_REASONS: Final = {Finish.FILTERED: FILTER_REASONS, Finish.FAILED: FAILURE_REASONS}
BLOCK_REASONS: Final = frozenset(
    {
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
        "JAILBREAK",
    }
)


def dump_answer(answer: ChatAnswer, asked: Asked) -> Json:
    """Return the body of a whole answer."""
    body: Json = {}
    if is_blocked(answer.choices):
        body["promptFeedback"] = dump_block(answer.choices[0].detail)
    else:
        body["candidates"] = [_dump_choice(choice, asked) for choice in answer.choices]
    if answer.usage is not None:
        body["usageMetadata"] = dump_usage(answer.usage)
    return body | dump_names(answer.id, answer.model, asked)


def dump_names(answer_id: str, model: str, asked: Asked) -> Json:
    """Return what an answer is called."""
    return {
        "modelVersion": model or asked.request.model,
        "responseId": answer_id or build_id("", asked.request_id, length=_ID_LENGTH),
    }


def is_blocked(choices: Sequence[Choice]) -> bool:
    """Tell whether a filter let nothing through, not even an empty candidate."""
    return len(choices) == 1 and not choices[0].parts and choices[0].finish is Finish.FILTERED


def dump_block(detail: str | None) -> Json:
    """Return why there is no candidate."""
    return {"blockReason": detail if detail in BLOCK_REASONS else "SAFETY"}


def _dump_choice(choice: Choice, asked: Asked) -> Json:
    waiting: list[Reasoning] = []
    parts: list[Json] = []
    for number, part in enumerate(choice.parts):
        parts += dump_part(part, asked, choice.index, number, waiting)
    parts += dump_rest(waiting)
    candidate: Json = {"content": {"parts": parts, "role": "model"}}
    if choice.finish is not None:
        left_out = [
            part.kind for part in choice.parts if isinstance(part, Opaque) and is_left_out(part)
        ]
        refused = any(isinstance(part, Refusal) for part in choice.parts)
        candidate |= dump_end(choice.finish, choice.detail, left_out, refused=refused)
    citations = list(_list_citations(choice.parts))
    if citations:
        candidate["citationMetadata"] = {"citations": citations}
    if choice.logprobs is not None:
        candidate |= dump_logprobs(choice.logprobs)
    return candidate | {"index": choice.index}


def dump_end(finish: Finish, detail: str | None, left_out: Sequence[str], *, refused: bool) -> Json:
    """Return why a candidate ends, and what of it could not be shown.

    Args:
        finish: the hub's reason.
        detail: the vendor's.
        left_out: kinds of parts that the format has no place for.
        refused: the model has said no: servers call that a plain stop.
    """
    if refused and finish is Finish.STOP:
        finish = Finish.REFUSED
    own = detail is not None and detail in _OWN_REASONS.get(finish, ())
    end: Json = {"finishReason": detail if own else _REASONS[finish]}
    remarks = [detail] if detail and not own and finish not in _PLAIN_ENDS else []
    if left_out:
        remarks.append(f"Left out, of another vendor's form: {', '.join(left_out)}.")
    if remarks:
        end["finishMessage"] = " ".join(remarks)
    return end


_PLAIN_ENDS: Final = frozenset({Finish.STOP, Finish.TOOL_CALLS, Finish.LENGTH})


def dump_part(
    part: Part, asked: Asked, choice: int, number: int, waiting: list[Reasoning]
) -> Iterator[Json]:
    """Yield the parts that a whole part of an answer is shown as.

    Args:
        part: the part.
        asked: what the client asked for.
        choice: the candidate's number.
        number: the part's.
        waiting: foreign thoughts that the next part is to carry; added to and emptied.
    """
    if isinstance(part, Reasoning):
        shown = dump_thought(part, asked)
        if shown is not None:
            yield shown
        if not is_own(part) and is_worth(part):
            waiting.append(part)
        return
    for shown in _show(part, asked, choice, number):
        yield carry(shown, waiting)


def carry(shown: Json, waiting: list[Reasoning]) -> Json:
    """Return a part with the thoughts that wait for one; its own signature goes first."""
    if waiting and "thoughtSignature" not in shown:
        shown["thoughtSignature"] = pack(waiting)
        waiting.clear()
    return shown


def dump_rest(waiting: list[Reasoning]) -> list[Json]:
    """Return a part that carries what no other part did; Google's last one is empty too."""
    return [carry({"text": ""}, waiting)] if waiting else []


def shows_thoughts(asked: Asked) -> bool:
    """Tell whether the client wants to see thoughts."""
    reasoning = asked.request.reasoning
    return reasoning is not None and reasoning.show is True


def dump_thought(part: Reasoning, asked: Asked) -> Json | None:
    """Return what is shown of thoughts."""
    text = "\n\n".join(part.texts) if part.texts else part.text
    if not shows_thoughts(asked) or not (text or part.signature):
        return None
    shown: Json = {"text": text, "thought": True}
    if is_own(part) and part.signature is not None:
        shown["thoughtSignature"] = part.signature
    return shown if text or "thoughtSignature" in shown else None


def dump_call(call: ToolCall, asked: Asked, choice: int, number: int) -> Json:
    """Return a whole call."""
    made = build_id("", asked.request_id, "call", choice, number, length=_ID_LENGTH)
    arguments = {"input": call.arguments} if call.custom else parse_arguments(call.arguments)
    return _sign(
        {"functionCall": {"id": call.id or made, "name": call.name, "args": arguments}},
        call.signature,
    )


def _sign(part: Json, signature: str | None) -> Json:
    if signature is not None:
        part["thoughtSignature"] = signature
    return part


def _show(part: Part, asked: Asked, choice: int, number: int) -> Iterator[Json]:
    if isinstance(part, Text | Refusal):
        if part.text or getattr(part, "signature", None):
            yield _sign({"text": part.text}, getattr(part, "signature", None))
    elif isinstance(part, ToolCall):
        yield dump_call(part, asked, choice, number)
    elif isinstance(part, Image | Audio | Video | Document):
        shown = _dump_media(part.media)
        if shown is not None:
            yield shown
        if isinstance(part, Audio) and part.transcript:
            yield {"text": part.transcript}
    elif isinstance(part, Opaque):
        if part.family is Family.GEMINI:
            yield dict(part.value)
        elif text := _find_text(part):
            yield {"text": text}


def _dump_media(media: Media) -> Json | None:
    if media.data is not None:
        kind = media.media_type or "application/octet-stream"
        return {"inlineData": {"mimeType": kind, "data": media.data}}
    uri = media.url or media.file_id
    if uri is not None:
        return {"fileData": {"mimeType": media.media_type or "", "fileUri": uri}}
    return None if media.text is None else {"text": media.text}


def is_left_out(part: Opaque) -> bool:
    """Tell whether nothing of a part can be shown."""
    return part.family is not Family.GEMINI and not _find_text(part)


def _find_text(part: Opaque) -> str:
    text = part.value.get("text")
    return text if isinstance(text, str) else ""


def _list_citations(parts: Iterable[Part]) -> Iterator[Json]:
    before = ""
    for part in parts:
        if isinstance(part, Text):
            for citation in part.citations:
                yield dump_citation(citation, before, part.text)
            before += part.text
        elif isinstance(part, Refusal):
            before += part.text


def dump_citation(citation: Citation, before: str, text: str) -> Json:
    """Return a citation; its places are counted in bytes of the candidate's whole text.

    Args:
        citation: with places in `text`.
        before: the candidate's text before the part.
        text: the part's.
    """
    shown: Json = {}
    if citation.start is not None and citation.end is not None:
        shown["startIndex"] = _count_bytes(before + text[: citation.start])
        shown["endIndex"] = _count_bytes(before + text[: citation.end])
    if citation.url is not None:
        shown["uri"] = citation.url
    if citation.title is not None:
        shown["title"] = citation.title
    return shown


def _count_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def dump_usage(usage: Usage) -> Json:
    """Return counts as Google has them: thoughts apart from the rest of the output."""
    thoughts = usage.reasoning_tokens or 0
    output = usage.output_tokens or 0
    counts: Json = {
        "promptTokenCount": usage.input_tokens or 0,
        "candidatesTokenCount": max(0, output - thoughts),
        "totalTokenCount": (usage.input_tokens or 0) + output,
    }
    if usage.cache_read_tokens:
        counts["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens is not None:
        counts["thoughtsTokenCount"] = thoughts
    for name, whole, audio in (
        ("promptTokensDetails", usage.input_tokens, usage.audio_input_tokens),
        ("candidatesTokensDetails", output - thoughts, usage.audio_output_tokens),
    ):
        if audio:
            counts[name] = [
                {"modality": "TEXT", "tokenCount": max(0, (whole or 0) - audio)},
                {"modality": "AUDIO", "tokenCount": audio},
            ]
    return counts
