"""How MLflow seals its gateway's secrets, to open them once, for the move to Lockgate.

A passphrase and a version give the key of keys: PBKDF2-HMAC-SHA256, 600,000 rounds, the salt a
fixed text with the version as four bytes behind it. ``wrapped_dek`` is a nonce of 12 bytes and
the data key under that key, AES-256-GCM without associated data; ``encrypted_value`` a nonce and
the JSON of the value under the data key, bound to ``secret_id|secret_name``.

Source: MLflow 3.17, `mlflow/utils/crypto.py`.

Rule: only opens; nothing is ever sealed in this way.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead

# What MLflow takes where no passphrase was set. It stands in its source: no protection at all.
DEFAULT_PASSPHRASE: Final = Secret("mlflow-default-kek-passphrase-for-development-only")
MAX_KEK_VERSION: Final = 2**32 - 1  # four bytes of the salt
_SALT: Final = b"mlflow-secrets-kek-v1-2025"
_ITERATIONS: Final = 600_000


def derive_kek(passphrase: Secret, kek_version: int) -> Secret:
    """Return MLflow's key of keys; takes about 0.2 s of CPU.

    Raises:
        VaultIntegrityError: a version that MLflow cannot have.
    """
    if not 0 <= kek_version <= MAX_KEK_VERSION:
        raise VaultIntegrityError("the kek_version is none that MLflow can have")
    salt = _SALT + kek_version.to_bytes(4, "big")
    return aead.pbkdf2_sha256(passphrase, salt, iterations=_ITERATIONS)


def open_value(
    kek: Secret, wrapped_dek: bytes, encrypted_value: bytes, secret_id: str, secret_name: str
) -> Secret:
    """Return the JSON of a secret's value.

    Raises:
        VaultIntegrityError: another key, or a row that was changed.
    """
    dek = _open(kek, wrapped_dek, b"")
    return _open(dek, encrypted_value, f"{secret_id}|{secret_name}".encode(errors="replace"))


def _open(key: Secret, sealed: bytes, aad: bytes) -> Secret:
    nonce, rest = sealed[: aead.NONCE_BYTES], sealed[aead.NONCE_BYTES :]
    return aead.open_aes_256_gcm(key, nonce, rest, aad)
