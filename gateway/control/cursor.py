"""Cursors: where the next page of a list begins.

Rule: opaque, authenticated, and bound to one list with one set of filters; any other
text is refused as `cursor`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.entities import PageRequest
from gateway.errors import InvalidValueError

_MAC_BYTES = 16  # a cursor is no credential: guessing one gains a position in a list
_PAGING = frozenset({"limit", "cursor"})


@dataclass(frozen=True, slots=True)
class CursorCodec:
    """Dumps and parses the cursors of one list.

    Args:
        key: MAC key of the installation.
        kind: name of the list.
        query: its parameters; all but `limit` and `cursor` are bound into the cursor.
    """

    key: bytes
    kind: str
    query: Mapping[str, Any]

    def dump(self, after: tuple[int, str] | None) -> str | None:
        """Return the cursor of the page after this position, None after the last page."""
        if after is None:
            return None
        payload = orjson.dumps([self.kind, self._filters(), *after])
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode().rstrip("=")

    def parse(self, cursor: str) -> tuple[int, str]:
        """Return the position.

        Raises:
            InvalidValueError: tampered with, or of another list.
        """
        raw = _decode(cursor)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise _refuse()
        kind, filters, created_at, row_id = orjson.loads(payload)
        if (kind, filters) != (self.kind, self._filters()):
            raise _refuse()
        return int(created_at), str(row_id)

    def page(self) -> PageRequest:
        """Return the page that the query asks for. Raises InvalidValueError."""
        cursor = self.query.get("cursor")
        after = None if cursor is None else self.parse(cursor)
        return PageRequest(limit=self.query["limit"], after=after)

    def _filters(self) -> str:
        filters = {key: value for key, value in self.query.items() if key not in _PAGING}
        content = orjson.dumps(filters, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(content, digest_size=8).hexdigest()

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self.key, payload, "sha256")[:_MAC_BYTES]


def _decode(cursor: str) -> bytes:
    if not cursor.isascii():
        raise _refuse()
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refuse() from None


def _refuse() -> InvalidValueError:
    return InvalidValueError("is not a cursor of this list with these filters", field="cursor")
