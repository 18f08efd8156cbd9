"""Who is calling: finds the client's credential and checks it against the snapshot.

Rule: closed by default; nothing of the body is read before this has passed. A
credential is compared as SHA-256 digests, in constant time.
"""

from __future__ import annotations

import hmac

from gateway.errors import EndpointNotFoundError, UnauthenticatedError
from gateway.routing.snapshot import ClientKey, EndpointRoute, Snapshot


def authenticate(digest: bytes | None, snapshot: Snapshot, now_ms: int) -> ClientKey:
    """Return the api key of a request.

    Args:
        digest: SHA-256 of the credential that the request carries; None: it carries none.
        snapshot: where keys are looked up.
        now_ms: milliseconds since the epoch.

    Raises:
        UnauthenticatedError: none, an unknown, a disabled or an expired one.
    """
    if digest is None:
        raise UnauthenticatedError(
            "no api key: send it as Authorization: Bearer, x-api-key, x-goog-api-key or api-key"
        )
    key = snapshot.keys.get(digest)
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise UnauthenticatedError("the api key is not valid here")
    if not key.is_live(now_ms):
        state = "disabled" if key.disabled else "expired"
        raise UnauthenticatedError(f"the api key {key.name!r} is {state}")
    return key


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
