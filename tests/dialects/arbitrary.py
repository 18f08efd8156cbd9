"""Requests of the hub as hypothesis makes them up: whatever a client may have said."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from gateway.dialects.hub import (
    Audio,
    CacheMark,
    ChatRequest,
    Citation,
    Document,
    Family,
    Image,
    Media,
    Message,
    Opaque,
    OutputFormat,
    OutputKind,
    Part,
    Reasoning,
    ReasoningConfig,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
    Video,
)
from gateway.entities import Dialect

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"  # the beginning of one
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer", "minimum": 3}}}
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    str.strip
)
NAMES = st.sampled_from(["find", "read_file", "t-1"])
CACHES = st.none() | st.builds(CacheMark, st.none() | st.just("1h"))
MEDIA = st.one_of(
    st.just(Media("image/png", PIXEL)),
    st.just(Media("application/pdf", "JVBERi0x")),
    st.just(Media("audio/wav", "UklGRg==")),
    st.just(Media("x/y", "AAAA")),
    st.builds(lambda url: Media(url=url), st.sampled_from(["https://a.b/c.png", "gs://a/b"])),
    st.just(Media(file_id="file-1")),
)
DOCUMENTS = st.builds(
    Document,
    MEDIA | st.builds(lambda text: Media("text/plain", text=text), TEXTS),
    name=st.none() | TEXTS,
    context=st.none() | TEXTS,
    citations=st.none() | st.booleans(),
    cache=CACHES,
)
IMAGES = st.builds(Image, MEDIA, detail=st.sampled_from([None, "auto", "low"]), cache=CACHES)
ANY_TEXT = st.builds(
    Text,
    TEXTS | st.just(""),
    citations=st.just(()) | st.just((Citation(url="https://a.b", title="t"),)),
    cache=CACHES,
)
USERS: st.SearchStrategy[Part] = st.one_of(
    ANY_TEXT,
    IMAGES,
    DOCUMENTS,
    st.builds(Audio, MEDIA),
    st.builds(Video, MEDIA),
    st.builds(Opaque, st.sampled_from(Family), st.just("odd"), st.just({"type": "odd"})),
)
MODELS: st.SearchStrategy[Part] = st.one_of(
    ANY_TEXT,
    st.builds(Refusal, TEXTS),
    st.builds(
        Reasoning,
        TEXTS,
        signature=st.none() | st.just("c2ln"),
        encrypted=st.none() | st.just("ZW5j"),
        origin=st.sampled_from(Family),
    ),
    st.builds(Audio, st.just(Media()), transcript=st.none() | TEXTS, id=st.just("audio_1")),
    st.builds(
        ToolCall,
        st.sampled_from(["call_1", "call 2", "", "x" * 80]),
        NAMES,
        st.sampled_from(["", "{}", '{"x": 1}', "{broken"]),
        custom=st.booleans(),
        signature=st.none() | st.just("c2ln"),
        cache=CACHES,
    ),
)
RESULTS = st.builds(
    ToolResult,
    st.sampled_from(["call_1", "call 2"]),
    st.lists(USERS, max_size=2).map(tuple),
    is_error=st.booleans(),
    cache=CACHES,
)
_SAID = {
    Role.SYSTEM: ANY_TEXT,
    Role.DEVELOPER: ANY_TEXT,
    Role.USER: USERS,
    Role.ASSISTANT: MODELS,
    Role.TOOL: RESULTS,
}
MESSAGES = st.sampled_from(Role).flatmap(
    lambda role: st.builds(
        Message,
        st.just(role),
        st.lists(_SAID[role], max_size=3).map(tuple),
        name=st.none() | st.just("ann"),
        extra=st.just({}) | st.just({"odd": 1}),
    )
)
TOOLS = st.one_of(
    st.builds(
        Tool,
        NAMES,
        st.none() | TEXTS,
        st.none() | st.just(SCHEMA),
        strict=st.none() | st.booleans(),
        cache=CACHES,
    ),
    st.builds(
        Tool,
        NAMES,
        kind=st.just(ToolKind.CUSTOM),
        grammar=st.none() | st.just({"type": "grammar", "syntax": "regex", "definition": "a"}),
    ),
    st.builds(
        Tool,
        st.just("search"),
        kind=st.just(ToolKind.HOSTED),
        raw=st.just({"type": "search"}),
        family=st.sampled_from(Family),
    ),
)
CHOICES = st.one_of(
    st.builds(ToolChoice, st.sampled_from([ToolMode.AUTO, ToolMode.NONE, ToolMode.REQUIRED])),
    st.builds(ToolChoice, st.just(ToolMode.REQUIRED), st.just(("find",))),
    st.builds(ToolChoice, st.just(ToolMode.NAMED), NAMES.map(lambda name: (name,))),
)
OUTPUTS = st.one_of(
    st.just(OutputFormat(OutputKind.TEXT)),
    st.just(OutputFormat(OutputKind.JSON)),
    st.builds(OutputFormat, st.just(OutputKind.SCHEMA), st.just(SCHEMA), TEXTS),
)
THINKING = st.builds(
    ReasoningConfig,
    enabled=st.none() | st.booleans(),
    effort=st.sampled_from([None, "none", "minimal", "low", "high", "xhigh", "max"]),
    budget_tokens=st.sampled_from([None, -1, 0, 2000]),
    adaptive=st.booleans(),
    summary=st.none() | st.just("auto"),
    show=st.none() | st.booleans(),
    encrypted=st.booleans(),
)
_SETTINGS: dict[str, st.SearchStrategy[object]] = {
    "tool_choice": CHOICES,
    "parallel_calls": st.booleans(),
    "output": OUTPUTS,
    "reasoning": THINKING,
    "max_tokens": st.sampled_from([1, 4096]),
    "temperature": st.sampled_from([0.0, 1, 1.7]),
    "top_p": st.sampled_from([0.1, 1]),
    "top_k": st.just(40),
    "stop": st.sampled_from([("END",), (" ",), tuple("abcdefgh")]),
    "seed": st.just(1),
    "presence_penalty": st.sampled_from([-1, 0.5]),
    "frequency_penalty": st.sampled_from([-1, 0.5]),
    "logit_bias": st.just({"1": 2.0}),
    "logprobs": st.booleans(),
    "top_logprobs": st.just(2),
    "candidates": st.sampled_from([1, 2]),
    "user": TEXTS,
    "metadata": st.just({"a": "b"}),
    "service_tier": st.sampled_from(["auto", "flex", "priority"]),
    "store": st.booleans(),
    "cache_key": TEXTS,
    "verbosity": st.just("low"),
    "modalities": st.sampled_from([("text",), ("text", "audio")]),
    "prediction": st.just({"type": "content", "content": "a"}),
    "previous_id": st.just("resp_1"),
    "extra": st.just({"odd": 1}),
}


def place_parts(parts: tuple[Part, ...], at: str) -> tuple[Part, ...]:
    """Return parts that know where they stand, those of tools' results as well."""
    return tuple(
        dataclasses.replace(
            part,
            at=f"{at}.content[{index}]",
            **(
                {"parts": place_parts(part.parts, f"{at}.content[{index}]")}
                if isinstance(part, ToolResult)
                else {}
            ),
        )
        for index, part in enumerate(parts)
    )


@st.composite
def draw_request(draw: st.DrawFn) -> ChatRequest:
    """Return a request with places, of any client, that says at most four things besides."""
    names = draw(st.lists(st.sampled_from(sorted(_SETTINGS)), max_size=4, unique=True))
    messages = [
        dataclasses.replace(
            one,
            at=f"messages[{number}]",
            parts=place_parts(one.parts, f"messages[{number}]"),
        )
        for number, one in enumerate(draw(st.lists(MESSAGES, max_size=3)))
    ]
    tools = draw(st.lists(TOOLS, max_size=2, unique_by=lambda tool: tool.name))
    return ChatRequest(
        draw(
            st.sampled_from(
                [
                    Dialect.OPENAI_CHAT,
                    Dialect.OPENAI_RESPONSES,
                    Dialect.ANTHROPIC_MESSAGES,
                    Dialect.GEMINI,
                ]
            )
        ),
        "chat",
        tuple(messages),
        tools=tuple(
            dataclasses.replace(tool, at=f"tools[{index}]") for index, tool in enumerate(tools)
        ),
        **{name: draw(_SETTINGS[name]) for name in names},
    )
