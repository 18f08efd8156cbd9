"""What Anthropic's Messages refuse.

Source: Anthropic's API reference and its answers to wrong requests, 2026-11.

Rule: shapes first, then thinking and tools, then the conversation. Turns of one role in a row are
no flaw: the vendor joins them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.simulator.anthropic import VENDOR
from gateway.simulator.anthropic_messages import SEAL
from gateway.simulator.anthropic_question import list_blocks
from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.media import decode, find_type
from gateway.simulator.seals import is_sealed
from gateway.simulator.strict.anthropic_shape import BODY, COUNTED
from gateway.simulator.strict.pydantic_words import say_flaw
from gateway.simulator.strict.shapes import Fault, Fields, Flaw, Path

_MOST_BREAKPOINTS = 4
_LEAST_TOP_P = 0.95
"""Below it ``top_p`` is refused while thinking."""
_NEWER = re.compile(r"claude-(opus-4-[1-9]|sonnet-4-[5-9]|haiku-4-[5-9])(?!\d)")
"""Models that take only one of temperature and top_p."""
_ANSWERS = frozenset({"tool_result"})

_BUDGET = (
    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation "
    "at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
    "#max-tokens-and-context-window-size"
)
_WARM = (
    "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation "
    "at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
    "#important-considerations-when-using-extended-thinking"
)
_FORCED = "Thinking may not be enabled when tool_choice forces tool use."
_START = (
    "Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is enabled, a "
    "final `assistant` message must start with a thinking block (preceeding the lastmost set of "
    "`tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous "
    "turns. To avoid this requirement, disable `thinking`. Please consult our documentation at "
    "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)
_EMPTY = "all messages must have non-empty content except for the optional final assistant message"
_UNANSWERED = (
    "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
    "{ids}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
    "message."
)
_ORPHAN = (
    "messages.{index}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
    "{id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous "
    "message."
)


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Anthropic refuses in a request for a message."""
    return _find_problem(inquiry, BODY)


def find_count_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Anthropic refuses in a request for a count of tokens."""
    return _find_problem(inquiry, COUNTED)


def _find_problem(inquiry: Inquiry, shape: Fields) -> Problem | None:
    if "anthropic-version" not in inquiry.headers:
        return VENDOR.build_problem("no-version")
    flaw = shape.find(inquiry.body, ())
    if flaw is not None:
        return _say_flaw(flaw)
    messages = find_rule_flaw(inquiry.body, inquiry.model)
    return None if messages is None else _invalid(messages)


def find_rule_flaw(body: Json, model: str) -> str | None:
    """Find what a well-shaped request may not say, in Anthropic's words."""
    return next(filter(None, (rule(body, model) for rule in _RULES)), None)


def _invalid(message: str) -> Problem:
    return Problem(400, "invalid_request_error", message)


def _say_flaw(flaw: Flaw) -> Problem:
    if flaw.fault is Fault.SHORT and flaw.path == ("messages",):
        return VENDOR.build_problem("empty")
    if flaw.path == ("temperature",) and flaw.fault in {Fault.ABOVE, Fault.BELOW}:
        return _invalid("temperature: range: 0..1")
    path = flaw.path[:-1] if flaw.noun == "tag" else flaw.path
    return _invalid(f"{_dump_path(path)}: {say_flaw(flaw)[1]}")


def _dump_path(path: Path) -> str:
    """Write a path as Anthropic does: with the kind of each block and tool in it."""
    return ".".join(str(step).removeprefix("<") for step in path)


def _find_thinking_flaw(body: Json, _model: str) -> str | None:
    thinking = body.get("thinking") or {}
    if thinking.get("type") not in {"enabled", "adaptive"}:
        return None
    budget = thinking.get("budget_tokens") or 0
    if "max_tokens" in body and budget >= body["max_tokens"]:
        return _BUDGET
    if body.get("temperature") not in {None, 1}:
        return _WARM
    if body.get("top_k") is not None:
        return "`top_k` must be unset when thinking is enabled."
    if (body.get("top_p") or 1) < _LEAST_TOP_P:
        return "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    return _FORCED if forced else _find_start_flaw(body)


def _find_start_flaw(body: Json) -> str | None:
    """Find a last round of tools whose answer does not begin with its thought."""
    if (body.get("thinking") or {}).get("type") != "enabled":
        return None
    messages = body["messages"]
    rounds = [
        index
        for index, message in enumerate(messages)
        if message["role"] == "assistant" and index >= _find_prompt(messages)
    ]
    for index in rounds[:1]:
        blocks = list_blocks(messages[index])
        if blocks and blocks[0]["type"] not in {"thinking", "redacted_thinking"}:
            start = _START.format(kind=blocks[0]["type"])
            return f"messages.{index}.content.0.type: {start}"
    return None


def _find_prompt(messages: list[Json]) -> int:
    """Find the last message in which the user speaks and not only tools do."""
    spoken = [
        index
        for index, message in enumerate(messages)
        if message["role"] == "user"
        and any(block["type"] not in _ANSWERS for block in list_blocks(message))
        and not any(block["type"] in _ANSWERS for block in list_blocks(message))
    ]
    return spoken[-1] if spoken else 0


def _find_sampling_flaw(body: Json, model: str) -> str | None:
    both = body.get("temperature") is not None and body.get("top_p") is not None
    if both and _NEWER.match(model):
        return (
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )
    if any(not stop.strip() for stop in body.get("stop_sequences") or []):
        return "stop_sequences: each stop sequence must contain non-whitespace"
    return None


def _find_tool_flaw(body: Json, _model: str) -> str | None:
    names = [str(tool.get("name")) for tool in body.get("tools") or []]
    if len(set(names)) < len([name for name in names if name != "None"]):
        return "tools: Tool names must be unique."
    choice = body.get("tool_choice") or {}
    if choice and not names:
        return "tool_choice: tool_choice may only be specified while providing tools."
    if choice.get("type") == "tool" and choice["name"] not in names:
        return f"Tool '{choice['name']}' not found in provided tools"
    return None


def _find_conversation_flaw(body: Json, _model: str) -> str | None:
    """Find calls without results, results without calls, and empty content."""
    messages: list[Json] = body["messages"]
    first = next((one for one in messages if one["role"] != "system"), messages[0])
    if first["role"] != "user":
        return 'messages: first message must use the "user" role'
    flaws = (
        find(messages, index)
        for index in range(len(messages))
        for find in (_find_empty_flaw, _find_orphan_flaw, _find_unanswered_flaw, _find_seal_flaw)
    )
    return next(filter(None, flaws), None)


def _find_empty_flaw(messages: list[Json], index: int) -> str | None:
    blocks = list_blocks(messages[index])
    last = index == len(messages) - 1 and messages[index]["role"] == "assistant"
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if last and texts and texts[-1] != texts[-1].rstrip():
        return "messages: final assistant content cannot end with trailing whitespace"
    if not blocks or not messages[index]["content"]:
        return None if last else f"messages.{index}: {_EMPTY}"
    if any(not text for text in texts):
        return "messages: text content blocks must be non-empty"
    if any(not text.strip() for text in texts):
        return "messages: text content blocks must contain non-whitespace text"
    return None


def _list_calls(message: Json) -> list[str]:
    return [block["id"] for block in list_blocks(message) if block["type"] == "tool_use"]


def _find_before(messages: list[Json], index: int) -> list[str]:
    """List the calls of the assistant's turn right before a message (joined with its like)."""
    calls: list[str] = []
    at = index - 1
    while at >= 0 and messages[at]["role"] != "assistant":
        at -= 1
    while at >= 0 and messages[at]["role"] == "assistant":
        calls += _list_calls(messages[at])
        at -= 1
    return calls


def _find_orphan_flaw(messages: list[Json], index: int) -> str | None:
    known = _find_before(messages, index)
    for place, block in enumerate(list_blocks(messages[index])):
        if block["type"] == "tool_result" and block["tool_use_id"] not in known:
            return _ORPHAN.format(index=index, place=place, id=block["tool_use_id"])
    return None


def _find_unanswered_flaw(messages: list[Json], index: int) -> str | None:
    """Find calls that the next user turn does not answer at its beginning."""
    calls = _list_calls(messages[index])
    after = index + 1
    while after < len(messages) and messages[after]["role"] == "assistant":
        after += 1
    following: list[Json] = []
    while after < len(messages) and messages[after]["role"] != "assistant":
        following += list_blocks(messages[after])
        after += 1
    answered: set[str] = set()
    for block in following:
        if block["type"] != "tool_result":
            break
        answered.add(block["tool_use_id"])
    missing = [call for call in calls if call not in answered]
    return _UNANSWERED.format(index=index, ids=", ".join(missing)) if missing else None


def _find_seal_flaw(messages: list[Json], index: int) -> str | None:
    """Find a thought that was not thought here, or was changed."""
    for place, block in enumerate(list_blocks(messages[index])):
        where = f"messages.{index}.content.{place}"
        kind = block["type"]
        if kind == "thinking" and not is_sealed(SEAL, block["signature"], block["thinking"]):
            return f"{where}: Invalid `signature` in `thinking` block"
        if kind == "redacted_thinking" and not is_sealed(SEAL, block["data"]):
            return f"{where}: Invalid `data` in `redacted_thinking` block"
    return None


def _find_cache_flaw(body: Json, _model: str) -> str | None:
    found = sum(1 for _ in _iterate_breakpoints(body))
    if found <= _MOST_BREAKPOINTS:
        return None
    return f"A maximum of 4 blocks with cache_control may be provided. Found {found}."


def _iterate_breakpoints(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _iterate_breakpoints(item)
    elif isinstance(node, dict):
        if node.get("cache_control"):
            yield node
        for name in ("system", "tools", "messages", "content"):
            yield from _iterate_breakpoints(node.get(name))


def _find_media_flaw(body: Json, _model: str) -> str | None:
    for index, message in enumerate(body["messages"]):
        for place, block in _iterate_media(list_blocks(message)):
            where = f"messages.{index}.content.{place}.{block['type']}.source.base64"
            source = block["source"]
            content = decode(source["data"])
            if not content:
                return f"{where}: invalid base64 data"
            found = find_type(content)
            if found is not None and found != source["media_type"]:
                return (
                    f"{where}.data: The image was specified using the {source['media_type']} "
                    f"media type, but the image appears to be a {found} image"
                )
    return None


def _iterate_media(blocks: list[Json]) -> Iterator[tuple[int, Json]]:
    """Yield the images and documents given as base64, those inside results too."""
    for place, block in enumerate(blocks):
        if block["type"] == "tool_result":
            yield from ((place, inner) for _, inner in _iterate_media(list_blocks(block)))
        elif block["type"] in {"image", "document"} and block["source"]["type"] == "base64":
            yield place, block


_RULES = (
    _find_thinking_flaw,
    _find_sampling_flaw,
    _find_tool_flaw,
    _find_media_flaw,
    _find_cache_flaw,
    _find_conversation_flaw,
)
