from __future__ import annotations

import copy
import pickle

import pytest

from gateway.entities import SealContext
from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault.envelope import RecordOpener
from gateway.vault.keyring import KekSet
from gateway.workers.keys import dump_keys, parse_keys
from tests.vault.conftest import build_vault

CONTEXT = SealContext(
    table="secrets",
    row_id="s-1",
    name="n",
    field="secret_value",
    version=1,
    provider="openai",
    origin="https://api.openai.com:443",
)


def test_a_worker_opens_what_the_parent_sealed() -> None:
    vault = build_vault()
    record = vault.sealer.seal(CONTEXT, Secret(b'{"api_key": "k"}'))
    keys = parse_keys(dump_keys(vault.keyring.pick_keks()))
    assert RecordOpener(keys).open(CONTEXT, record) == Secret(b'{"api_key": "k"}')
    assert set(keys.keks) == {1, 2}


def test_reasons_come_along() -> None:
    keys = parse_keys(dump_keys(KekSet({}, {3: "the row of key term 3 is damaged"})))
    with pytest.raises(VaultIntegrityError) as damaged:
        keys.get_kek(3)
    assert damaged.value.reason == "the row of key term 3 is damaged"
    with pytest.raises(VaultIntegrityError) as missing:
        keys.get_kek(4)
    assert "not in the database" in missing.value.reason


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_keys_are_not_copied_by_accident(take: object) -> None:
    with pytest.raises(TypeError):
        take(KekSet({1: Secret(b"k" * 32)}, {}))  # type: ignore[operator]
