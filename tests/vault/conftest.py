"""An installation with two terms, and what its records are bound to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from gateway.entities import KekState, KekTerm, SealContext, VaultMeta
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.envelope import RecordOpener, RecordSealer
from gateway.vault.keyring import (
    Keyring,
    build_key_file_protection,
    create_installation,
    open_keyring,
)


@dataclass(frozen=True)
class Vault:
    unlocking: Secret
    meta: VaultMeta
    terms: tuple[KekTerm, ...]
    keyring: Keyring
    sealer: RecordSealer
    opener: RecordOpener


def build_vault() -> Vault:
    """Build an installation whose term 1 only decrypts and whose term 2 is active."""
    unlocking = Secret(aead.random_bytes(32))
    meta, first = create_installation(unlocking, build_key_file_protection(), created_at=1)
    keyring = open_keyring(unlocking, meta, (first,))
    terms = (
        replace(first, state=KekState.DECRYPT_ONLY),
        keyring.build_term(2, KekState.ACTIVE, 2),
    )
    keyring.load(terms)
    return Vault(unlocking, meta, terms, keyring, RecordSealer(keyring), RecordOpener(keyring))


@pytest.fixture(scope="session")
def make_vault() -> Callable[[], Vault]:
    return build_vault


@pytest.fixture(scope="session")
def vault() -> Vault:
    return build_vault()


@pytest.fixture(scope="session")
def context() -> SealContext:
    return SealContext(
        table="secrets",
        row_id="s-00000000000000000000000000000001",
        name="openai-prod",
        field="secret_value",
        version=1,
        provider="openai",
        origin="https://api.openai.com:443",
    )
