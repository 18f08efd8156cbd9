"""Cryptographic primitives, under the names of their specifications.

AES-256-GCM (NIST SP 800-38D), HKDF-SHA256 (RFC 5869), HMAC-SHA256 (RFC 2104),
Argon2id (RFC 9106), scrypt (RFC 7914), PBKDF2-HMAC-SHA256 (RFC 8018).

Rule: the only module that imports ``cryptography``, and in the vault the only
one that reveals a `Secret`. Keys go in and come out as `Secret`; every failure
leaves as VaultIntegrityError that says nothing about the values.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.errors import VaultIntegrityError
from gateway.secret import Secret

KEY_BYTES = 32
NONCE_BYTES = 12  # the one size that GCM uses as it is; others are hashed first
TAG_BYTES = 16
MAC_BYTES = 32


def random_bytes(count: int) -> bytes:
    """Return `count` bytes of the operating system's generator."""
    return os.urandom(count)


def equal(left: bytes, right: bytes) -> bool:
    """Compare in time that does not depend on the content."""
    return constant_time.bytes_eq(left, right)


def seal_aes_256_gcm(key: Secret, nonce: bytes, plaintext: Secret, aad: bytes) -> bytes:
    """Return ciphertext followed by the 16-byte tag.

    The caller must never use the same key and nonce twice.

    Raises:
        VaultIntegrityError: the key is not 32 bytes or the nonce not 12.
    """
    cipher = _cipher(key, nonce)
    return cipher.encrypt(nonce, plaintext.reveal(), aad)


def open_aes_256_gcm(key: Secret, nonce: bytes, sealed: bytes, aad: bytes) -> Secret:
    """Return the plaintext of `sealed` (ciphertext and tag) after checking the tag.

    Raises:
        VaultIntegrityError: wrong key, nonce, associated data or ciphertext, or a wrong length.
    """
    cipher = _cipher(key, nonce)
    if len(sealed) < TAG_BYTES:
        raise VaultIntegrityError("a sealed value is too short")
    try:
        return Secret(cipher.decrypt(nonce, sealed, aad))
    except InvalidTag:
        raise VaultIntegrityError("a sealed value does not authenticate") from None


def _cipher(key: Secret, nonce: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise VaultIntegrityError("AES-256-GCM needs a key of 32 bytes")
    if len(nonce) != NONCE_BYTES:
        raise VaultIntegrityError("AES-256-GCM needs a nonce of 12 bytes")
    return AESGCM(key.reveal())


def hkdf_sha256(key: Secret, *, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """Extract and expand `key` into `length` bytes (RFC 5869).

    Raises:
        VaultIntegrityError: `length` is not within 1 to 8160, the limit of the RFC.
    """
    if not 1 <= length <= 255 * MAC_BYTES:
        raise VaultIntegrityError("HKDF-SHA256 gives 1 to 8160 bytes")
    return HKDF(hashes.SHA256(), length, salt=salt, info=info).derive(key.reveal())


def derive_key(key: Secret, *, salt: bytes, info: bytes) -> Secret:
    """Return a 32-byte key derived from `key` by `hkdf_sha256`."""
    return Secret(hkdf_sha256(key, salt=salt, info=info))


def hmac_sha256(key: Secret, message: bytes) -> bytes:
    """Return the 32-byte HMAC of `message`."""
    mac = hmac.HMAC(key.reveal(), hashes.SHA256())
    mac.update(message)
    return mac.finalize()


def argon2id(
    passphrase: Secret, salt: bytes, *, memory_kib: int, iterations: int, lanes: int
) -> Secret:
    """Derive 32 bytes with Argon2id version 1.3.

    Raises:
        VaultIntegrityError: parameters that the algorithm does not have.
        MemoryError: the memory asked for is not there.
    """
    try:
        kdf = Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=iterations,
            lanes=lanes,
            memory_cost=memory_kib,
        )
        return Secret(kdf.derive(passphrase.reveal()))
    except (ValueError, OverflowError):
        raise VaultIntegrityError("Argon2id does not take these parameters") from None


def scrypt(passphrase: Secret, salt: bytes, *, log2_n: int, r: int, p: int) -> Secret:
    """Derive 32 bytes with scrypt, cost 2 to the power of `log2_n`.

    Raises:
        VaultIntegrityError: parameters that the algorithm does not have.
        MemoryError: the memory asked for is not there.
    """
    try:
        kdf = Scrypt(salt=salt, length=KEY_BYTES, n=1 << log2_n, r=r, p=p)
        return Secret(kdf.derive(passphrase.reveal()))
    except (ValueError, OverflowError):
        raise VaultIntegrityError("scrypt does not take these parameters") from None


def pbkdf2_sha256(
    passphrase: Secret, salt: bytes, *, iterations: int, length: int = KEY_BYTES
) -> Secret:
    """Derive `length` bytes with PBKDF2-HMAC-SHA256.

    Raises:
        VaultIntegrityError: parameters that the algorithm does not have.
    """
    try:
        kdf = PBKDF2HMAC(hashes.SHA256(), length, salt, iterations)
        return Secret(kdf.derive(passphrase.reveal()))
    except (ValueError, OverflowError):
        raise VaultIntegrityError("PBKDF2 does not take these parameters") from None
