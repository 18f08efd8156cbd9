import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead

ROOT = Path(__file__).parents[2]
VECTORS = ROOT.parent / "shared" / "vectors" / "wycheproof"


def read_groups(name: str) -> list[dict[str, Any]]:
    path = VECTORS / name
    if not path.is_file():
        pytest.skip(f"the Wycheproof vectors are not beside the checkout: no {name}")
    return json.loads(path.read_text(encoding="utf-8"))["testGroups"]


def raw(case: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(case[name])


def is_ours(group: dict[str, Any]) -> bool:
    return (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)


def test_wycheproof_aes_gcm_seals_and_opens_as_specified() -> None:
    ran = 0
    for group in filter(is_ours, read_groups("aes_gcm_test.json")):
        for case in group["tests"]:
            key, nonce, aad = Secret(raw(case, "key")), raw(case, "iv"), raw(case, "aad")
            message, sealed = Secret(raw(case, "msg")), raw(case, "ct") + raw(case, "tag")
            if case["result"] == "valid":
                assert aead.seal_aes_256_gcm(key, nonce, message, aad) == sealed, case["tcId"]
                assert aead.open_aes_256_gcm(key, nonce, sealed, aad) == message, case["tcId"]
            else:
                with pytest.raises(VaultIntegrityError):
                    aead.open_aes_256_gcm(key, nonce, sealed, aad)
            ran += 1
    assert ran > 60


def test_wycheproof_aes_gcm_of_other_sizes_is_refused() -> None:
    ran = 0
    for group in read_groups("aes_gcm_test.json"):
        if is_ours(group):
            continue
        for case in group["tests"]:
            key, nonce, aad = Secret(raw(case, "key")), raw(case, "iv"), raw(case, "aad")
            with pytest.raises(VaultIntegrityError):
                aead.seal_aes_256_gcm(key, nonce, Secret(raw(case, "msg")), aad)
            with pytest.raises(VaultIntegrityError):
                aead.open_aes_256_gcm(key, nonce, raw(case, "ct") + raw(case, "tag"), aad)
            ran += 1
    assert ran > 100


def test_wycheproof_hkdf() -> None:
    ran = 0
    for group in read_groups("hkdf_sha256_test.json"):
        for case in group["tests"]:
            key, salt, info = Secret(raw(case, "ikm")), raw(case, "salt"), raw(case, "info")
            if case["result"] == "valid":
                made = aead.hkdf_sha256(key, salt=salt, info=info, length=case["size"])
                assert made == raw(case, "okm"), case["tcId"]
            else:
                with pytest.raises(VaultIntegrityError):
                    aead.hkdf_sha256(key, salt=salt, info=info, length=case["size"])
            ran += 1
    assert ran > 80


def test_wycheproof_hmac() -> None:
    ran = 0
    for group in read_groups("hmac_sha256_test.json"):
        for case in group["tests"]:
            mac = aead.hmac_sha256(Secret(raw(case, "key")), raw(case, "msg"))
            agrees = mac[: group["tagSize"] // 8] == raw(case, "tag")
            assert agrees is (case["result"] == "valid"), case["tcId"]
            ran += 1
    assert ran > 160


def test_wycheproof_pbkdf2() -> None:
    ran = 0
    for group in read_groups("pbkdf2_hmacsha256_test.json"):
        for case in group["tests"]:
            made = aead.pbkdf2_sha256(
                Secret(raw(case, "password")),
                raw(case, "salt"),
                iterations=case["iterationCount"],
                length=case["dkLen"],
            )
            agrees = made == Secret(raw(case, "dk"))
            assert agrees is (case["result"] == "valid"), case["tcId"]
            ran += 1
    assert ran > 50


def test_argon2id_of_the_reference_implementation() -> None:
    # phc-winner-argon2, src/test.c, version 0x13 of Argon2id: t=2, m=2^16 KiB, p=1.
    made = aead.argon2id(Secret("password"), b"somesalt", memory_kib=1 << 16, iterations=2, lanes=1)
    expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert made == Secret(bytes.fromhex(expected))


def test_scrypt_of_the_rfc() -> None:
    # RFC 7914 section 12, third vector, cut to 32 bytes: the output is PBKDF2 blocks in order.
    made = aead.scrypt(Secret("pleaseletmein"), b"SodiumChloride", log2_n=14, r=8, p=1)
    expected = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    assert made == Secret(bytes.fromhex(expected))


@pytest.mark.parametrize(
    "derive",
    [
        lambda: aead.argon2id(Secret("x"), b"short", memory_kib=64, iterations=1, lanes=1),
        lambda: aead.argon2id(Secret("x"), b"s" * 16, memory_kib=1, iterations=1, lanes=4),
        lambda: aead.scrypt(Secret("x"), b"s" * 16, log2_n=0, r=8, p=1),
        lambda: aead.scrypt(Secret("x"), b"s" * 16, log2_n=14, r=0, p=1),
        lambda: aead.pbkdf2_sha256(Secret("x"), b"s" * 16, iterations=0),
        lambda: aead.hkdf_sha256(Secret("x"), salt=b"", info=b"", length=0),
        lambda: aead.hkdf_sha256(Secret("x"), salt=b"", info=b"", length=8161),
    ],
)
def test_impossible_parameters_are_an_error_of_ours(derive: Callable[[], object]) -> None:
    with pytest.raises(VaultIntegrityError):
        derive()


def test_a_sealed_value_shorter_than_a_tag_is_refused() -> None:
    with pytest.raises(VaultIntegrityError):
        aead.open_aes_256_gcm(Secret(b"k" * 32), b"n" * 12, b"t" * 15, b"")


def test_random_bytes_differ_and_have_the_length() -> None:
    made = {aead.random_bytes(32) for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {32}


def test_cryptography_is_imported_in_one_module() -> None:
    pattern = re.compile(r"^\s*(from|import)\s+cryptography\b", re.MULTILINE)
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "gateway").rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"gateway/vault/aead.py"}
