"""Token endpoints of OAuth: Google's ``/token`` and Entra's ``/{tenant}/oauth2/v2.0/token``.

Formats: RFC 6749, RFC 7523 and Google's and Microsoft's pages on service accounts, 2026-11.

Rule: nothing is remembered; a token is one of the simulator's if its check digits fit. The
signature of an assertion is not verified (its key is the tester's), its claims are.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.simulator.exchange import Inquiry, Problem, Reply, Vendor, build_digest, dump_json

LIFETIME_S = 3599
WRONG_SECRET = "wrong-secret"  # noqa: S105 - the name of what is refused, no secret
"""The only client secret and refresh token that is refused."""

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLAIMS = frozenset({"iss", "aud", "iat", "exp"})
_PREFIX = "ya29.sim-"
_PROOF = 24

PROBLEMS: Mapping[str, Problem] = {
    "invalid_grant": Problem(400, "invalid_grant", "{detail}"),
    "invalid_client": Problem(401, "invalid_client", "{detail}"),
    "invalid_request": Problem(400, "invalid_request", "{detail}"),
    "unsupported": Problem(400, "unsupported_grant_type", "Invalid grant_type: {detail}"),
    "bad-json": Problem(400, "invalid_request", "The body is no form."),
    "bad-fault": Problem(400, "invalid_request", "{detail}"),
    "no-route": Problem(404, "not_found", "Not found"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, "invalid_grant", "Invalid JWT Signature."),
    401: Problem(401, "invalid_client", "The client is not known."),
    429: Problem(429, "temporarily_unavailable", "Too many requests."),
    500: Problem(500, "internal_failure", "An internal error has occurred."),
    503: Problem(503, "temporarily_unavailable", "The service is not available."),
}


def _dump_problem(problem: Problem, _request_id: str, _retry_s: float | None) -> bytes:
    return dump_json({"error": problem.kind, "error_description": problem.message})


def _dump_event(body: bytes, _problem: Problem, _number: int) -> bytes:
    return body


def _build_headers(_request_id: str, _serial: int) -> dict[str, str]:
    return {"cache-control": "no-store"}


def _find_credential(_headers: Mapping[str, str], _query: Mapping[str, str]) -> str | None:
    return None


VENDOR = Vendor(
    name="oauth",
    find_credential=_find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=_dump_problem,
    build_headers=_build_headers,
    keyless=True,
)
dump_error_event = _dump_event


def build_token(*facts: str) -> str:
    """Issue a token; equal facts get equal tokens."""
    body = build_digest("token", *facts)[:40]
    return f"{_PREFIX}{body}{build_digest('proof', body)[:_PROOF]}"


def is_token(text: str | None) -> bool:
    """Tell whether a text is a token that the simulator issued."""
    if text is None or not text.startswith(_PREFIX):
        return False
    body, proof = text[len(_PREFIX) : -_PROOF], text[-_PROOF:]
    return proof == build_digest("proof", body)[:_PROOF]


def answer_google(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``POST /token``: a signed assertion or a refresh token for an access token."""
    form = inquiry.body
    grant = form.get("grant_type", "")
    if grant == "refresh_token":
        if form.get("refresh_token") in {None, "", WRONG_SECRET}:
            return VENDOR.build_problem(
                "invalid_grant", detail="Token has been expired or revoked."
            )
        return _answer_token(build_token("refresh", str(form["refresh_token"])))
    if grant != _JWT_BEARER:
        return VENDOR.build_problem("unsupported", detail=grant)
    flaw = _find_assertion_flaw(form.get("assertion"))
    if flaw is not None:
        return VENDOR.build_problem("invalid_grant", detail=flaw)
    return _answer_token(build_token("assertion", form["assertion"]))


def answer_entra(inquiry: Inquiry) -> Reply | Problem:
    """Answer ``POST /{tenant}/oauth2/v2.0/token``: client credentials for an access token."""
    form = inquiry.body
    if form.get("grant_type") != "client_credentials":
        return VENDOR.build_problem("unsupported", detail=form.get("grant_type", ""))
    for name in ("client_id", "client_secret", "scope"):
        if not form.get(name):
            detail = (
                f"AADSTS900144: The request body must contain the following parameter: '{name}'."
            )
            return VENDOR.build_problem("invalid_request", detail=detail)
    if form["client_secret"] == WRONG_SECRET:
        detail = "AADSTS7000215: Invalid client secret provided."
        return VENDOR.build_problem("invalid_client", detail=detail)
    token = build_token("entra", form["client_id"], form["scope"])
    return _answer_token(token, ext_expires_in=LIFETIME_S)


def _answer_token(token: str, **more: Any) -> Reply:
    issued = {"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}
    return Reply((dump_json(issued | more),))


def _find_assertion_flaw(assertion: Any) -> str | None:
    parts = assertion.split(".") if isinstance(assertion, str) else []
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - RFC 7515: header, claims, signature
        return "Invalid JWT: it must have three parts."
    header, claims = _decode(parts[0]), _decode(parts[1])
    if header is None or header.get("alg") != "RS256":
        return "Invalid JWT: the algorithm must be RS256."
    missing = _CLAIMS - set(claims or {})
    if claims is None or missing:
        return f"Invalid JWT: the claims lack {', '.join(sorted(missing))}."
    if claims["exp"] - claims["iat"] > 3600:  # noqa: PLR2004 - Google allows one hour
        return "Invalid JWT: Token must be a short-lived token (60 minutes)."
    return None


def _decode(part: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return None
    return value if isinstance(value, dict) else None
