"""The bytes of a sealed record, version 1, and of what they authenticate.

========  =====  ==========================================================
offset    bytes  field (integers are big-endian)
========  =====  ==========================================================
0         4      magic ``LGSR``
4         1      version, 1
5         1      suite, 1: AES-256-GCM with HKDF-SHA256
6         4      KEK term, 1 or more
10        12     nonce of the wrap
22        48     wrapped DEK: 32 bytes and tag
70        32     key commitment
102       12     nonce of the payload
114       n+16   ciphertext of n bytes, and tag
========  =====  ==========================================================

Rule: pure bytes, no key is known here. Length, magic, version and suite are
checked before anything else sees a record. Associated data is a list of
length-prefixed fields, so that no two lists make the same bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from gateway.entities import SealContext
from gateway.errors import VaultIntegrityError
from gateway.vault.aead import KEY_BYTES, MAC_BYTES, NONCE_BYTES, TAG_BYTES

MAGIC = b"LGSR"
VERSION = 1
SUITE = 1
WRAPPED_KEY_BYTES = KEY_BYTES + TAG_BYTES
MAX_PAYLOAD_BYTES = 1 << 20  # a credential; a megabyte is far more than any provider's
MAX_TERM = (1 << 32) - 1
_MAX_SECRET_VERSION = (1 << 63) - 1  # what a database column holds

_HEAD = struct.Struct(f">4sBBI{NONCE_BYTES}s{WRAPPED_KEY_BYTES}s{MAC_BYTES}s{NONCE_BYTES}s")
MIN_RECORD_BYTES = _HEAD.size + TAG_BYTES
MAX_RECORD_BYTES = MIN_RECORD_BYTES + MAX_PAYLOAD_BYTES

_WRAP_LABEL = b"lockgate/record/v1/dek"
_PAYLOAD_LABEL = b"lockgate/record/v1/payload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record cut into its fields. A rotation replaces the first three and nothing else."""

    term: int
    wrap_nonce: bytes = field(repr=False)
    wrapped_dek: bytes = field(repr=False)
    commitment: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)  # ciphertext and tag


def parse_record(raw: bytes) -> Record:
    """Cut a record into its fields.

    Raises:
        VaultIntegrityError: wrong length or magic, unknown version or suite, no such term.
    """
    if not MIN_RECORD_BYTES <= len(raw) <= MAX_RECORD_BYTES:
        raise VaultIntegrityError("a sealed record has an impossible length")
    magic, version, suite, term, *rest = _HEAD.unpack_from(raw)
    if magic != MAGIC:
        raise VaultIntegrityError("a stored value is not a sealed record")
    if (version, suite) != (VERSION, SUITE):
        raise VaultIntegrityError("a sealed record has an unknown version or suite")
    if term == 0:
        raise VaultIntegrityError("a sealed record names key term 0, which cannot be")
    wrap_nonce, wrapped_dek, commitment, nonce = rest
    return Record(
        term=term,
        wrap_nonce=wrap_nonce,
        wrapped_dek=wrapped_dek,
        commitment=commitment,
        nonce=nonce,
        sealed=raw[_HEAD.size :],
    )


def dump_record(record: Record) -> bytes:
    """Return the bytes of `record`; the opposite of `parse_record`.

    Raises:
        VaultIntegrityError: a field has a length that the format does not have.
    """
    lengths = tuple(map(len, (record.wrap_nonce, record.wrapped_dek, record.commitment)))
    if lengths != (NONCE_BYTES, WRAPPED_KEY_BYTES, MAC_BYTES) or len(record.nonce) != NONCE_BYTES:
        raise VaultIntegrityError("a field of a record has a wrong length")
    if not TAG_BYTES <= len(record.sealed) <= MAX_PAYLOAD_BYTES + TAG_BYTES:
        raise VaultIntegrityError("a value is too long to be sealed")
    if not 1 <= record.term <= MAX_TERM:
        raise VaultIntegrityError("a key term is outside of 1 to 2^32 - 1")
    head = _HEAD.pack(
        MAGIC,
        VERSION,
        SUITE,
        record.term,
        record.wrap_nonce,
        record.wrapped_dek,
        record.commitment,
        record.nonce,
    )
    return head + record.sealed


def dump_fields(*fields: bytes) -> bytes:
    """Join fields, each after its length as 4 bytes big-endian."""
    return b"".join(struct.pack(">I", len(one)) + one for one in fields)


def dump_wrap_aad(term: int, context: SealContext) -> bytes:
    """Return what the wrap of a DEK authenticates: header, term and context."""
    return dump_fields(
        _WRAP_LABEL, MAGIC, bytes((VERSION, SUITE)), struct.pack(">I", term), *_context(context)
    )


def dump_payload_aad(commitment: bytes, context: SealContext) -> bytes:
    """Return what the payload authenticates: header, commitment and context.

    Neither term nor wrapped DEK is in it: a rotation changes those two and leaves the payload.
    """
    return dump_fields(
        _PAYLOAD_LABEL, MAGIC, bytes((VERSION, SUITE)), commitment, *_context(context)
    )


def _context(context: SealContext) -> tuple[bytes, ...]:
    if not 0 <= context.version <= _MAX_SECRET_VERSION:
        raise VaultIntegrityError("the version of a value is outside of 0 to 2^63 - 1")
    return (
        _encode(context.table),
        _encode(context.row_id),
        _encode(context.name),
        _encode(context.field),
        struct.pack(">Q", context.version),
        _encode(context.provider),
        _encode(context.origin),
    )


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # a lone surrogate must not merge two names
