"""Carries the opened keys of terms from the parent to a worker.

A worker opens records by itself, so it needs the key-encryption keys; it never gets the root key,
the key file or the passphrase.

Rule: the one place where keys are written in the clear: into the private socketpair between two
processes of ours, never into argv, the environment, a file or a pickle.
"""

from __future__ import annotations

import struct
from typing import Final

import orjson

from gateway.secret import Secret
from gateway.vault.keyring import KekSet

_COUNT: Final = struct.Struct(">I")
_TERM: Final = struct.Struct(">I32s")


def dump_keys(keys: KekSet) -> bytes:
    """Return the payload of a KEYS frame: count, (term, 32 bytes) each, reasons as JSON."""
    parts = [_COUNT.pack(len(keys.keks))]
    parts += [_TERM.pack(term, kek.reveal()) for term, kek in keys.keks.items()]
    reasons = {str(term): reason for term, reason in keys.unusable.items()}
    return b"".join((*parts, orjson.dumps(reasons)))


def parse_keys(payload: bytes) -> KekSet:
    """Undo `dump_keys`."""
    (count,) = _COUNT.unpack_from(payload)
    end = _COUNT.size + count * _TERM.size
    keks = {term: Secret(value) for term, value in _TERM.iter_unpack(payload[_COUNT.size : end])}
    reasons = {int(term): reason for term, reason in orjson.loads(payload[end:]).items()}
    return KekSet(keks, reasons)
