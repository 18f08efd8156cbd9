"""An answer of Converse, whole; its counts, ends and errors, which its stream has too.

Source: API reference of Converse; recorded traffic for what it does not name.

Rule: what the vendor runs itself (`server_tool_use`) is no call for the client to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
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
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import dump_arguments, load_exact
from gateway.dialects.hub.provided import list_objects, read_text
from gateway.dialects.spec import (
    StreamFailure,
    Usage,
    add_counts,
    build_counts,
    check_count,
    load_object,
    read_count,
    read_object,
)
from gateway.errors import UpstreamMalformedError

Json = Mapping[str, Any]

_FINISHES: Final[Mapping[str, Finish]] = MappingProxyType(
    {
        "end_turn": Finish.STOP,
        "stop_sequence": Finish.STOP_SEQUENCE,
        "max_tokens": Finish.LENGTH,
        "tool_use": Finish.TOOL_CALLS,
        "guardrail_intervened": Finish.FILTERED,
        "content_filtered": Finish.FILTERED,
        "model_context_window_exceeded": Finish.CONTEXT,
        "malformed_model_output": Finish.FAILED,
        "malformed_tool_use": Finish.FAILED,
        "refusal": Finish.REFUSED,
        "pause_turn": Finish.PAUSED,
    }
)
# Those that the hub has a word for that says as much.
_PLAIN: Final = frozenset({"end_turn", "stop_sequence", "max_tokens", "tool_use"})
# Where an exception comes in a stream there is no status beside it; and a quota is told as 400,
# although it is one of those errors that pass.
_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "validationexception": 400,
        "accessdeniedexception": 403,
        "resourcenotfoundexception": 404,
        "modeltimeoutexception": 408,
        "modelerrorexception": 424,
        "modelstreamerrorexception": 424,
        "throttlingexception": 429,
        "modelnotreadyexception": 429,
        "servicequotaexceededexception": 429,
        "internalserverexception": 500,
        "serviceunavailableexception": 503,
    }
)
# Only Claude signs and encrypts its thoughts; the answer does not name its model.
ORIGIN: Final = Family.ANTHROPIC
SERVER_TOOL: Final = "server_tool_use"


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer.

    Raises:
        UpstreamMalformedError: it is none.
    """
    value = load_exact(body)
    if value is None:
        raise UpstreamMalformedError("the answer is not a JSON object")
    message = read_object(read_object(value, "output"), "message")
    content = message.get("content")
    if not isinstance(content, list):
        raise UpstreamMalformedError("the answer has no message")
    parts = tuple(parse_block(block) for block in content if isinstance(block, dict))
    finish, sequence, detail = parse_finish(value)
    return ChatAnswer(
        id="",
        model="",
        choices=(Choice(parts, finish, stop_sequence=sequence, detail=detail),),
        usage=parse_usage(value),
        service_tier=parse_tier(value),
    )


def parse_block(block: Json) -> Part:
    """Read one block of content; what has no name here comes as it is."""
    for kind, value in block.items():
        parse = _BLOCKS.get(kind)
        part = None if parse is None else parse(value)
        if part is not None:
            return part
    return Opaque(Family.OTHER, next(iter(block), "unknown"), block)


def _parse_text(value: Any) -> Part | None:
    return Text(value) if isinstance(value, str) else None


def _parse_call(value: Any) -> Part | None:
    if not isinstance(value, dict) or value.get("type") == SERVER_TOOL:
        return None
    return ToolCall(
        read_text(value, "toolUseId"), read_text(value, "name"), dump_arguments(value.get("input"))
    )


def _parse_reasoning(value: Any) -> Part | None:
    if not isinstance(value, dict):
        return None
    redacted = value.get("redactedContent")
    if isinstance(redacted, str):
        return Reasoning(encrypted=redacted, redacted=True, origin=ORIGIN)
    told = read_object(value, "reasoningText")
    signature = told.get("signature")
    return Reasoning(
        read_text(told, "text"),
        signature=signature if isinstance(signature, str) else None,
        origin=ORIGIN,
    )


def _parse_cited(value: Any) -> Part | None:
    if not isinstance(value, dict):
        return None
    texts = [read_text(one, "text") for one in list_objects(value, "content")]
    return Text("".join(texts), tuple(map(parse_citation, list_objects(value, "citations"))))


def _parse_image(value: Any) -> Part | None:
    data = read_object(value, "source").get("bytes") if isinstance(value, dict) else None
    if not isinstance(data, str):
        return None
    return Image(Media(f"image/{read_text(value, 'format') or 'png'}", data))


_BLOCKS: Final[Mapping[str, Callable[[Any], Part | None]]] = MappingProxyType(
    {
        "text": _parse_text,
        "toolUse": _parse_call,
        "reasoningContent": _parse_reasoning,
        "citationsContent": _parse_cited,
        "image": _parse_image,
    }
)


def parse_citation(value: Json) -> Citation:
    """Read what a text rests on: a document, a page of the web, a result of a search."""
    quote = "".join(read_text(one, "text") for one in list_objects(value, "sourceContent"))
    web = read_object(read_object(value, "location"), "web")
    return Citation(
        url=read_text(web, "url") or None,
        title=read_text(value, "title") or None,
        quote=quote or None,
        raw=value,
    )


def parse_finish(value: Json) -> tuple[Finish | None, str | None, str | None]:
    """Read why an answer ends: the hub's word, the stop sequence, the vendor's own word."""
    reason = value.get("stopReason")
    if not isinstance(reason, str):
        return None, None, None
    sequence = read_object(value, "additionalModelResponseFields").get("stop_sequence")
    return (
        _FINISHES.get(reason, Finish.STOP),
        sequence if isinstance(sequence, str) else None,
        None if reason in _PLAIN else reason,
    )


def parse_usage(value: Json) -> Usage | None:
    """Read the counts of an answer or of a stream's `metadata`: input leaves the cache out."""
    usage = read_object(value, "usage")
    if not usage:
        return None
    read, written = (
        read_count(usage, "cacheReadInputTokens"),
        read_count(usage, "cacheWriteInputTokens"),
    )
    fresh = read_count(usage, "inputTokens")
    found = build_counts(
        None if fresh is None else add_counts(fresh, read, written),
        usage.get("outputTokens"),
        read,
        written,
    )
    hour = [
        check_count(one.get("inputTokens"))
        for one in list_objects(usage, "cacheDetails")
        if one.get("ttl") == "1h"
    ]
    return found._replace(cache_write_1h_tokens=add_counts(*hour)) if hour else found


def parse_count(body: bytes) -> int:
    """Read the answer of CountTokens.

    Raises:
        UpstreamMalformedError: it holds no count.
    """
    count = read_count(load_object(body) or {}, "inputTokens")
    if count is None:
        raise UpstreamMalformedError("the answer holds no count of tokens")
    return count


def parse_tier(value: Json) -> str | None:
    """Read which service tier has answered."""
    return read_text(read_object(value, "serviceTier"), "type") or None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> StreamFailure:
    """Read an answer with a bad status; the kind stands in a header, mostly."""
    value = load_object(body) or {}
    kind = headers.get("x-amzn-errortype") or read_text(value, "__type")
    # Such as "ValidationException:http://internal.amazon.com/coral/" and "ns#ValidationException".
    return build_failure(kind.partition(":")[0].rpartition("#")[2], value, body, status)


def build_failure(kind: str, value: Json, body: bytes, status: int | None = None) -> StreamFailure:
    """Return an error by its kind; the kind's own status goes before the one it came with."""
    message = read_text(value, "message") or read_text(value, "Message")
    found = _STATUSES.get(kind.lower())
    original = value.get("originalStatusCode")
    if found is None and status is None and type(original) is int:
        status = original
    return StreamFailure(found or status, kind or "error", message, body)
