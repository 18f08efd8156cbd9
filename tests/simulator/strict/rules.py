"""Asks the strict side of a surface directly, without a server."""

from __future__ import annotations

from typing import Any

from gateway.simulator.exchange import Inquiry, Problem
from gateway.simulator.faults import HEALTHY
from gateway.simulator.routes import find_match

VERSION = {"anthropic-version": "2023-06-01"}


def check(path: str, body: dict[str, Any], query: dict[str, str] | None = None) -> Problem | None:
    """Return what the surface of a path finds wrong with a body."""
    match = find_match("POST", path, VERSION, query or {})
    assert match is not None, path
    assert match.surface.check is not None, path
    model = match.model or str(body.get("model", ""))
    return match.surface.check(
        Inquiry("sim", model, body, HEALTHY, match.version, match.action, query or {}, VERSION)
    )


def refusal(path: str, body: dict[str, Any]) -> str:
    """Return the sentence with which a body is refused; empty where it is not."""
    problem = check(path, body)
    assert problem is None or 400 <= problem.status < 500
    return "" if problem is None else problem.message
