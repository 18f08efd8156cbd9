from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects import cut_model, dump_json, parse_head, replace_named_model
from gateway.errors import MalformedRequestError

TEXTS = st.text(alphabet='model"\\{}[],: \n\u00e9\U0001f600\x7f', max_size=10)
KEYS = TEXTS | st.just("model")
VALUES = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=6)
SPELLINGS = st.sampled_from(
    ['"model"', '"mod\\u0065l"', '"\\u006Dodel"', '"\\u006d\\u006f\\u0064el"']
)


def dump_pairs(pairs: list[tuple[str, Any]], spelling: str, blank: str, ascii_only: bool) -> bytes:
    """A JSON object with duplicate keys, odd spellings and blanks, as no serialiser writes it."""
    members = []
    for key, value in pairs:
        name = spelling if key == "model" else json.dumps(key, ensure_ascii=ascii_only)
        text = json.dumps(value, ensure_ascii=ascii_only)
        members.append(f"{blank}{name}{blank}:{blank}{text}{blank}")
    return ("{" + ",".join(members) + "}").encode()


def replace_model(raw: bytes, name: str) -> bytes:
    """Cut the model's name out and put another one in, as the proxy does."""
    found = json.loads(raw).get("model")
    return dump_json(name).join(cut_model(raw, found if isinstance(found, str) else "none"))


def with_model(pairs: list[tuple[str, Any]], at: int, name: str) -> list[tuple[str, Any]]:
    """Put a model's name among the pairs; other ones before it may be anything."""
    later = [(key, str(value) if key == "model" else value) for key, value in pairs[at:]]
    return [*pairs[:at], ("model", name), *later]


def replace_in_pairs(pairs: list[tuple[str, Any]], name: str) -> list[tuple[str, Any]]:
    return [(key, name if key == "model" else value) for key, value in pairs]


BODIES = st.builds(with_model, PAIRS, st.integers(0, 6), TEXTS | st.just("m"))


@given(BODIES, SPELLINGS, st.sampled_from(["", " ", "\n\t", "\r\n"]), st.booleans(), TEXTS)
@example([("a\\", 1), ("model", {"model": "x"}), ("model", "y")], '"model"', " ", True, "z")
@example([("x", '"model": "nested"'), ("model", "m")], '"model"', "", False, 'q"\\')
def test_only_the_top_level_model_changes(
    pairs: list[tuple[str, Any]], spelling: str, blank: str, ascii_only: bool, name: str
) -> None:
    raw = dump_pairs(pairs, spelling, blank, ascii_only)
    replaced = replace_model(raw, name)
    found = json.loads(replaced, object_pairs_hook=lambda items: items)
    expected = json.loads(raw, object_pairs_hook=lambda items: items)
    assert found == replace_in_pairs(expected, name)


@given(PAIRS, TEXTS)
def test_replacing_back_gives_the_same_bytes(pairs: list[tuple[str, Any]], name: str) -> None:
    pairs = [(key, "first" if key == "model" else value) for key, value in pairs]
    raw = dump_pairs(pairs, '"model"', " ", ascii_only=False)
    assert replace_model(replace_model(raw, name), "first") == raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"model":"a","x":1}', b'{"model":"N","x":1}'),
        (b' {\n "x": [{"model": "b"}],\t"model" : "a" }\n', None),
        (b'{"tools":{"properties":{"model":{"type":"string"}}},"model":"a"}', None),
        (b'{"a\\"model": 1, "model": "a"}', b'{"a\\"model": 1, "model": "N"}'),
        (b'{"text": "say \\"model\\": \\"x\\"", "model":"a"}', None),
        (b'{"model":1e5,"model":null,"model":[1,"]"],"model":"a"}', None),
        (b'{"messages":[]}', b'{"messages":[]}'),
    ],
)
def test_awkward_bodies(raw: bytes, expected: bytes | None) -> None:
    replaced = replace_model(raw, "N")
    if expected is not None:
        assert replaced == expected
    had = json.loads(raw)
    assert json.loads(replaced) == had | ({"model": "N"} if "model" in had else {})


def test_a_large_body_is_replaced_wherever_the_key_stands() -> None:
    filler = {"messages": [{"content": 'x"\\\n' * 500, "model": n} for n in range(200)]}
    for body in (
        {"model": "a", **filler},
        {**filler, "model": "a"},
        {**filler, "model": "a", "b": filler},
    ):
        raw = json.dumps(body).encode()
        assert json.loads(replace_model(raw, "N")) == body | {"model": "N"}


class TestParseHead:
    def test_reads_model_and_stream(self) -> None:
        head = parse_head(b'{"model": "gpt", "stream": true}')
        assert (head.model, head.stream) == ("gpt", True)
        assert parse_head(b"{}").model is None
        assert parse_head(b'{"model": null, "stream": null}').stream is False

    @pytest.mark.parametrize(
        ("raw", "field", "words"),
        [
            (b"", None, "line 1"),
            (b'{"a": 1,\n  oops}', None, "line 2, column 3"),
            (b'{"a": NaN}', None, "number"),
            (b'{"a": "\xff"}', None, "UTF-8"),
            (b"\xef\xbb\xbf{}", None, "BOM"),
            (b"[]", None, "object"),
            (b'"model"', None, "object"),
            (b'{"model": 7}', "model", "string"),
            (b'{"model": "\\ud800"}', "model", "string"),
            (b'{"stream": "yes"}', "stream", "true or false"),
            (b'{"stream": 1}', "stream", "true or false"),
            (b'{"a":' * 65 + b"1" + b"}" * 65, None, "deeper than 64"),
            (b"[" * 100_000, None, "deeper than 64"),
            (b'{"a": ' + b"9" * 5_000 + b"x}", None, "number"),
        ],
    )
    def test_refuses_and_says_where(self, raw: bytes, field: str | None, words: str) -> None:
        with pytest.raises(MalformedRequestError, match=words) as caught:
            parse_head(raw)
        assert caught.value.field == field

    def test_takes_64_levels_and_brackets_in_strings(self) -> None:
        deep = b'{"a":' * 63 + b'{"model":"m"}' + b"}" * 63
        assert parse_head(deep).model is None
        assert parse_head(b'{"model":"m","x":"' + b"[{" * 500 + b'"}').model == "m"

    def test_takes_half_an_emoji_as_clients_send_it(self) -> None:
        assert parse_head(b'{"model": "m", "x": "\\ud83d"}').model == "m"


class TestGeminiBodies:
    def test_names_are_replaced_where_the_api_takes_them(self) -> None:
        body = {
            "requests": [
                {"model": "models/front", "content": {"parts": [{"text": "models/front"}]}}
            ],
            "generateContentRequest": {"model": "front"},
            "model": "models/front",
        }
        replaced = json.loads(replace_named_model(json.dumps(body).encode(), "front", "back"))
        assert replaced["requests"][0]["model"] == "models/back"
        assert replaced["generateContentRequest"]["model"] == "models/back"
        assert replaced["model"] == "models/back"
        assert replaced["requests"][0]["content"] == body["requests"][0]["content"]

    def test_other_names_and_arguments_stay(self) -> None:
        raw = json.dumps(
            {
                "model": "models/other",
                "contents": [{"parts": [{"functionCall": {"args": {"model": "front"}}}]}],
            }
        ).encode()
        assert replace_named_model(raw, "front", "back") == raw
