"""`Idempotency-Key`: a POST that is sent twice is done once.

Rule: the first answer is kept in the transaction of the write itself, without what is
shown only once: that is derived again. The body is kept as a keyed MAC.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.control.call import Call
from gateway.control.service.change import Change, Stored
from gateway.entities import IdempotentAnswer
from gateway.errors import IdempotencyMismatchError, InvalidValueError
from gateway.ports import KeyDeriver

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT_MS = 24 * 3_600_000  # longer than any client goes on repeating a request
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A key with what it stands for."""

    key: str
    caller: str
    route: str
    body_mac: bytes = field(repr=False)

    def derive(self, deriver: KeyDeriver, purpose: str, *more: str) -> bytes:
        """Return 32 bytes that only this installation can make of this ticket, again and again."""
        parts = [self.key, self.caller, self.route, self.body_mac.hex(), *more]
        return hmac.digest(deriver.derive(purpose), orjson.dumps(parts), "sha256")


@dataclass(frozen=True, slots=True)
class Creation:
    """A created entity, and whether it was created by an earlier request."""

    stored: Stored
    location: str
    replayed: bool


def find_ticket(call: Call) -> Ticket | None:
    """Return the ticket of a request that carries a key.

    Raises:
        InvalidValueError: the key is not 1 to 255 visible ASCII characters.
    """
    key = call.request.headers.get(HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidValueError("must be 1 to 255 visible ASCII characters", field=HEADER)
    mac = hmac.digest(call.parts.deriver.derive("idempotency"), call.raw, "sha256")
    return Ticket(key, call.caller.actor, f"{call.request.method} {call.request.path}", mac)


async def create_once(
    change: Change,
    ticket: Ticket | None,
    make: Callable[[], Awaitable[Stored]],
    locate: Callable[[str], str],
    show_again: Callable[[str], dict[str, Any]],
) -> Creation:
    """Create an entity, or give back the one that the same request has created before.

    Args:
        change: the write transaction; concurrent duplicates wait for each other in it.
        ticket: None where the request carries no key.
        make: creates the entity.
        locate: its Location, by its id.
        show_again: by its id, the fields that are kept nowhere.

    Raises:
        IdempotencyMismatchError: the key was used with another body.
    """
    if ticket is not None:
        await change.tx.admin.delete_answers_before(change.now_ms - KEPT_MS)
        known = await change.tx.admin.find_answer(ticket.key, ticket.caller, ticket.route)
        if known is not None:
            return _replay(ticket, known, show_again)
    stored = await make()
    location = locate(stored.row_id)
    if ticket is not None:
        await change.tx.admin.insert_answer(_build_answer(change, ticket, stored, location))
    return Creation(stored, location, replayed=False)


def _replay(
    ticket: Ticket, known: IdempotentAnswer, show_again: Callable[[str], dict[str, Any]]
) -> Creation:
    if not hmac.compare_digest(known.body_mac, ticket.body_mac):
        raise IdempotencyMismatchError(
            "this key was used before with another body: choose a new one", field=HEADER
        )
    location = known.location or ""
    row_id = location.rpartition("/")[2]
    version, representation, *rest = orjson.loads(known.body)
    stored = Stored(
        row_id=row_id,
        representation=representation,
        version=version,
        unversioned=rest[0] if rest else {},  # former versions kept none
        shown_once=show_again(row_id),
    )
    return Creation(stored, location, replayed=True)


def _build_answer(
    change: Change, ticket: Ticket, stored: Stored, location: str
) -> IdempotentAnswer:
    return IdempotentAnswer(
        key=ticket.key,
        caller=ticket.caller,
        route=ticket.route,
        body_mac=ticket.body_mac,
        status=201,
        location=location,
        body=orjson.dumps([stored.version, stored.representation, stored.unversioned]),
        created_at=change.now_ms,
    )
