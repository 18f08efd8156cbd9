from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.json_stream import ElementSplitter

TEXTS = st.text(alphabet='ab"\\{}[],:\n\u00e9', max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers(-9, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=4)


def feed_all(text: bytes, size: int) -> tuple[list[object], ElementSplitter]:
    splitter = ElementSplitter()
    elements = []
    for start in range(0, len(text), size):
        elements += splitter.feed(text[start : start + size])
    return [json.loads(element) for element in elements], splitter


@given(OBJECTS, st.integers(1, 9), st.sampled_from([None, 1]))
def test_any_cut_gives_the_elements(objects: list[object], size: int, indent: int | None) -> None:
    text = json.dumps(objects, indent=indent, ensure_ascii=False).encode()
    elements, splitter = feed_all(text, size)
    assert elements == objects
    assert splitter.closed
    assert not splitter.is_pending


@given(OBJECTS, st.integers(0, 200))
def test_a_cut_array_is_not_closed(objects: list[object], cut: int) -> None:
    text = json.dumps(objects).encode()
    _, splitter = feed_all(text[: min(cut, len(text) - 1)], 3)
    assert not splitter.closed


def test_a_bare_object_is_one_element() -> None:
    elements, splitter = feed_all(b' {"error": {"code": 500}}', 4)
    assert elements == [{"error": {"code": 500}}]
    assert splitter.closed


def test_half_an_element_is_pending() -> None:
    splitter = ElementSplitter()
    assert splitter.feed(b'[{"a":1},\n{"b":"}') == [b'{"a":1}']
    assert splitter.is_pending
    assert splitter.pending == b'{"b":"}'


def test_an_element_over_the_limit_keeps_its_ends_and_a_bounded_memory() -> None:
    splitter = ElementSplitter(limit_bytes=200_000)
    elements: list[bytes] = []
    for chunk in [b'[{"image":"', *[b"x" * 50_000] * 40, b'","finishReason":"STOP"}', b',{"b":1}]']:
        elements += splitter.feed(chunk)
        assert len(splitter.pending) <= 200_000
        if elements and len(elements) == 1:
            assert splitter.cut
    first, second = elements
    assert first.startswith(b'{"image":"xx')
    assert first.endswith(b'"finishReason":"STOP"}')
    assert second == b'{"b":1}'
    assert not splitter.cut
    assert splitter.closed
