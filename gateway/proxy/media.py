"""Requests that are forms with files: which endpoint they name, and where.

Source: OpenAI's API reference for images/edits, audio/transcriptions and audio/translations.

Rule: a file is neither kept in memory nor looked into; what is replaced is the model's name alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.dialects.multipart import Part, find_value, list_parts, parse_boundary
from gateway.errors import MalformedRequestError
from gateway.proxy.front import Head
from gateway.proxy.front.upload import Raw

_TRUE: Final = ("true", "1", "True")


class Form(NamedTuple):
    """What is known of a form: the model that it names and where, whether it asks for a stream."""

    raw: Raw
    model: str
    place: Part
    stream: bool

    def cut(self) -> list[bytes | memoryview]:
        """Return the form in two pieces: another name goes between them."""
        view = memoryview(self.raw)
        return [view[: self.place.start], view[self.place.end :]]


def read_form(head: Head, raw: Raw) -> Form:
    """Read what routing needs of a form.

    Raises:
        MalformedRequestError: it is no form, or does not name its model once.
    """
    parts = list_parts(raw, parse_boundary(head.find("content-type") or ""))
    named = find_value(raw, parts, "model")
    if named is None or not named[0]:
        raise MalformedRequestError("the form has no model", field="model")
    stream = find_value(raw, parts, "stream")
    return Form(raw, *named, stream is not None and stream[0] in _TRUE)
