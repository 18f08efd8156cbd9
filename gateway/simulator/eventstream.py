"""Amazon's binary event stream: frames of headers and payload, each with two checksums.

Source: the Smithy specification, "Amazon Event Stream", 2026-11.

Rule: every header is a string (type 7); a frame is length, header length, checksum of these two,
headers, payload, checksum of all before it.
"""

from __future__ import annotations

import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7


def dump_event(kind: str, payload: bytes) -> bytes:
    """Write one event."""
    return _dump_frame(
        {":event-type": kind, ":content-type": "application/json", ":message-type": "event"},
        payload,
    )


def dump_exception(kind: str, payload: bytes) -> bytes:
    """Write one exception."""
    return _dump_frame(
        {
            ":exception-type": kind,
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        payload,
    )


def _dump_frame(headers: dict[str, str], payload: bytes) -> bytes:
    packed = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), _STRING, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    lengths = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    frame = lengths + struct.pack(">I", zlib.crc32(lengths)) + packed + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
