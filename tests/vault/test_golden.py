"""Records written by released versions; they must open for as long as the version is read."""

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.entities import KekState, KekTerm, SealContext, VaultMeta
from gateway.secret import Secret
from gateway.vault.envelope import RecordOpener, RecordSealer
from gateway.vault.keyring import KEY_FILE, Keyring, open_keyring
from gateway.vault.passphrase import derive_unlocking_key

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "record-v1.json").read_text(encoding="utf-8")
)
CONTEXT = SealContext(**GOLDEN["context"])
VALUE = Secret(GOLDEN["value"])


def read_meta(stored: dict[str, Any]) -> VaultMeta:
    raw = {name: bytes.fromhex(stored[name]) for name in ("salt", "root_check", "wrapped_root")}
    return VaultMeta(**{**stored, **raw})


def read_term(stored: dict[str, Any]) -> KekTerm:
    return KekTerm(
        term=stored["term"],
        state=KekState(stored["state"]),
        wrapped_key=bytes.fromhex(stored["wrapped"]),
        check_value=bytes.fromhex(stored["check"]),
    )


def open_golden(installation: dict[str, Any]) -> Keyring:
    meta = read_meta(installation["meta"])
    if meta.root_kind == KEY_FILE:
        unlocking = Secret(bytes(range(32)))
    else:
        unlocking = derive_unlocking_key(Secret(GOLDEN["phrase"]), meta)
    return open_keyring(unlocking, meta, tuple(map(read_term, installation["terms"])))


def replay_entropy() -> Callable[[int], bytes]:
    """Return what stood in for the operating system's generator when the records were made."""
    calls = itertools.count()
    return lambda count: hashlib.sha256(b"golden%d" % next(calls)).digest()[:count]


@pytest.fixture(params=GOLDEN["installations"], ids=lambda one: one["name"])
def installation(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def test_golden_records_open(installation: dict[str, Any]) -> None:
    keyring = open_golden(installation)
    for record in installation["records"]:
        assert RecordOpener(keyring).open(CONTEXT, bytes.fromhex(record)) == VALUE
    assert keyring.derive("sessions").hex() == installation["derived"]["sessions"]


def test_sealing_still_writes_the_golden_bytes(installation: dict[str, Any]) -> None:
    keyring = open_golden(installation)
    terms = tuple(map(read_term, installation["terms"]))
    for active, record in zip(terms, installation["records"], strict=True):
        keyring.load(
            replace(row, state=KekState.ACTIVE if row is active else KekState.DECRYPT_ONLY)
            for row in terms
        )
        sealer = RecordSealer(keyring, entropy=replay_entropy())
        assert sealer.seal(CONTEXT, VALUE).hex() == record
