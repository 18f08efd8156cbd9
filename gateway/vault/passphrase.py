"""From a passphrase to the key that unlocks the root key.

=============  ====================================  =======================  ==============
function       parameter                             bounds on reading        new ones
=============  ====================================  =======================  ==============
argon2id       memory_kib                            65,536 to 4,194,304      262,144
               iterations                            3 to 64                  3
               lanes                                 1 to 64                  4
scrypt         log2_n                                17 to 21                 18
               r                                     8 to 16                  8
               p                                     1 to 16                  1
pbkdf2_sha256  iterations                            600,000 to 20,000,000    1,000,000
=============  ====================================  =======================  ==============

Lower bounds: RFC 9106 section 4 (its second recommendation: 64 MiB, 3 passes)
and, for the other two, OWASP's Password Storage Cheat Sheet (2025). Upper
bounds keep a changed row from eating the machine: 4 GiB, or minutes.

Rule: parameters that were stored are never trusted: a weakened or absurd row is
refused before any work. There is no built-in passphrase.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.entities import VaultMeta
from gateway.errors import RootKeyError
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.keyring import PASSPHRASE, SALT_BYTES, RootProtection

MIN_CHARACTERS = 14
_MIN_DISTINCT = 5  # fewer is one key held down
_MAX_SALT_BYTES = 64

_Bounds = Mapping[str, tuple[int, int]]
BOUNDS: Mapping[str, _Bounds] = {
    "argon2id": {"memory_kib": (1 << 16, 1 << 22), "iterations": (3, 64), "lanes": (1, 64)},
    "scrypt": {"log2_n": (17, 21), "r": (8, 16), "p": (1, 16)},
    "pbkdf2_sha256": {"iterations": (600_000, 20_000_000)},
}
DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "argon2id": {"memory_kib": 1 << 18, "iterations": 3, "lanes": 4},
    "scrypt": {"log2_n": 18, "r": 8, "p": 1},
    "pbkdf2_sha256": {"iterations": 1_000_000},
}

# Passphrases that are printed in examples, images and other gateways' sources: the letters of
# them, in lower case, so that another digit at the end or a dash between makes no new one.
_KNOWN_LETTERS = tuple(
    Secret(letters)
    for letters in (
        "admin",
        "adminadmin",
        "changeit",
        "changeme",
        "changemechangeme",
        "changemeinproduction",
        "changemenow",
        "changemeplease",
        "changethis",
        "changethispassphrase",
        "changethispassword",
        "correcthorsebatterystaple",
        "default",
        "defaultpassphrase",
        "defaultpassword",
        "example",
        "examplepassphrase",
        "insecure",
        "letmein",
        "lockgate",
        "lockgatepassphrase",
        "masterpassword",
        "mlflowdefaultkekpassphrasefordevelopmentonly",
        "mysecretpassphrase",
        "mysecretpassword",
        "passphrase",
        "password",
        "passwordpassword",
        "pleasechangeme",
        "qwertyuiop",
        "qwertyuiopasdfghjkl",
        "replaceme",
        "secret",
        "secretpassphrase",
        "secretsecret",
        "supersecret",
        "supersecretpassphrase",
        "supersecretpassword",
        "testpassphrase",
        "thisisapassphrase",
        "thisisasecret",
        "yourpassphrasehere",
        "yoursecretpassphrase",
        "yourstrongpassphrase",
    )
)
_KNOWN_DIGITS = tuple(Secret(("1234567890" * 4)[:length]) for length in range(14, 41))


def check_passphrase(passphrase: Secret) -> None:
    """Refuse a passphrase that somebody could guess.

    Raises:
        RootKeyError: it is empty, under 14 characters, of under 5 different ones, or a public
            default.
    """
    if not len(passphrase):
        raise RootKeyError("the passphrase is empty", field="passphrase")
    if passphrase.count_characters() < MIN_CHARACTERS:
        raise RootKeyError(
            f"the passphrase is too short: give at least {MIN_CHARACTERS} characters, "
            "for example six random words",
            field="passphrase",
        )
    if passphrase.count_distinct() < _MIN_DISTINCT or _is_known(passphrase):
        raise RootKeyError(
            "the passphrase is one that everybody knows: give one of your own, "
            "for example six random words",
            field="passphrase",
        )


def _is_known(passphrase: Secret) -> bool:
    return passphrase.letters() in _KNOWN_LETTERS or passphrase in _KNOWN_DIGITS


def build_passphrase_protection(
    passphrase: Secret, kdf: str = "argon2id", params: Mapping[str, int] | None = None
) -> RootProtection:
    """Return the protection by a new passphrase, with a fresh salt.

    Only a new passphrase is judged: one that is in use stays usable when the list grows.

    Raises:
        RootKeyError: a passphrase that `check_passphrase` refuses, unknown function, or
            parameters outside of the bounds.
    """
    check_passphrase(passphrase)
    chosen = dict(DEFAULTS.get(kdf, {}) if params is None else params)
    _check_params(kdf, chosen)
    return RootProtection(
        kind=PASSPHRASE, kdf=kdf, kdf_params=chosen, salt=aead.random_bytes(SALT_BYTES)
    )


def derive_unlocking_key(passphrase: Secret, protection: RootProtection | VaultMeta) -> Secret:
    """Make the unlocking key; takes about a second and, by default, 256 MiB.

    Raises:
        RootKeyError: a damaged or downgraded row, or too little memory.
    """
    kdf, params, salt = protection.kdf or "", protection.kdf_params, protection.salt
    _check_params(kdf, params)
    if not SALT_BYTES <= len(salt) <= _MAX_SALT_BYTES:
        raise RootKeyError(f"the salt of the passphrase has a wrong length: {_MEND}")
    try:
        return _run(kdf, passphrase, salt, params)
    except MemoryError:
        raise RootKeyError(
            f"not enough memory for {kdf}: it takes {_count_mib(kdf, params)} MiB once, at start"
        ) from None


_MEND = "the vault_meta row was changed or damaged; restore the database from a backup"


def _check_params(kdf: str, params: Mapping[str, int]) -> None:
    bounds = BOUNDS.get(kdf)
    if bounds is None:
        raise RootKeyError(f"unknown key derivation {kdf!r}: known are {', '.join(BOUNDS)}")
    if params.keys() != bounds.keys():
        raise RootKeyError(f"the parameters of {kdf} are not the ones it has: {_MEND}")
    for name, (low, high) in bounds.items():
        value: object = params[name]
        if type(value) is not int or not low <= value <= high:
            raise RootKeyError(
                f"{kdf} parameter {name} is outside of {low} to {high} (downgraded?): {_MEND}"
            )


def _run(kdf: str, passphrase: Secret, salt: bytes, params: Mapping[str, int]) -> Secret:
    if kdf == "argon2id":
        return aead.argon2id(passphrase, salt, **params)
    if kdf == "scrypt":
        return aead.scrypt(passphrase, salt, **params)
    return aead.pbkdf2_sha256(passphrase, salt, **params)


def _count_mib(kdf: str, params: Mapping[str, int]) -> int:
    if kdf == "argon2id":
        return params["memory_kib"] >> 10
    if kdf == "scrypt":
        return (128 * params["r"] << params["log2_n"]) >> 20
    return 1
