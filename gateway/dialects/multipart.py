"""Where the fields of a form with files stand (RFC 7578), without a copy of the files.

Rule: what two readers could read in two ways is refused: a field that routing depends on and that
stands there twice, a boundary that is none, a part without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap
from typing import Final, NamedTuple, TypeAlias

from gateway.errors import MalformedRequestError

Raw: TypeAlias = bytes | mmap

_TYPE: Final = "multipart/form-data"
# RFC 2046 section 5.1.1, without the blank: nobody sends one.
_BOUNDARY: Final = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?', re.IGNORECASE)
_DISPOSITION: Final = re.compile(
    rb"^content-disposition:[ \t]*form-data[ \t]*;(.*)$", re.IGNORECASE | re.MULTILINE
)
_NAME: Final = re.compile(rb'(?:^|[ \t;])name="((?:[^"\\\r\n]|\\.)*)"')
_FILE_NAME: Final = re.compile(rb"(?:^|[ \t;])filename\*?=", re.IGNORECASE)
_HEAD_BYTES: Final = 8 << 10  # of one part: a name, a type, a file's name
_MOST_PARTS: Final = 256  # OpenAI takes 16 images; forms have a dozen fields
_MOST_VALUE_BYTES: Final = 1024  # of a field that routing reads


class Part(NamedTuple):
    """One field: its name, and where its value begins and ends."""

    name: str
    start: int
    end: int
    is_file: bool


def parse_boundary(content_type: str) -> bytes:
    """Return the line that parts a form's fields.

    Raises:
        MalformedRequestError: it is no form with files, or names no boundary.
    """
    match = _BOUNDARY.search(content_type)
    if content_type.partition(";")[0].strip().lower() != _TYPE or match is None:
        raise MalformedRequestError("the body must be multipart/form-data with a boundary")
    return b"--" + match[1].encode()


def list_parts(raw: Raw, boundary: bytes) -> list[Part]:
    """Return the fields of a form, in their order.

    Raises:
        MalformedRequestError: it is cut short, has too many fields, or one without a name.
    """
    return list(_iter_parts(raw, boundary))


def find_value(raw: Raw, parts: list[Part], name: str) -> tuple[str, Part] | None:
    """Return the text of a field that routing depends on, and where it stands.

    Raises:
        MalformedRequestError: it stands there twice, is a file, too long or no UTF-8.
    """
    found = [part for part in parts if part.name.lower() == name]
    if not found:
        return None
    part = found[0]
    if len(found) > 1 or part.name != name:
        raise MalformedRequestError(f"the form must name its {name} once", field=name)
    if part.is_file or part.end - part.start > _MOST_VALUE_BYTES:
        raise MalformedRequestError(f"{name!r} must be a short text", field=name)
    try:
        return raw[part.start : part.end].decode(), part
    except UnicodeDecodeError:
        raise MalformedRequestError(f"{name!r} must be UTF-8", field=name) from None


def _iter_parts(raw: Raw, boundary: bytes) -> Iterator[Part]:
    at = 0 if raw[: len(boundary)] == boundary else _find(raw, b"\r\n" + boundary, 0) + 2
    for _ in range(_MOST_PARTS):
        at += len(boundary)
        if raw[at : at + 2] == b"--":
            return
        head_end = raw.find(b"\r\n\r\n", at, at + _HEAD_BYTES)
        if raw[at : at + 2] != b"\r\n" or head_end < 0:
            raise MalformedRequestError("a field of the form has no complete head")
        start = head_end + 4
        end = _find(raw, b"\r\n" + boundary, start - 2)  # an empty value shares its line end
        yield _build_part(raw[at + 2 : head_end], start, max(start, end))
        at = end + 2
    raise MalformedRequestError(f"the form has more than {_MOST_PARTS} fields")


def _find(raw: Raw, mark: bytes, start: int) -> int:
    at = raw.find(mark, start)
    if at < 0:
        raise MalformedRequestError("the form ends in its middle")
    return at


def _build_part(head: bytes, start: int, end: int) -> Part:
    dispositions = _DISPOSITION.findall(head.replace(b"\r\n", b"\n"))
    names = _NAME.findall(dispositions[0]) if len(dispositions) == 1 else []
    if len(names) != 1:
        raise MalformedRequestError("a field of the form must have one name")
    name = names[0].decode(errors="replace")
    return Part(name, start, end, _FILE_NAME.search(dispositions[0]) is not None)
