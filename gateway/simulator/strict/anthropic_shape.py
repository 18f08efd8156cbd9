"""The shape of a request to Anthropic's Messages.

Source: Anthropic's API reference and the types of its SDK 2.12, 2026-11.

Rule: every block, tool and field that the reference names, and no other.
"""

from __future__ import annotations

from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    Fields,
    Many,
    Number,
    Shape,
    Tagged,
    Text,
    either,
    fields,
)

_CACHE = fields(type=Text(one_of=("ephemeral",)), ttl=Text(one_of=("5m", "1h")))
_IMAGE_TYPE = Text(one_of=("image/jpeg", "image/png", "image/gif", "image/webp"))
_TOOL_ID = Text(pattern="[a-zA-Z0-9_-]+")
_NAME = Text(pattern="[a-zA-Z0-9_-]{1,128}")
_URL = fields("url", type=TEXT, url=TEXT)
_FILE = fields("file_id", type=TEXT, file_id=TEXT)
_IMAGE_SOURCE = Tagged(
    {
        "base64": fields("media_type", "data", type=TEXT, media_type=_IMAGE_TYPE, data=TEXT),
        "url": _URL,
        "file": _FILE,
    }
)
_PDF = Text(one_of=("application/pdf",))
_PLAIN = Text(one_of=("text/plain",))
_DOCUMENT_SOURCE = Tagged(
    {
        "base64": fields("media_type", "data", type=TEXT, media_type=_PDF, data=TEXT),
        "text": fields("media_type", "data", type=TEXT, media_type=_PLAIN, data=TEXT),
        "content": fields("content", type=TEXT, content=either(TEXT, Many(OBJECT))),
        "url": _URL,
        "file": _FILE,
    }
)
_CITES = fields(enabled=FLAG)
_TEXT = fields("text", type=TEXT, text=TEXT, cache_control=_CACHE, citations=Many(OBJECT))
_IMAGE = fields(
    "source", type=TEXT, source=_IMAGE_SOURCE, cache_control=_CACHE, transformations=OBJECT
)
_DOCUMENT = fields(
    "source",
    type=TEXT,
    source=_DOCUMENT_SOURCE,
    cache_control=_CACHE,
    citations=_CITES,
    context=TEXT,
    title=TEXT,
)
_SEARCH_RESULT = fields(
    "content",
    "source",
    "title",
    type=TEXT,
    source=TEXT,
    title=TEXT,
    content=Many(_TEXT),
    cache_control=_CACHE,
    citations=_CITES,
)
_RESULT_CONTENT = Tagged(
    {
        "text": _TEXT,
        "image": _IMAGE,
        "document": _DOCUMENT,
        "search_result": _SEARCH_RESULT,
        "tool_reference": fields(free=True),
    }
)
_TOOL_RESULT = fields(
    "tool_use_id",
    type=TEXT,
    tool_use_id=_TOOL_ID,
    content=either(TEXT, Many(_RESULT_CONTENT)),
    is_error=FLAG,
    cache_control=_CACHE,
    toolset_name=TEXT,
)
_TOOL_USE = fields(
    "id",
    "name",
    "input",
    type=TEXT,
    id=_TOOL_ID,
    name=Text(least=1, most=200),
    input=OBJECT,
    cache_control=_CACHE,
    caller=OBJECT,
    toolset_name=TEXT,
)
_HOSTED: Fields = fields(free=True)
_BLOCKS: dict[str, Shape] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "search_result": _SEARCH_RESULT,
    "thinking": fields("thinking", "signature", type=TEXT, thinking=TEXT, signature=TEXT),
    "redacted_thinking": fields("data", type=TEXT, data=TEXT),
    "tool_use": _TOOL_USE,
    "tool_result": _TOOL_RESULT,
    **dict.fromkeys(
        (
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "advisor_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "container_upload",
            "compaction",
            "tool_addition",
            "tool_removal",
            "mcp_tool_listing",
            "fallback",
        ),
        _HOSTED,
    ),
}
_MESSAGES = Many(
    fields(
        "role",
        "content",
        role=Text(one_of=("user", "assistant", "system")),
        content=either(TEXT, Many(Tagged(_BLOCKS))),
    ),
    least=1,
)
_CUSTOM_TOOL = fields(
    "name",
    "input_schema",
    type=TEXT,
    name=_NAME,
    description=TEXT,
    input_schema=fields("type", free=True, type=Text(one_of=("object",))),
    cache_control=_CACHE,
    strict=FLAG,
    allowed_callers=ANY,
    defer_loading=FLAG,
    eager_input_streaming=FLAG,
    input_examples=Many(OBJECT),
)
_TOOLS = Many(
    Tagged(
        {"custom": _CUSTOM_TOOL},
        default="custom",
        prefixes=dict.fromkeys(
            (
                "bash_",
                "code_execution_",
                "browser_toolset_",
                "computer_",
                "memory_",
                "text_editor_",
                "web_search_",
                "web_fetch_",
                "tool_search_tool_",
                "advisor_",
                "mcp_toolset",
            ),
            _HOSTED,
        ),
    )
)
_CHOICE = Tagged(
    {
        "auto": fields(type=TEXT, disable_parallel_tool_use=FLAG),
        "any": fields(type=TEXT, disable_parallel_tool_use=FLAG),
        "tool": fields("name", type=TEXT, name=TEXT, disable_parallel_tool_use=FLAG),
        "none": fields(type=TEXT),
    }
)
_DISPLAY = Text(one_of=("summarized", "omitted"))
_THINKING = Tagged(
    {
        "enabled": fields(
            "budget_tokens", type=TEXT, budget_tokens=Number(1024, whole=True), display=_DISPLAY
        ),
        "adaptive": fields(type=TEXT, display=_DISPLAY),
        "disabled": fields(type=TEXT),
        "between_tools": fields(type=TEXT),
    }
)
_OUTPUT = fields(
    effort=Text(one_of=("low", "medium", "high", "xhigh", "max")),
    format=fields("type", "schema", type=Text(one_of=("json_schema",)), schema=OBJECT),
    task_budget=ANY,
)
BODY = fields(
    "model",
    "messages",
    "max_tokens",
    model=TEXT,
    messages=_MESSAGES,
    max_tokens=Number(1, whole=True),
    system=either(TEXT, Many(Tagged({"text": _TEXT}))),
    temperature=Number(0, 1),
    top_p=Number(0, 1),
    top_k=Number(0, whole=True),
    stop_sequences=Many(TEXT),
    stream=FLAG,
    tools=_TOOLS,
    tool_choice=_CHOICE,
    thinking=_THINKING,
    output_config=_OUTPUT,
    output_format=OBJECT,
    metadata=fields(user_id=Text(most=512)),
    service_tier=Text(one_of=("auto", "standard_only")),
    cache_control=_CACHE,
    container=ANY,
    mcp_servers=Many(OBJECT),
    context_management=OBJECT,
    inference_geo=TEXT,
    speed=TEXT,
    diagnostics=ANY,
    user_profile_id=TEXT,
    workspace_id=TEXT,
    billing_policy=ANY,
    compaction=ANY,
    fallback_credit_token=ANY,
    fallbacks=ANY,
    thread=ANY,
)
"""A request for a message."""
_NOT_COUNTED = {"max_tokens", "stream"}
COUNTED = Fields(
    {name: shape for name, shape in BODY.known.items() if name not in _NOT_COUNTED},
    frozenset({"model", "messages"}),
)
"""A request for a count of tokens: it has no limit of the answer."""
