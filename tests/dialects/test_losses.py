"""What is lost stands in the tables, and nothing else ends a translation."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateway.dialects
from gateway.dialects import CODECS
from gateway.dialects.hub import ChatRequest, Destination, Feature, Losses, LossTable
from gateway.entities import Dialect, Quirks, SchemaSupport
from gateway.errors import MalformedRequestError, NotExpressibleError
from tests.dialects.arbitrary import draw_request

UPSTREAMS = sorted(name for name, codec in CODECS.items() if codec.upstream is not None)
MODELS = {
    Dialect.ANTHROPIC_MESSAGES: ("claude-sonnet-4-5", "claude-opus-4-7", "claude-3-haiku-20240307"),
    Dialect.GEMINI: ("gemini-2.5-flash", "gemini-3-pro-preview", "gemma-3"),
    Dialect.BEDROCK_CONVERSE: (
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-pro-v1:0",
        "meta.llama3-3-70b-instruct-v1:0",
    ),
    Dialect.COHERE_CHAT: ("command-a-03-2025", "command-a-reasoning-08-2025"),
}
QUIRKS = st.sampled_from(
    [
        Quirks(),
        Quirks(unsupported=frozenset(one.value for one in Feature)),
        Quirks(schema=SchemaSupport.NONE, max_stop=4, text_only_content=True),
    ]
)


# What the format has and single servers refuse, by their quirks: refused, and not in its table.
OF_SERVERS = {
    "openai_chat": {
        Feature.DOCUMENT,
        Feature.IMAGE,
        Feature.IMAGE_URL,
        Feature.TOOLS,
        Feature.TOOL_CHOICE_REQUIRED,
    },
}


class _Listed(Losses):
    """Says so where the table lacks what is lost."""

    def __init__(self, table: LossTable, others: set[Feature]) -> None:
        super().__init__("the target", table)
        self._listed = table
        self._others = others

    def lose(self, feature: Feature, at: str) -> None:
        assert feature in self._listed or feature in self._others, feature
        assert at, f"{feature} has no place"
        super().lose(feature, at)


@pytest.mark.parametrize("target", UPSTREAMS)
@settings(max_examples=300)
@given(request=draw_request(), quirks=QUIRKS, data=st.data())
def test_every_request_is_written_or_refused_by_its_table(
    target: Dialect, request: ChatRequest, quirks: Quirks, data: st.DataObject
) -> None:
    codec = CODECS[target].upstream
    assert codec is not None
    model = data.draw(st.sampled_from(MODELS.get(target, ("gpt-5.2", "gpt-4o", "o3"))))
    others = OF_SERVERS.get(target.value, set())
    with contextlib.suppress(NotExpressibleError, MalformedRequestError):
        codec.dump_request(request, Destination(model, quirks), _Listed(codec.losses, others))


def list_lost(package: Path) -> set[Feature]:
    """Return the features that the modules of a package give to `lose` by name."""
    calls = [
        node
        for path in package.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "").strip("_") == "lose"
    ]
    return {
        Feature[given.attr]
        for call in calls
        for argument in call.args
        for given in ast.walk(argument)
        if isinstance(given, ast.Attribute) and getattr(given.value, "id", "") == "Feature"
    }


def test_every_feature_that_the_code_loses_is_listed() -> None:
    root = Path(gateway.dialects.__file__).parent
    listed: dict[str, set[Feature]] = {}
    for codec in CODECS.values():
        for half in (codec.upstream, codec.upstream_embeddings):
            if half is not None:
                package = half.dump_request.__module__.split(".")[2]
                listed.setdefault(package, set()).update(half.losses)
    missing = {
        package: list_lost(root / package) - known - OF_SERVERS.get(package, set())
        for package, known in listed.items()
    }
    assert not {package: lost for package, lost in missing.items() if lost}
