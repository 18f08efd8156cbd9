"""What an ID token must say, and which role and name follow from it.

Source: OpenID Connect Core 1.0 (errata set 2), section 3.1.3.7.

Rule: pure; the signature has been checked before. A claim that is missing or of another kind is a
refusal, never a default.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from gateway.errors import ForbiddenError, UnauthenticatedError
from gateway.roles import Role, RoleRule

ACTOR_PREFIX: Final = "oidc:"
_LEEWAY_S: Final = 60  # two clocks that are kept by NTP differ by less
_OLDEST_S: Final = 600  # a token is made for this login, which is not older
_MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token of one login must be made for."""

    issuer: str
    client_id: str
    nonce: str


def check_claims(claims: Mapping[str, Any], expected: Expected, now_s: float) -> None:
    """Check issuer, audience, times and nonce of an ID token.

    Raises:
        UnauthenticatedError: names the claim at fault.
    """
    if claims.get("iss") != expected.issuer:
        raise _refuse("iss")
    _check_audience(claims, expected.client_id)
    _check_times(claims, now_s)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode()
    ):
        raise _refuse("nonce")
    if not _is_name(claims.get("sub")):
        raise _refuse("sub")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise _refuse("aud")
    if len(audiences) > 1 and "azp" not in claims:
        raise _refuse("azp")
    if claims.get("azp", client_id) != client_id:
        raise _refuse("azp")


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    ends, made, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _is_time(ends) or ends + _LEEWAY_S <= now_s:
        raise _refuse("exp")
    if not _is_time(made) or not now_s - _OLDEST_S <= made <= now_s + _LEEWAY_S:
        raise _refuse("iat")
    if begins is not None and (not _is_time(begins) or begins > now_s + _LEEWAY_S):
        raise _refuse("nbf")


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _refuse(claim: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the identity provider's token has a wrong or no claim {claim}")


def name_actor(claims: Mapping[str, Any]) -> str:
    """Return how the audit log names the person: the email if it was verified, else the subject.

    Other claims, such as a preferred user name, can be chosen to look like somebody else's.
    """
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True and _is_name(email)
    return ACTOR_PREFIX + str(email if is_verified else claims["sub"])


def find_role(claims: Mapping[str, Any], rules: Iterable[RoleRule]) -> Role:
    """Return the role of the first rule that fits.

    Raises:
        ForbiddenError: none does.
    """
    for rule in rules:
        if rule.value in _list_values(claims, rule.claim):
            return rule.role
    raise ForbiddenError("the identity provider knows you, but nothing gives you a role here")


def _list_values(claims: Mapping[str, Any], claim: str) -> list[str]:
    found = claims.get(claim)  # also a name with dots in it, such as a URL
    if found is None:
        found = _descend(claims, claim)
    values = found if isinstance(found, list) else [found]
    return [str(value).lower() if isinstance(value, bool) else value for value in values if value]


def _descend(claims: Mapping[str, Any], claim: str) -> Any:
    found: Any = claims
    for part in claim.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found
