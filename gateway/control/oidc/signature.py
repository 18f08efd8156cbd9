"""The signature of an ID token: which algorithm, which key, and whether it fits.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 8725 (best current practice).

Rule: only signatures with public keys; the algorithm must be of the list and of the key's own kind,
and nothing that the token itself carries chooses where a key comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from gateway.errors import UnauthenticatedError

_KEY_KINDS: Final[Mapping[str, str]] = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC", "EdDSA": "OKP",
}  # fmt: skip
_MAX_TOKEN: Final = 64 << 10  # characters; with hundreds of groups it is a tenth of that
_MIN_RSA_BITS: Final = 2048
# What a claim means is for `claims` to say, with our clock; here only the signature counts.
_OURS: Final = ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub")


def verify_signature(token: str, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the claims of a token that one of `keys`, JWKs of the provider, has signed.

    None: it is meant for none of these keys; the provider may have others by now.

    Raises:
        UnauthenticatedError: it is no such token, or the signature is not right.
    """
    # Late: only who logs in with OIDC needs it.
    import jwt

    if len(token) > _MAX_TOKEN:
        raise UnauthenticatedError("the identity provider's token is too long")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg"))
        if algorithm not in _KEY_KINDS or "crit" in header:
            raise UnauthenticatedError(
                "the identity provider's token is signed in a way that is not accepted"
            )
        found = _find_key(keys, header, algorithm)
        if found is None:
            return None
        key = jwt.PyJWK(found, algorithm=algorithm)
        if getattr(key.key, "key_size", _MIN_RSA_BITS) < _MIN_RSA_BITS and key.key_type == "RSA":
            raise UnauthenticatedError("the identity provider's key is too short")
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], options=cast("Any", dict.fromkeys(_OURS, False))
        )
    except jwt.PyJWTError:
        raise UnauthenticatedError(
            "the identity provider's token is not one, or its signature is wrong"
        ) from None
    return claims


def _find_key(
    keys: Iterable[Mapping[str, Any]], header: Mapping[str, Any], algorithm: str
) -> dict[str, Any] | None:
    fitting = [
        dict(key)
        for key in keys
        if key.get("kty") == _KEY_KINDS[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    named = header.get("kid")
    meant = [key for key in fitting if named is None or key.get("kid") == named]
    is_clear = len(meant) == 1 or (named is not None and meant)
    return meant[0] if is_clear else None
