"""Entity tags and the conditions that hang on them (RFC 9110, section 13).

Rule: a tag is strong: it is made of the representation and the row's version, so that
equal tags mean equal entities, also after a change there and back.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from gateway.errors import InvalidValueError, StaleVersionError

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*')
_TAG_BYTES = 16


def build_etag(representation: dict[str, Any], version: int) -> str:
    """Return the strong entity tag of a representation, in its quotes."""
    content = orjson.dumps([version, representation], option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.blake2b(content, digest_size=_TAG_BYTES).hexdigest()}"'


def check_if_match(header: str | None, *etags: str) -> None:
    """Compare `If-Match` with the entity's current tag, or one of several that stand for it.

    Raises:
        StaleVersionError: none of the header's tags is current.
        InvalidValueError: the header is no list of entity tags.
    """
    if header is None or header.strip() == "*":
        return
    strong = {tag for weak, tag in _parse_tags(header, "If-Match") if not weak}
    if not strong.intersection(etag.strip('"') for etag in etags):
        raise StaleVersionError(
            "it has been changed since that version was read: read it again", field="If-Match"
        )


def is_not_modified(header: str | None, etag: str) -> bool:
    """Tell whether `If-None-Match` names the current tag (weak comparison)."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    try:
        return etag.strip('"') in {tag for _, tag in _parse_tags(header, "If-None-Match")}
    except InvalidValueError:
        return False  # a condition that cannot be read is no reason to withhold the entity


def _parse_tags(header: str, name: str) -> list[tuple[bool, str]]:
    matches = [_TAG.fullmatch(part) for part in header.split(",")]
    if not all(matches):
        raise InvalidValueError("must be a list of entity tags in double quotes", field=name)
    return [(bool(match[1]), match[2]) for match in matches if match]
