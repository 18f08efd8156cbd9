from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import KekTerm, VaultMeta
from gateway.errors import RootKeyError
from gateway.secret import Secret
from gateway.vault.keyring import create_installation, open_keyring
from gateway.vault.passphrase import (
    BOUNDS,
    DEFAULTS,
    build_passphrase_protection,
    check_passphrase,
    derive_unlocking_key,
)

GOOD = Secret("seven lanterns over wet slate")
FLOORS = {kdf: {name: low for name, (low, _) in bounds.items()} for kdf, bounds in BOUNDS.items()}


@pytest.fixture(scope="module", params=list(FLOORS))
def installation(request: pytest.FixtureRequest) -> tuple[VaultMeta, KekTerm]:
    kdf = request.param
    protection = build_passphrase_protection(GOOD, kdf, FLOORS[kdf])
    unlocking = derive_unlocking_key(GOOD, protection)
    return create_installation(unlocking, protection, created_at=0)


def test_the_passphrase_opens_what_it_protects(installation: tuple[VaultMeta, KekTerm]) -> None:
    meta, term = installation
    keyring = open_keyring(derive_unlocking_key(GOOD, meta), meta, (term,))
    assert keyring.active_term == 1


def test_wrong_root_key_by_one_letter(installation: tuple[VaultMeta, KekTerm]) -> None:
    meta, term = installation
    unlocking = derive_unlocking_key(Secret("seven lanterns over wet slatE"), meta)
    with pytest.raises(RootKeyError) as caught:
        open_keyring(unlocking, meta, (term,))
    assert "passphrase is not the one" in caught.value.detail


def test_defaults_are_the_documented_ones_and_in_bounds() -> None:
    assert DEFAULTS["argon2id"] == {"memory_kib": 256 * 1024, "iterations": 3, "lanes": 4}
    assert DEFAULTS["pbkdf2_sha256"]["iterations"] >= 600_000
    for kdf, params in DEFAULTS.items():
        assert build_passphrase_protection(GOOD, kdf).kdf_params == params


def test_each_protection_has_its_own_salt() -> None:
    salts = {build_passphrase_protection(GOOD).salt for _ in range(20)}
    assert len(salts) == 20
    assert {len(salt) for salt in salts} == {32}


# --- weak passphrases ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passphrase", "word"),
    [
        ("", "empty"),
        ("thirteen char", "too short"),
        ("ключключключ", "too short"),  # 24 bytes, 12 characters
        ("aaaaaaaaaaaaaaaaaaaa", "everybody"),
        ("abababababababab", "everybody"),
        ("12345678901234", "everybody"),
        ("changeme-changeme", "everybody"),
        ("ChangeMe12345678", "everybody"),
        ("mlflow-default-kek-passphrase-for-development-only", "everybody"),
        ("correct horse battery staple", "everybody"),
        ("Password12345678!", "everybody"),
    ],
)
def test_weak_passphrase_is_refused(passphrase: str, word: str) -> None:
    with pytest.raises(RootKeyError) as caught:
        check_passphrase(Secret(passphrase))
    assert word in caught.value.detail
    assert not passphrase or passphrase not in caught.value.detail


def test_weak_passphrase_protects_no_new_installation() -> None:
    with pytest.raises(RootKeyError):
        build_passphrase_protection(Secret("changeme-changeme"))


@pytest.mark.parametrize("passphrase", ["fourteen chars", "48261 90375 51", GOOD])
def test_good_passphrase_is_taken(passphrase: str | Secret) -> None:
    check_passphrase(passphrase if isinstance(passphrase, Secret) else Secret(passphrase))


@given(st.text(max_size=13))
def test_no_short_passphrase_is_ever_taken(passphrase: str) -> None:
    with pytest.raises(RootKeyError):
        check_passphrase(Secret(passphrase.encode(errors="surrogatepass")))


# --- downgraded parameters ----------------------------------------------------------------


OUTSIDE = [
    (kdf, name, value)
    for kdf, bounds in BOUNDS.items()
    for name, (low, high) in bounds.items()
    for value in (low - 1, high + 1, 0, -1, 1 << 70)
]


@pytest.mark.parametrize(("kdf", "name", "value"), OUTSIDE)
def test_downgraded_or_absurd_kdf_parameters_are_refused_before_any_work(
    kdf: str, name: str, value: int
) -> None:
    protection = build_passphrase_protection(GOOD, kdf, FLOORS[kdf])
    changed = replace(protection, kdf_params={**FLOORS[kdf], name: value})
    with pytest.raises(RootKeyError) as caught:
        derive_unlocking_key(GOOD, changed)
    assert name in caught.value.detail
    assert "downgraded" in caught.value.detail


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"memory_kib": 65536, "iterations": 3},
        {"memory_kib": 65536, "iterations": 3, "lanes": 4, "extra": 1},
        {"memory_kib": 65536.0, "iterations": 3, "lanes": 4},
        {"memory_kib": "65536", "iterations": 3, "lanes": 4},
        {"memory_kib": 65536, "iterations": 3, "lanes": True},
    ],
)
def test_parameters_of_a_wrong_shape_are_refused(params: dict[str, Any]) -> None:
    protection = replace(build_passphrase_protection(GOOD), kdf_params=params)
    with pytest.raises(RootKeyError):
        derive_unlocking_key(GOOD, protection)


@pytest.mark.parametrize("kdf", [None, "", "md5", "ARGON2ID"])
def test_unknown_derivation_is_refused(kdf: str | None) -> None:
    protection = replace(build_passphrase_protection(GOOD), kdf=kdf)
    with pytest.raises(RootKeyError) as caught:
        derive_unlocking_key(GOOD, protection)
    assert "unknown key derivation" in caught.value.detail


@pytest.mark.parametrize("length", [0, 31, 65])
def test_a_salt_of_a_wrong_length_is_refused(length: int) -> None:
    protection = replace(build_passphrase_protection(GOOD), salt=bytes(length))
    with pytest.raises(RootKeyError) as caught:
        derive_unlocking_key(GOOD, protection)
    assert "salt" in caught.value.detail


def test_parameters_changed_within_the_bounds_open_nothing() -> None:
    kdf = "pbkdf2_sha256"
    protection = build_passphrase_protection(GOOD, kdf, {"iterations": 600_001})
    meta, term = create_installation(
        derive_unlocking_key(GOOD, protection), protection, created_at=0
    )
    lowered = replace(meta, kdf_params={"iterations": 600_000})
    with pytest.raises(RootKeyError):
        open_keyring(derive_unlocking_key(GOOD, lowered), lowered, (term,))
