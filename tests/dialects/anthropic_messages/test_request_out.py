"""What providers that speak Messages are asked; the golden cases show more of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects import CODECS
from gateway.dialects.hub import (
    Audio,
    ChatRequest,
    Citation,
    Destination,
    Document,
    Family,
    Image,
    Losses,
    Media,
    Message,
    Opaque,
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
    UpstreamCodec,
    Video,
)
from gateway.entities import Dialect, Quirks, SchemaSupport
from gateway.errors import MalformedRequestError, NotExpressibleError

HELLO = Message(Role.USER, (Text("Hi", at="m"),), at="messages[0]")
ASKED = Message(Role.ASSISTANT, (ToolCall("call_1", "f", "{}"),))
TOLD = Message(Role.TOOL, (ToolResult("call_1", (Text("ok"),)),))
THOUGHT = Message(
    Role.ASSISTANT,
    (Reasoning("Hm", signature="EqQB", origin=Family.ANTHROPIC), ToolCall("call_1", "f", "{}")),
)


def find_upstream() -> UpstreamCodec:
    upstream = CODECS[Dialect.ANTHROPIC_MESSAGES].upstream
    assert upstream is not None
    return upstream


def dump(
    *messages: Message,
    model: str = "claude-sonnet-4-5",
    quirks: Quirks | None = None,
    dialect: Dialect = Dialect.OPENAI_CHAT,
    **fields: Any,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = ChatRequest(dialect, "chat", messages or (HELLO,), **fields)
    losses = Losses("anthropic_messages", find_upstream().losses)
    body = find_upstream().dump_request(request, Destination(model, quirks or Quirks()), losses)
    return body, losses.dropped


def dump_parts(*parts: Part, **fields: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    body, dropped = dump(Message(Role.USER, (Text("Hi"), *parts)), **fields)
    return body["messages"][0]["content"][1:], dropped


PDF = "JVBERi0xLjQK"


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Document(Media("application/pdf", data=PDF), name="a.pdf", citations=True),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
                "citations": {"enabled": True},
            },
        ),
        (
            Document(Media("text/plain", data="SGk="), context="c"),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Hi"},
                "context": "c",
            },
        ),
        (
            Document(Media(url="https://e.org/a.pdf")),
            {"type": "document", "source": {"type": "url", "url": "https://e.org/a.pdf"}},
        ),
        (
            Image(Media(data="/9j/4AAQ")),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"},
            },
        ),
        (Refusal("No."), {"type": "text", "text": "No."}),
        (Audio(Media(), transcript="spoken"), {"type": "text", "text": "spoken"}),
        (
            ToolResult("call_1", (), structured={"a": 1}),
            {"type": "tool_result", "tool_use_id": "call_1", "content": '{"a":1}'},
        ),
    ],
)
def test_parts(part: Part, block: dict[str, Any]) -> None:
    body, dropped = dump(Message(Role.USER, (part,)))
    assert body["messages"][0]["content"] == [block]
    assert dropped == ()


@pytest.mark.parametrize(
    "part",
    [
        Image(Media("image/heic", data="AAAA"), at="p"),
        Image(Media(url="gs://bucket/a.png"), at="p"),
        Image(Media(file_id="file-1"), at="p"),
        Document(Media("application/zip", data="UEsD"), at="p"),
        Document(Media("text/plain", data="/w=="), at="p"),
        Audio(Media("audio/wav", data="AAAA"), at="p"),
        Video(Media(url="https://e.org/a.mp4"), at="p"),
    ],
)
def test_media_that_nobody_there_can_read_are_refused(part: Part) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump_parts(part)
    assert caught.value.field == "p"


def test_what_only_another_vendor_knows_is_left_out_and_reported() -> None:
    blocks, dropped = dump_parts(
        Opaque(Family.OPENAI, "x", {"type": "x"}, at="a"),
        Reasoning("Hm", encrypted="gAAA", origin=Family.OPENAI, at="b"),
        Text("cited", (Citation(url="https://e.org"),), at="c"),
        Text("  ", at="d"),
    )
    assert blocks == [{"type": "text", "text": "cited"}]
    assert dropped == ("a", "b", "c")


def test_calls_without_ids_are_paired_by_name() -> None:
    calls = (ToolCall("", "f", "{}"), ToolCall("", "g", "{}"), ToolCall("", "f", "{}"))
    results = (ToolResult("", (), "g"), ToolResult("", (), "f"), ToolResult("", (), "f"))
    body, _ = dump(HELLO, Message(Role.ASSISTANT, calls), Message(Role.TOOL, results))
    _, asked, told = body["messages"]
    assert [block["id"] for block in asked["content"]] == ["call_1", "call_2", "call_3"]
    assert [block["tool_use_id"] for block in told["content"]] == ["call_2", "call_1", "call_3"]


def test_turns_alternate_and_none_is_empty() -> None:
    body, _ = dump(
        Message(Role.SYSTEM, (Text("S"),)),
        Message(Role.ASSISTANT, (Text(""),)),
        Message(Role.USER, (Text(""),)),
        Message(Role.ASSISTANT, (Text("A"),)),
        Message(Role.ASSISTANT, (Text("B"),)),
        Message(Role.USER, (Text("C"),)),
    )
    assert [(one["role"], len(one["content"])) for one in body["messages"]] == [
        ("user", 1),
        ("assistant", 2),
        ("user", 1),
    ]
    alone, _ = dump(Message(Role.SYSTEM, (Text("S"),)))
    assert [one["role"] for one in alone["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("model", "config", "messages", "thinking", "effort", "dropped"),
    [
        ("claude-opus-4-6", {"effort": "xhigh"}, (HELLO,), "adaptive", "max", False),
        ("claude-opus-4-6", {"effort": "minimal"}, (HELLO,), "adaptive", "low", False),
        ("claude-opus-4-7", {"budget_tokens": 5_000}, (HELLO,), "adaptive", "medium", False),
        ("claude-opus-4-7", {"budget_tokens": -1}, (HELLO,), "adaptive", None, False),
        ("claude-sonnet-4-5", {"budget_tokens": 2_000}, (HELLO,), 2_000, None, False),
        ("claude-sonnet-4-5", {"budget_tokens": 90_000}, (HELLO,), 9_999, None, False),
        ("claude-sonnet-4-5", {"effort": "high"}, (HELLO,), 8_000, None, False),
        ("claude-sonnet-4-5", {"effort": "high"}, (HELLO, THOUGHT, TOLD), 8_000, None, False),
        ("claude-sonnet-4-5", {"effort": "high"}, (HELLO, ASKED, TOLD), None, None, True),
        ("claude-opus-4-8", {"effort": "high"}, (HELLO, ASKED, TOLD), "adaptive", "high", False),
        ("claude-sonnet-4-5", {"effort": "none"}, (HELLO,), None, None, False),
        ("claude-opus-4-8", {"enabled": False}, (HELLO,), None, None, False),
        ("claude-sonnet-5", {"effort": "none"}, (HELLO,), "disabled", None, False),
        ("claude-sonnet-5-5", {"budget_tokens": 0}, (HELLO,), "between_tools", None, False),
        ("claude-opus-5-5", {"enabled": False}, (HELLO,), None, "low", True),
    ],
)
def test_how_much_a_generation_is_asked_to_think(
    model: str,
    config: dict[str, Any],
    messages: tuple[Message, ...],
    thinking: str | int | None,
    effort: str | None,
    *,
    dropped: bool,
) -> None:
    reasoning = ReasoningConfig(**config)
    body, lost = dump(*messages, model=model, reasoning=reasoning, max_tokens=10_000)
    given = body.get("thinking")
    shown = given and given.get("budget_tokens", given["type"])
    assert (shown, body.get("output_config", {}).get("effort")) == (thinking, effort)
    assert lost == (("reasoning_effort",) if dropped else ())
    assert body["max_tokens"] == 10_000


def test_a_model_that_has_to_call_a_tool_does_not_think() -> None:
    forced = {"tools": (Tool("f"),), "tool_choice": ToolChoice(ToolMode.REQUIRED)}
    body, dropped = dump(reasoning=ReasoningConfig(effort="high"), **forced)
    assert "thinking" not in body
    assert dropped == ("reasoning_effort",)
    body, dropped = dump(model="claude-sonnet-5", **forced)
    assert body["thinking"] == {"type": "disabled"}
    assert dropped == ()


def test_the_limit_of_an_answer() -> None:
    assert dump()[0]["max_tokens"] == 32_000
    assert dump(model="claude-3-5-haiku-20241022")[0]["max_tokens"] == 8_192
    assert dump(model="glm-4.6")[0]["max_tokens"] == 8_192
    assert dump(quirks=Quirks(default_max_tokens=500))[0]["max_tokens"] == 500
    assert dump(max_tokens=900_000)[0]["max_tokens"] == 64_000
    config = ReasoningConfig(budget_tokens=40_000)
    body, _ = dump(reasoning=config)
    assert body["thinking"]["budget_tokens"] == 40_000
    assert body["max_tokens"] == 48_192


@pytest.mark.parametrize(
    ("model", "fields", "sampled", "dropped"),
    [
        ("claude-sonnet-4", {"temperature": 1.5, "top_p": 0.9, "top_k": 5}, (1, 0.9, 5), ()),
        ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 0.9}, (0.5, None, None), ("top_p",)),
        ("claude-opus-4-7", {"temperature": 1, "top_p": 1}, (None, None, None), ()),
        ("claude-opus-4-7", {"temperature": 0}, (None, None, None), ("temperature",)),
        ("glm-4.6", {"temperature": 0.5, "top_p": 0.9}, (0.5, 0.9, None), ()),
    ],
)
def test_sampling(
    model: str, fields: dict[str, Any], sampled: tuple[Any, ...], dropped: tuple[str, ...]
) -> None:
    body, lost = dump(model=model, **fields)
    assert (body.get("temperature"), body.get("top_p"), body.get("top_k")) == sampled
    assert lost == dropped


HOSTED = Tool("web_search", kind=ToolKind.HOSTED, raw={"type": "w"}, family=Family.OPENAI, at="t")


def test_tools_of_another_vendor_are_reported_and_never_forced() -> None:
    body, dropped = dump(tools=(HOSTED, Tool("f")), tool_choice=ToolChoice(ToolMode.AUTO))
    assert [one["name"] for one in body["tools"]] == ["f"]
    assert dropped == ("t",)
    for choice in (ToolChoice(ToolMode.NAMED, ("web_search",)), ToolChoice(ToolMode.REQUIRED)):
        with pytest.raises(NotExpressibleError):
            dump(tools=(HOSTED,), tool_choice=choice)


def test_only_the_allowed_tools_are_offered() -> None:
    choice = ToolChoice(ToolMode.REQUIRED, ("g",))
    body, _ = dump(tools=(Tool("f"), Tool("g")), tool_choice=choice)
    assert [one["name"] for one in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_choice_without_tools_is_none() -> None:
    body, _ = dump(tool_choice=ToolChoice(ToolMode.NONE), parallel_calls=False)
    assert "tool_choice" not in body


def test_a_stop_at_blanks_is_refused() -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(stop=("END", "\n\n"))
    assert caught.value.field == "stop"


def test_an_odd_server() -> None:
    quirks = Quirks(
        unsupported=frozenset({"cache_control", "user", "image_url"}),
        renamed=(("max_tokens", "max_output"),),
        schema=SchemaSupport.NONE,
    )
    body, dropped = dump(user="u", max_tokens=5, quirks=quirks)
    assert "metadata" not in body
    assert body["max_output"] == 5
    assert dropped == ("user",)
    with pytest.raises(NotExpressibleError):
        dump_parts(Image(Media(url="https://e.org/a.png"), at="p"), quirks=quirks)


def test_a_count_has_the_input_alone() -> None:
    request = ChatRequest(Dialect.OPENAI_CHAT, "chat", (HELLO,), stream=True, temperature=0.5)
    to = Destination("claude-sonnet-4-5@20250929")
    losses = Losses("x", find_upstream().losses)
    dump_count = find_upstream().dump_count
    assert dump_count is not None
    assert dump_count(request, to, losses) == {
        "model": "claude-sonnet-4-5@20250929",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


PARTS: st.SearchStrategy[Part] = st.sampled_from(
    [
        Text("a"),
        Text(" "),
        Image(Media(data="AAAA")),
        Image(Media(url="https://e.org/a.png")),
        Document(Media(text="t")),
        ToolCall("x:1", "f", "{"),
        ToolCall("", "f", ""),
        ToolResult("x:1", (Text("r"),)),
        ToolResult("", (), "f"),
        Reasoning("Hm"),
        Refusal("No"),
        Opaque(Family.GEMINI, "k", {}),
    ]
)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(Role), st.lists(PARTS, max_size=3).map(tuple)), max_size=5
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES, st.sampled_from(["claude-sonnet-4-5", "claude-opus-5", "kimi-k2"]))
def test_any_conversation_is_one_that_the_api_takes(messages: list[Message], model: str) -> None:
    try:
        body, _ = dump(*messages, model=model)
    except NotExpressibleError:
        return
    turns = body["messages"]
    roles = [turn["role"] for turn in turns]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    for turn in turns:
        assert turn["content"]
        kinds = [block["type"] == "tool_result" for block in turn["content"]]
        assert kinds == sorted(kinds, reverse=True)
        assert all(block.get("text", "x").strip() for block in turn["content"])


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [5], {"type": "x"}])
def test_a_strange_field_is_refused_or_passes(value: Any) -> None:
    client = CODECS[Dialect.ANTHROPIC_MESSAGES].client
    assert client is not None
    for name in ("thinking", "metadata", "output_config", "tools", "container", "cache_control"):
        body = {"messages": [{"role": "user", "content": "Hi"}], name: value}
        try:
            request = client.parse_request(body, "chat", False)
        except MalformedRequestError:
            continue
        losses = Losses("x", find_upstream().losses)
        dumped = find_upstream().dump_request(request, Destination("claude-opus-4-8"), losses)
        assert dumped["messages"]
