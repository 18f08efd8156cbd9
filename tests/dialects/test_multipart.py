"""Forms with files: where their fields stand, and what is refused."""

from __future__ import annotations

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.multipart import find_value, list_parts, parse_boundary
from gateway.errors import MalformedRequestError

BOUNDARY = b"--XyZ"


def form(*fields: tuple[bytes, bytes], end: bytes = b"--XyZ--\r\n") -> bytes:
    return b"".join(b"--XyZ\r\n%b\r\n\r\n%b\r\n" % field for field in fields) + end


def named(name: str, more: str = "") -> bytes:
    return f'Content-Disposition: form-data; name="{name}"{more}'.encode()


@given(st.binary(max_size=300), st.text(alphabet="abc-./1", max_size=20), st.booleans())
def test_values_are_found_around_any_file(file: bytes, model: str, file_first: bool) -> None:
    fields = [(named("model"), model.encode()), (named("file", '; filename="a.wav"'), file)]
    if b"\r\n--XyZ" in b"\r\n" + file:
        return
    raw = form(*(reversed(fields) if file_first else fields))
    parts = list_parts(raw, BOUNDARY)
    found = find_value(raw, parts, "model")
    assert found is not None
    assert found[0] == model
    assert raw[found[1].start : found[1].end] == model.encode()
    (other,) = [part for part in parts if part.is_file]
    assert raw[other.start : other.end] == file
    assert find_value(raw, parts, "stream") is None


@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_read(raw: bytes) -> None:
    try:
        list_parts(BOUNDARY + raw, BOUNDARY)
    except MalformedRequestError:
        return


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        form((named("model"), b"a"), end=b""),
        form((b"X-Other: 1", b"a")),
        form((named("a", '; name="b"'), b"a")),
        b"--XyZ\r\n" + named("model") + b"\r\nno blank line",
        form(*[(named(f"f{n}"), b"") for n in range(300)]),
    ],
)
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        list_parts(raw, BOUNDARY)


@pytest.mark.parametrize(
    "fields",
    [
        [(named("model"), b"a"), (named("model"), b"b")],
        [(named("Model"), b"a")],
        [(named("model", '; filename="x"'), b"a")],
        [(named("model"), b"a" * 2000)],
        [(named("model"), b"\xff")],
    ],
)
def test_a_model_that_two_readers_could_read_in_two_ways_is_refused(
    fields: list[tuple[bytes, bytes]],
) -> None:
    raw = form(*fields)
    with pytest.raises(MalformedRequestError) as caught:
        find_value(raw, list_parts(raw, BOUNDARY), "model")
    assert caught.value.field == "model"


@pytest.mark.parametrize(
    "given_type", ["application/json", "multipart/form-data", "multipart/mixed; boundary=a", ""]
)
def test_what_names_no_boundary_is_refused(given_type: str) -> None:
    with pytest.raises(MalformedRequestError):
        parse_boundary(given_type)


def test_a_form_as_a_client_library_writes_it() -> None:
    data = FormData(default_to_multipart=True)
    data.add_field("file", b"RIFF", filename="a.wav", content_type="audio/wav")
    data.add_field("model", "whisper")
    writer = data()
    assert parse_boundary(writer.content_type).startswith(b"--")
