"""AWS event streams: bytes, cut anywhere, become messages; and messages become bytes.

Format: "Amazon Event Stream" of the Smithy specification: total length and length of the headers
(u32, big endian), CRC-32 of those eight bytes, headers, payload, CRC-32 of all before it. A
header is the length of its name (u8), the name, a type (u8) and a value.

Rule: cutting the input elsewhere never changes the messages; a message whose checksum is wrong
is none, and nothing after it is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from struct import Struct, error
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.errors import UpstreamMalformedError

_PRELUDE: Final = Struct(">III")
_U32: Final = Struct(">I")
_U16: Final = Struct(">H")
_SHORTEST: Final = _PRELUDE.size + _U32.size
# Limits of the specification: 16 MiB of payload, 128 KiB of headers.
_MOST_HEADERS_BYTES: Final = 128 << 10
_MOST_BYTES: Final = (16 << 20) + _MOST_HEADERS_BYTES + _SHORTEST
_STRING: Final = 7
# Bytes of the values of the other types; of two the length stands before the value.
_FIXED: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_COUNTED: Final = frozenset({6, _STRING})
_MOST_KNOWN: Final = 64  # a stream has a dozen different headers; more is not worth keeping


class Message(NamedTuple):
    """One message: its headers that are text, and its payload."""

    headers: Mapping[str, str]
    payload: bytes


def dump_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message with headers of text."""
    packed = b"".join(map(_dump_header, headers.items()))
    total = _SHORTEST + len(packed) + len(payload)
    lengths = _PRELUDE.pack(total, len(packed), 0)[:8]
    body = lengths + _U32.pack(zlib.crc32(lengths)) + packed + payload
    return body + _U32.pack(zlib.crc32(body))


def _dump_header(item: tuple[str, str]) -> bytes:
    name, value = item[0].encode(), item[1].encode()
    return bytes((len(name),)) + name + bytes((_STRING,)) + _U16.pack(len(value)) + value


class MessageSplitter:
    """Cuts a stream into messages."""

    __slots__ = ("_buffer", "_known", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = _PRELUDE.size  # with fewer bytes there is nothing to be read
        self._known: dict[bytes, Mapping[str, str]] = {}

    @property
    def is_pending(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[Message]:
        """Return the messages that `chunk` completes.

        Raises:
            UpstreamMalformedError: a length that cannot be, a wrong checksum, broken headers.
        """
        self._buffer += chunk
        messages, at, have = list[Message](), 0, len(self._buffer)
        if have < self._needed:
            return messages
        data, self._needed = bytes(self._buffer), _PRELUDE.size
        while have - at >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(data, at)
            _check_prelude(data, at, total, headers, checksum)
            if have - at < total:
                self._needed = total
                break
            messages.append(self._parse(data[at : at + total], headers))
            at += total
        del self._buffer[:at]
        return messages

    def _parse(self, whole: bytes, headers: int) -> Message:
        end = len(whole) - _U32.size
        if zlib.crc32(whole[:end]) != _U32.unpack_from(whole, end)[0]:
            raise UpstreamMalformedError("a message of the event stream has a wrong checksum")
        start = _PRELUDE.size + headers
        packed = whole[_PRELUDE.size : start]
        known = self._known.get(packed)
        if known is None:
            known = _parse_headers(packed)
            if len(self._known) < _MOST_KNOWN:
                self._known[packed] = known
        return Message(known, whole[start:end])


def _check_prelude(data: bytes, at: int, total: int, headers: int, checksum: int) -> None:
    if zlib.crc32(data[at : at + 8]) != checksum:
        raise UpstreamMalformedError("the event stream has a wrong checksum")
    if not _SHORTEST + headers <= total <= _MOST_BYTES or headers > _MOST_HEADERS_BYTES:
        raise UpstreamMalformedError("a message of the event stream has an impossible length")


def _parse_headers(packed: bytes) -> Mapping[str, str]:
    headers, at = {}, 0
    try:
        while at < len(packed):
            name_end = at + 1 + packed[at]
            kind = packed[name_end]
            start = name_end + 1
            if kind in _COUNTED:
                length = _U16.unpack_from(packed, start)[0]
                start += _U16.size
            else:
                length = _FIXED[kind]
            if start + length > len(packed):
                raise UpstreamMalformedError("a header of the event stream is cut off")
            if kind == _STRING:
                value = packed[start : start + length].decode()
                headers[packed[at + 1 : name_end].decode()] = value
            at = start + length
    except (IndexError, KeyError, UnicodeDecodeError, error) as exc:
        raise UpstreamMalformedError("the event stream has broken headers") from exc
    return MappingProxyType(headers)
