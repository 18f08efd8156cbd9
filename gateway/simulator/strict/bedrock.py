"""What Bedrock's Converse refuses.

Source: the service model of botocore (bedrock-runtime), the user guide and the service's answers
to wrong requests, 2026-11.

Rule: stricter than the service in one thing: a field that it does not know, the service may pass
over; here it is refused, since a lost field is a fault of the caller.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from gateway.simulator.anthropic_messages import SEAL
from gateway.simulator.bedrock import VENDOR
from gateway.simulator.bedrock_question import list_blocks, wants_thinking
from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.media import decode, find_type
from gateway.simulator.seals import is_sealed
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    Fault,
    Fields,
    Flaw,
    Many,
    Number,
    Path,
    Shape,
    Text,
    fields,
)


class Union:
    """An object with exactly one of these fields (a union of the service model)."""

    def __init__(self, *beside: str, **members: Shape) -> None:
        self._members = members
        self._fields = Fields(members | dict.fromkeys(beside, ANY))

    def takes(self, value: Any) -> bool:
        """Take objects."""
        return isinstance(value, dict)

    def find(self, value: Any, path: Path) -> Flaw | None:
        """Find an unknown member, none or several, or the flaw of the one."""
        flaw = self._fields.find(value, path)
        if flaw is not None:
            return flaw
        given = [name for name in value if name in self._members]
        return None if len(given) == 1 else Flaw(Fault.VALUE, path, tuple(self._members), given)


_CACHE = fields("type", type=Text(one_of=("default",)), ttl=TEXT)
_S3 = fields("uri", uri=TEXT, bucketOwner=TEXT)
_IMAGE = fields(
    "format",
    "source",
    format=Text(one_of=("png", "jpeg", "gif", "webp")),
    source=Union(bytes=TEXT, s3Location=_S3),
)
_FORMATS = ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")
_DOCUMENT = fields(
    "name",
    "source",
    format=Text(one_of=_FORMATS),
    name=Text(pattern=r"[a-zA-Z0-9 \-\(\)\[\]]{1,200}"),
    source=Union(bytes=TEXT, s3Location=_S3, text=TEXT, content=Many(OBJECT)),
    context=TEXT,
    citations=fields("enabled", enabled=FLAG),
)
_VIDEO = fields("format", "source", format=TEXT, source=Union(bytes=TEXT, s3Location=_S3))
_TOOL_NAME = Text(pattern="[a-zA-Z0-9_-]{1,64}")
_TOOL_ID = Text(pattern="[a-zA-Z0-9_.:-]{1,64}")
_RESULT_CONTENT = Union(
    "cachePoint",
    text=TEXT,
    json=OBJECT,
    image=_IMAGE,
    document=_DOCUMENT,
    video=_VIDEO,
    searchResult=OBJECT,
)
_TOOL_USE = fields(
    "toolUseId", "name", "input", toolUseId=_TOOL_ID, name=_TOOL_NAME, input=OBJECT, type=TEXT
)
_TOOL_RESULT = fields(
    "toolUseId",
    "content",
    toolUseId=_TOOL_ID,
    content=Many(_RESULT_CONTENT),
    status=Text(one_of=("success", "error")),
    type=TEXT,
)
_REASONING = Union(reasoningText=fields("text", text=TEXT, signature=TEXT), redactedContent=TEXT)
_BLOCK = Union(
    text=TEXT,
    image=_IMAGE,
    document=_DOCUMENT,
    video=_VIDEO,
    audio=OBJECT,
    toolUse=_TOOL_USE,
    toolResult=_TOOL_RESULT,
    reasoningContent=_REASONING,
    cachePoint=_CACHE,
    guardContent=OBJECT,
    citationsContent=OBJECT,
    searchResult=OBJECT,
)
_MESSAGES = Many(
    fields(
        "role", "content", role=Text(one_of=("user", "assistant")), content=Many(_BLOCK, least=1)
    ),
    least=1,
)
_SPEC = fields(
    "name",
    "inputSchema",
    name=_TOOL_NAME,
    description=Text(least=1),
    inputSchema=fields("json", json=OBJECT),
    strict=FLAG,
)
_TOOL_CONFIG = fields(
    "tools",
    tools=Many(Union(toolSpec=_SPEC, systemTool=OBJECT, cachePoint=_CACHE), least=1),
    toolChoice=Union(auto=fields(), any=fields(), tool=fields("name", name=_TOOL_NAME)),
)
BODY = fields(
    "messages",
    messages=_MESSAGES,
    system=Many(Union(text=Text(least=1), guardContent=OBJECT, cachePoint=_CACHE)),
    inferenceConfig=fields(
        maxTokens=Number(1, whole=True),
        temperature=Number(0, 1),
        topP=Number(0, 1),
        stopSequences=Many(Text(least=1), most=2500),
    ),
    toolConfig=_TOOL_CONFIG,
    guardrailConfig=OBJECT,
    additionalModelRequestFields=OBJECT,
    additionalModelResponseFieldPaths=Many(TEXT),
    promptVariables=OBJECT,
    requestMetadata=OBJECT,
    performanceConfig=fields(latency=Text(one_of=("standard", "optimized"))),
    serviceTier=OBJECT,
    outputConfig=fields(
        textFormat=fields(
            "type",
            "structure",
            type=Text(one_of=("json_schema",)),
            structure=Union(
                jsonSchema=fields(
                    "schema", schema=Text(pattern=r"\{[\s\S]*\}"), name=TEXT, description=TEXT
                )
            ),
        )
    ),
)
"""A Converse request."""

_NO_TOOLS = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
_FIRST = (
    "A conversation must start with a user message. Try again with a conversation that starts with "
    "a user message."
)
_ALTERNATE = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation "
    "alternates between user and assistant roles and try again."
)
_LAST = (
    "This model does not support assistant message prefill. The conversation must end with a user "
    "message."
)


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Converse refuses."""
    flaw = BODY.find(inquiry.body, ())
    if flaw is not None:
        return _say_flaw(flaw)
    found = (rule(inquiry.body, inquiry.model) for rule in _RULES)
    return _say(next(filter(None, found), None))


def find_count_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that CountTokens refuses."""
    given = inquiry.body.get("input")
    flaw = fields("input", input=Union(converse=OBJECT, invokeModel=OBJECT)).find(inquiry.body, ())
    if flaw is not None:
        return _say_flaw(flaw)
    known = {name: BODY.known[name] for name in ("messages", "system", "toolConfig")}
    counted = Fields(known | {"additionalModelRequestFields": OBJECT})
    converse = given.get("converse") if isinstance(given, dict) else None
    flaw = None if converse is None else counted.find(converse, ())
    return None if flaw is None else _say_flaw(flaw)


def _say(message: str | None) -> Problem | None:
    return None if message is None else VENDOR.build_problem("invalid", detail=message)


def dump_path(path: Path) -> str:
    """Write a path as the service does: numbers behind dots."""
    return ".".join(str(step) for step in path)


def _say_flaw(flaw: Flaw) -> Problem:
    where, name = dump_path(flaw.path), flaw.path[-1] if flaw.path else ""
    if flaw.fault is Fault.TYPE:
        kind = type(flaw.given).__name__
        return VENDOR.build_problem(
            "mistyped", detail=f"{kind} can not be converted to {flaw.noun}"
        )
    if flaw.fault is Fault.UNKNOWN:
        pointer = "/".join(map(str, ("#", *flaw.path[:-1])))
        detail = (
            f"Malformed input request: {pointer}: extraneous key [{name}] is not permitted, please "
            "reformat your input and try again."
        )
        return VENDOR.build_problem("invalid", detail=detail)
    wants = {
        Fault.MISSING: "Member must not be null",
        Fault.BELOW: f"Member must have value greater than or equal to {flaw.limit}",
        Fault.ABOVE: f"Member must have value less than or equal to {flaw.limit}",
        Fault.LONG: f"Member must have length less than or equal to {flaw.limit}",
        Fault.SHORT: f"Member must have length greater than or equal to {flaw.limit}",
        Fault.PATTERN: f"Member must satisfy regular expression pattern: {flaw.limit}",
        Fault.VALUE: f"Member must satisfy enum value set: {flaw.limit}",
    }
    given = "null" if flaw.fault is Fault.MISSING else flaw.given
    detail = (
        f"1 validation error detected: Value '{given}' at '{where}' failed to satisfy constraint: "
        f"{wants[flaw.fault]}"
    )
    return VENDOR.build_problem("invalid", detail=detail)


def _iterate_all(body: Json) -> Iterator[tuple[int, int, Json]]:
    for index, message in enumerate(body["messages"]):
        for place, block in enumerate(list_blocks(message)):
            yield index, place, block


def _find_turn_flaw(body: Json, model: str) -> str | None:
    roles = [message["role"] for message in body["messages"]]
    if roles[0] != "user":
        return _FIRST
    if any(one == other for one, other in itertools.pairwise(roles)):
        return _ALTERNATE
    return _LAST if roles[-1] == "assistant" and "claude" not in model else None


def _find_text_flaw(body: Json, _model: str) -> str | None:
    for index, place, block in _iterate_all(body):
        alone = len(body["messages"][index]["content"]) == 1
        if "text" in block and not (block["text"].strip() if alone else block["text"]):
            where = f"messages.{index}.content.{place}"
            return (
                f"The text field in the ContentBlock object at {where} is blank. Add text to the "
                "text field, and try again."
            )
    return None


def _find_tool_flaw(body: Json, _model: str) -> str | None:
    config = body.get("toolConfig") or {}
    blocks = [block for _, _, block in _iterate_all(body)]
    used = any("toolUse" in block or "toolResult" in block for block in blocks)
    if used and not config:
        return _NO_TOOLS
    names = [one["toolSpec"]["name"] for one in config.get("tools") or [] if "toolSpec" in one]
    if len(set(names)) < len(names):
        return "The tool names in toolConfig must be unique."
    named = ((config.get("toolChoice") or {}).get("tool") or {}).get("name")
    if named is not None and named not in names:
        return f"The tool {named} in toolChoice is not defined in toolConfig."
    for one in config.get("tools") or []:
        schema = (one.get("toolSpec") or {}).get("inputSchema", {}).get("json", {"type": "object"})
        if schema.get("type") != "object":
            return (
                "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of "
                "the following: object."
            )
    return None


def _find_result_flaw(body: Json, _model: str) -> str | None:
    """Find calls that the next turn does not answer, or answers nobody asked for."""
    calls: list[str] = []
    for index, message in enumerate(body["messages"]):
        blocks = list_blocks(message)
        results = [block["toolResult"] for block in blocks if "toolResult" in block]
        ids = [result["toolUseId"] for result in results]
        if message["role"] == "user":
            missing = [call for call in calls if call not in ids]
            if missing:
                return (
                    f"Expected toolResult blocks at messages.{index}.content for the following "
                    f"Ids: {', '.join(missing)}"
                )
            if len(ids) > len(calls) or set(ids) - set(calls):
                return (
                    f"The number of toolResult blocks at messages.{index}.content exceeds the "
                    "number of toolUse blocks of previous turn."
                )
        for result in results:
            if result.get("status") == "error" and not result["content"]:
                return (
                    f"The content field at messages.{index}.content.0.toolResult cannot be empty "
                    "when status value is error."
                )
        calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        if message["role"] == "assistant":
            answered = {one["toolUseId"] for one in results}
            calls = [call for call in calls if call not in answered]
    return None


def _find_media_flaw(body: Json, _model: str) -> str | None:
    for index, place, block in _iterate_all(body):
        inner = block.get("toolResult", {}).get("content") or []
        for one in (block, *inner):
            for kind in ("image", "document", "video"):
                source = (one.get(kind) or {}).get("source") or {}
                if "bytes" in source and not decode(source["bytes"]):
                    return f"Invalid base64 at messages.{index}.content.{place}.{kind}.source.bytes"
            if "image" in one and "bytes" in one["image"]["source"]:
                found = find_type(decode(one["image"]["source"]["bytes"]) or b"")
                if found not in {None, f"image/{one['image']['format']}"}:
                    return (
                        "The model returned the following errors: Could not process image: the "
                        f"image appears to be a {found} image"
                    )
            if "document" in block and not any(
                "text" in one for one in list_blocks(body["messages"][index])
            ):
                return (
                    "Your request includes a document but no text. A text block must be included "
                    "when using documents."
                )
    return None


def _find_thinking_flaw(body: Json, model: str) -> str | None:
    extra = body.get("additionalModelRequestFields") or {}
    thinking = extra.get("thinking") or extra.get("reasoning_config") or {}
    settings = body.get("inferenceConfig") or {}
    told = "The model returned the following errors: "
    if "claude" not in model or not wants_thinking(extra):
        return None
    budget = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled" and (budget or 0) < 1024:  # noqa: PLR2004 - as Anthropic
        return (
            f"{told}thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    if budget is not None and budget >= (settings.get("maxTokens") or budget + 1):
        return f"{told}`max_tokens` must be greater than `thinking.budget_tokens`."
    if settings.get("temperature") not in {None, 1}:
        return f"{told}`temperature` may only be set to 1 when thinking is enabled."
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    if "any" in choice or "tool" in choice:
        return f"{told}Thinking may not be enabled when tool_choice forces tool use."
    return None


def _find_seal_flaw(body: Json, model: str) -> str | None:
    for index, place, block in _iterate_all(body):
        told = (block.get("reasoningContent") or {}).get("reasoningText")
        if not told or "claude" not in model:
            continue
        if not is_sealed(SEAL, told.get("signature"), told["text"]):
            return (
                f"The model returned the following errors: messages.{index}.content.{place}: "
                "Invalid `signature` in `thinking` block"
            )
    return None


_RULES: tuple[Callable[[Json, str], str | None], ...] = (
    _find_turn_flaw,
    _find_text_flaw,
    _find_tool_flaw,
    _find_result_flaw,
    _find_media_flaw,
    _find_thinking_flaw,
    _find_seal_flaw,
)
