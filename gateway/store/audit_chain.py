"""The chain of the audit log: what is hashed, byte by byte, and which keys sign it.

Every row holds the hash of the row before it, the hash of its own content with that, and a MAC of
its hash. The head holds number and hash of the last row under a MAC of its own. A checkpoint says
the same to somebody outside; its MAC is another, so that one who reads checkpoints cannot make a
head of an old one. docs/audit.md has the format.

Rule: pure. A hash needs no key, so that anybody can check an export; whoever lacks the key can
make neither a row nor a head.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from typing import Any, Final

from gateway.entities import AuditHead, AuditRecord
from gateway.errors import InvalidValueError

AUDIT_CHAIN_PURPOSE: Final = "audit-chain"  # of the key, for `KeyDeriver.derive`
HASH_BYTES: Final = 32
FIRST_HASH: Final = bytes(HASH_BYTES)  # what stands before the first row
_ROW_LABEL: Final = b"lockgate/audit/v1/row"
_ROW_MAC_LABEL: Final = b"lockgate/audit/v1/row-mac"
_HEAD_LABEL: Final = b"lockgate/audit/v1/head"
_CHECKPOINT_LABEL: Final = b"lockgate/audit/v1/checkpoint"
_KEY_LABEL: Final = b"lockgate/audit/v1/key"
_KEY_ID_BYTES: Final = 8
_NULL: Final = b"\xff\xff\xff\xff"  # as a length: no text is that long
_CHECKPOINT: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64}):([0-9a-f]{64})")


def dump_content(record: AuditRecord) -> bytes:
    """Write what the hash of a row is taken over."""
    values = (
        record.audit_id,
        int(record.before_chain),
        record.at,
        record.actor,
        record.action,
        record.entity_type,
        record.entity_id,
        record.entity_name,
        record.before,
        record.after,
        record.request_id,
        record.source_address,
    )
    return _ROW_LABEL + b"".join(map(_dump_value, values)) + record.former_hash


def _dump_value(value: Any) -> bytes:
    if value is None:
        return _NULL
    # A value of a kind that no Lockgate writes has to give a hash too: another one.
    raw = str(value).encode(errors="surrogatepass")
    return len(raw).to_bytes(4, "big") + raw


def compute_hash(record: AuditRecord) -> bytes:
    """Return the SHA-256 of a row's content and of the hash before it."""
    return hashlib.sha256(dump_content(record)).digest()


class AuditChain:
    """Makes and checks rows, heads and checkpoints under the key of one installation."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_id = self._mac(_KEY_LABEL)[:_KEY_ID_BYTES].hex()

    def seal(self, record: AuditRecord) -> AuditRecord:
        """Return a row with its hash and MAC; `former_hash` is set already."""
        row_hash = compute_hash(record)
        return replace(record, row_hash=row_hash, row_mac=self.sign_row(row_hash))

    def sign_row(self, row_hash: bytes) -> bytes:
        """Return the MAC of a row."""
        return self._mac(_ROW_MAC_LABEL, row_hash)

    def build_head(self, last_id: int, last_hash: bytes) -> AuditHead:
        """Build the head that ends the chain at a row."""
        mac = self._mac(_HEAD_LABEL, _dump_value(last_id), last_hash)
        return AuditHead(last_id=last_id, last_hash=last_hash, mac=mac)

    def is_row_genuine(self, record: AuditRecord) -> bool:
        """Tell whether the MAC is one that the key's holder made of the row's hash."""
        return _equal(record.row_mac, self.sign_row(record.row_hash))

    def is_head_genuine(self, head: AuditHead) -> bool:
        """Tell whether the key's holder made this head."""
        return _equal(head.mac, self.build_head(head.last_id, head.last_hash).mac)

    def dump_checkpoint(self, head: AuditHead) -> str:
        """Write number, hash and MAC of the last row, to be kept elsewhere."""
        mac = self._sign_checkpoint(head.last_id, head.last_hash)
        return f"{head.last_id}:{head.last_hash.hex()}:{mac.hex()}"

    def parse_checkpoint(self, text: str) -> tuple[int, bytes]:
        """Return number and hash of the row that a checkpoint is about.

        Raises:
            InvalidValueError: it is none, or was not made with this key.
        """
        row_id, row_hash, mac = split_checkpoint(text)
        if not _equal(mac, self._sign_checkpoint(row_id, row_hash)):
            raise InvalidValueError(
                "the checkpoint was not made by this installation, or was changed",
                field="checkpoint",
            )
        return row_id, row_hash

    def _sign_checkpoint(self, row_id: int, row_hash: bytes) -> bytes:
        return self._mac(_CHECKPOINT_LABEL, _dump_value(row_id), row_hash)

    def _mac(self, *parts: bytes) -> bytes:
        return hmac.digest(self._key, b"".join(parts), "sha256")

    def __repr__(self) -> str:
        return f"AuditChain(key_id={self.key_id})"


def split_checkpoint(text: str) -> tuple[int, bytes, bytes]:
    """Return number, hash and MAC of a checkpoint, unchecked.

    Raises:
        InvalidValueError: it is none.
    """
    found = _CHECKPOINT.fullmatch(text.strip())
    if found is None:
        raise InvalidValueError("a checkpoint has the form NUMBER:HASH:MAC", field="checkpoint")
    return int(found[1]), bytes.fromhex(found[2]), bytes.fromhex(found[3])


def _equal(left: Any, right: bytes) -> bool:
    return isinstance(left, bytes) and hmac.compare_digest(left, right)
