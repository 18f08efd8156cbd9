"""Ends of sessions before their time, and the one use of each login with OIDC.

Rule: what has ended is kept until it would have ended anyway, no longer.
"""

from __future__ import annotations

from gateway.control.service.change import Change
from gateway.control.session import Session
from gateway.errors import ForbiddenError

_KIND = "session"


async def end_session(change: Change, session: Session) -> None:
    """End a session, for every copy of its cookie; one that has ended stays so."""
    await change.tx.admin.delete_ended_sessions_before(change.now_ms)
    if await change.tx.admin.end_session(session.session_id, session.expires_at):
        await change.record("logout", _KIND, session.session_id, change.actor)


async def begin_session(
    change: Change, login_id: str, login_ends_at: int, session: Session
) -> None:
    """Note that a person has logged in, once per login.

    Raises:
        ForbiddenError: this login was finished before.
    """
    await change.tx.admin.delete_ended_sessions_before(change.now_ms)
    if not await change.tx.admin.end_session(login_id, login_ends_at):
        raise ForbiddenError("this login was finished before: begin anew")
    after = {"role": session.role.value, "expires_at": session.expires_at}
    await change.record("login", _KIND, session.session_id, session.actor, after=after)
