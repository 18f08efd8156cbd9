"""Signatures of thoughts: opaque texts that the simulator issues and knows again.

Rule: nothing is remembered; a seal holds a nonce and the digest of kind, nonce and what it seals.
"""

from __future__ import annotations

import base64
import binascii

from gateway.simulator.exchange import build_digest

_NONCE = 12
_DIGEST = 48


def build_seal(kind: str, key: str, content: str = "") -> str:
    """Issue a seal of a kind (the vendor's family) on a content."""
    nonce = key[:_NONCE].ljust(_NONCE, "0")
    proof = build_digest("seal", kind, nonce, content)[:_DIGEST]
    return base64.b64encode(f"{nonce}{proof}".encode()).decode()


def is_sealed(kind: str, seal: object, content: str = "") -> bool:
    """Tell whether a seal is one of this kind on this content."""
    if not isinstance(seal, str):
        return False
    try:
        opened = base64.b64decode(seal, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    nonce, proof = opened[:_NONCE], opened[_NONCE:]
    return proof == build_digest("seal", kind, nonce, content)[:_DIGEST]
