from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from gateway.dialects.hub import Destination, EmbeddingAnswer, EmbeddingRequest, Losses
from gateway.dialects.openai_embeddings.codec import (
    LOSSES,
    dump_answer,
    dump_request,
    parse_answer,
    parse_request,
)
from gateway.dialects.spec import Usage
from gateway.entities import Dialect, Quirks
from gateway.errors import MalformedRequestError, NotExpressibleError, UpstreamMalformedError

VECTOR = (0.5, -1.0, 0.25)


def parse(body: dict[str, Any]) -> EmbeddingRequest:
    return parse_request(body, "vectors", "")


def dump(request: EmbeddingRequest, **quirks: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    losses = Losses("openai_embeddings", LOSSES)
    return dump_request(request, Destination("e-1", Quirks(**quirks)), losses), losses.dropped


@pytest.mark.parametrize("given_input", ["a", ["a", "b"], [1, 2], [[1, 2], "a"]])
def test_inputs_of_every_kind_pass(given_input: Any) -> None:
    body, dropped = dump(parse({"input": given_input, "dimensions": 3, "user": "u"}))
    assert body["input"] == given_input
    assert (body["model"], body["dimensions"], body["user"], dropped) == ("e-1", 3, "u", ())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [None]}, "input[0]"),
        ({"input": ["a", [1, "b"]]}, "input[1][1]"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse(body)
    assert caught.value.field == field


def test_base64_is_made_here() -> None:
    request = parse({"input": "a", "encoding_format": "base64"})
    assert dump(request)[0]["encoding_format"] == "float"
    told = dump_answer(EmbeddingAnswer("m", (VECTOR,), Usage(3, 0)), request)
    CreateEmbeddingResponse.model_validate(told | {"data": []})
    packed = base64.b64decode(told["data"][0]["embedding"])
    assert struct.unpack("<3f", packed) == VECTOR
    assert told["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_numbers_stay_numbers() -> None:
    told = dump_answer(EmbeddingAnswer("", (VECTOR,)), parse({"input": "a"}))
    CreateEmbeddingResponse.model_validate(told)
    assert told["data"][0]["embedding"] == list(VECTOR)
    assert told["model"] == "vectors"


def test_vectors_come_in_the_order_of_their_indexes_and_packed_or_not() -> None:
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    data = [{"index": 1, "embedding": [1, 2]}, {"index": 0, "embedding": packed}]
    body = {"model": "m", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    answer = parse_answer(orjson.dumps(body))
    assert [tuple(vector) for vector in answer.vectors] == [VECTOR, (1, 2)]
    assert answer.usage is not None
    assert answer.usage.input_tokens == 4


def test_what_a_server_cannot_do_is_refused_by_its_place_or_reported() -> None:
    gemini = EmbeddingRequest(Dialect.GEMINI, "v", ("a",), dimensions=3, task_type="CLUSTERING")
    assert dump(gemini)[1] == ("taskType",)
    with pytest.raises(NotExpressibleError) as caught:
        dump(gemini, unsupported=frozenset({"dimensions"}))
    assert caught.value.field == "outputDimensionality"
    with pytest.raises(NotExpressibleError) as caught:
        dump(parse({"input": ["a", [1]]}), unsupported=frozenset({"embedding_tokens"}))
    assert caught.value.field == "input[1]"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":5}', b'{"data":[5]}', b'{"data":[{"embedding":["x"]}]}']
)
def test_what_holds_no_vectors_is_malformed(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)


def test_a_number_that_cannot_be_packed_is_malformed() -> None:
    request = parse({"input": "a", "encoding_format": "base64"})
    with pytest.raises(UpstreamMalformedError):
        dump_answer(EmbeddingAnswer("m", ((1e300,),)), request)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "index", "embedding", "usage"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_anything_is_an_answer_or_malformed(value: Any) -> None:
    for one in (value, {"data": value}, {"data": [{"embedding": value}]}):
        try:
            parse_answer(orjson.dumps(one))
        except UpstreamMalformedError:
            continue
