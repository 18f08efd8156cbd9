"""MLflow's own ciphertext, and what was changed in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault.mlflow_scheme import DEFAULT_PASSPHRASE, derive_kek, open_value

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "mlflow-3.17.json").read_text(encoding="utf-8")
)["rows"]
ROW = ROWS[0]


def open_row(row: dict[str, Any], **changes: Any) -> Secret:
    row = row | changes
    passphrase = row["passphrase"]
    kek = derive_kek(
        DEFAULT_PASSPHRASE if passphrase is None else Secret(passphrase), row["kek_version"]
    )
    return open_value(
        kek,
        bytes.fromhex(row["wrapped_dek"]),
        bytes.fromhex(row["encrypted_value"]),
        row["secret_id"],
        row["secret_name"],
    )


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_what_mlflow_has_sealed_opens(row: dict[str, Any]) -> None:
    assert open_row(row) == Secret(row["value"])


def test_fields_are_secrets_too() -> None:
    fields = open_row(ROW).fields()
    assert fields == {"api_key": Secret("not-a-real-key-0001")}
    assert "not-a-real" not in repr(fields)
    assert open_row(ROWS[3]).fields() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"passphrase": "made-up passphrase of a Test"},
        {"passphrase": None},
        {"kek_version": 2},
        {"secret_id": "s-other"},
        {"secret_name": "other"},
        {"secret_id": "s-0|golden", "secret_name": "0"},
        {"wrapped_dek": ROWS[2]["wrapped_dek"]},
        {"encrypted_value": ROWS[2]["encrypted_value"]},
        {"wrapped_dek": ""},
        {"encrypted_value": ROW["encrypted_value"][:24]},
        {"encrypted_value": ROW["encrypted_value"] + "00"},
    ],
    ids=str,
)
def test_another_key_or_row_does_not_open(changes: dict[str, Any]) -> None:
    with pytest.raises(VaultIntegrityError):
        open_row(ROW, **changes)


@pytest.mark.parametrize("part", ["wrapped_dek", "encrypted_value"])
def test_no_flipped_bit_opens(part: str) -> None:
    kek = derive_kek(Secret(ROW["passphrase"]), 1)
    parts = {name: bytes.fromhex(ROW[name]) for name in ("wrapped_dek", "encrypted_value")}
    for place in range(len(parts[part]) * 8):
        changed = bytearray(parts[part])
        changed[place // 8] ^= 1 << place % 8
        given = parts | {part: bytes(changed)}
        with pytest.raises(VaultIntegrityError):
            open_value(kek, **given, secret_id=ROW["secret_id"], secret_name=ROW["secret_name"])


@pytest.mark.parametrize("version", [-1, 2**32])
def test_a_version_that_cannot_be_is_refused(version: int) -> None:
    with pytest.raises(VaultIntegrityError):
        derive_kek(Secret("x"), version)
