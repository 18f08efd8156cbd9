"""Who is calling: finds the client's credential and checks it against the snapshot.

Rule: closed by default; nothing of the body is read before this has passed. A
credential is compared as SHA-256 digests, in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from aiohttp import web

from gateway.errors import EndpointNotFoundError, UnauthenticatedError
from gateway.proxy.headers import CLIENT_CREDENTIALS
from gateway.routing.snapshot import ClientKey, EndpointRoute, Snapshot

_BEARER: Final = "bearer "
# Longer than any key we give out; hashing what a stranger sends has to be cheap.
_MAX_CREDENTIAL: Final = 1024


def authenticate(request: web.Request, snapshot: Snapshot, now_ms: int) -> ClientKey:
    """Return the api key that the request carries.

    Raises:
        UnauthenticatedError: none, an unknown, a disabled or an expired one.
    """
    credential = find_credential(request)
    if credential is None:
        raise UnauthenticatedError(
            "no api key: send it as Authorization: Bearer, x-api-key, x-goog-api-key or api-key"
        )
    digest = hashlib.sha256(credential.encode(errors="surrogateescape")).digest()
    key = snapshot.keys.get(digest)
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise UnauthenticatedError("the api key is not valid here")
    if not key.is_live(now_ms):
        state = "disabled" if key.disabled else "expired"
        raise UnauthenticatedError(f"the api key {key.name!r} is {state}")
    return key


def find_credential(request: web.Request) -> str | None:
    """Return the first credential present, in a fixed order.

    The order is `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`.
    Only the first one present counts: a wrong one is not made good by a right one after it.
    """
    headers = request.headers
    for name in CLIENT_CREDENTIALS:
        value = headers.get(name)
        if value is None:
            continue
        if name == "authorization":
            value = _parse_bearer(value)
        if value:
            return value.strip()[:_MAX_CREDENTIAL]
    query = request.rel_url.query if "key=" in request.rel_url.raw_query_string else {}
    return str(query["key"])[:_MAX_CREDENTIAL] if query.get("key") else None


def get_endpoint(snapshot: Snapshot, key: ClientKey, name: str) -> EndpointRoute:
    """Return the endpoint that `key` may call under `name`.

    Raises:
        EndpointNotFoundError: there is none, or the key may not see it; which, it does not say.
    """
    route = snapshot.endpoints.get(name)
    if route is None or not key.allows(name):
        # The name is the caller's own text, bounded so that an answer cannot be made huge.
        raise EndpointNotFoundError(
            f"no endpoint {name[:255]!r} that this api key may call", field="model"
        )
    return route


def _parse_bearer(value: str) -> str | None:
    return value[len(_BEARER) :] if value[: len(_BEARER)].lower() == _BEARER else None
