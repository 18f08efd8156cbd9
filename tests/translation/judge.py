"""What a cell of the matrix has to show.

Rule: a task without a check of its own has a text for its answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from gateway.dialects import CODECS
from gateway.dialects.hub import Loss
from gateway.entities import Dialect
from gateway.providers import PROVIDERS
from tests.translation.asks import MARK, Ask, Seen
from tests.translation.client import Client
from tests.translation.world import Upstream

_ERRORS: Final = re.compile(r"error (\d+)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `mark` is ok, d, r, p, n/a or FAIL."""

    client: Client
    upstream: Upstream
    task: str
    stream: bool
    mark: str
    note: str = ""


def judge(cell: Cell, ask: Ask, seen: Seen, sent: Dialect | None) -> str:
    """Return a cell's mark; fails where it is neither right nor refused by a rule."""
    expected = _ERRORS.fullmatch(cell.task)
    if expected is not None:
        check_error(cell, int(expected[1]), seen)
        return "ok"
    if seen.error is not None and sent is cell.client.dialect:
        assert seen.status in {400, 422}, seen
        return "p"
    if seen.error is not None:
        losses = CODECS[cell.upstream.dialect].upstream
        assert losses is not None
        assert seen.status == 400, seen
        assert "cannot be expressed" in seen.error["message"], seen.error
        own = PROVIDERS[cell.upstream.provider].quirks.unsupported  # by this very server
        assert any(
            losses.losses.get(one) is Loss.REFUSED or one.value in own for one in ask.features
        ), seen.error
        return "r"
    if sent is Dialect.OPENAI_COMPLETIONS and cell.task in {"refusal", "cache"}:
        return "n/a"  # the legacy format itself has no word for it
    if cell.task == "structured" and not cell.upstream.knows_schemas:
        assert isinstance(json.loads(seen.text), dict), seen
        return "d" if seen.dropped else "ok"
    _CHECKS.get(cell.task, check_text)(ask, seen)
    return "d" if seen.dropped else "ok"


def check_error(cell: Cell, status: int, seen: Seen) -> None:
    """Check that a provider's error has the right status for this client."""
    anthropic = cell.client.dialect == "anthropic_messages"
    wanted = {401: {502}, 529: {529} if anthropic else {503, 529}, 500: {500, 502}}
    assert seen.error is not None, seen
    assert seen.status in wanted.get(status, {status}), seen


def check_text(ask: Ask, seen: Seen) -> None:
    """Check a plain answer."""
    assert MARK in seen.text, seen
    told = [marker for text in ask.system for marker in re.findall("marker-[a-z]+", text)]
    assert all(marker in seen.text for marker in told), seen
    assert (seen.finish, seen.calls) == ("stop", ()), seen


def check_calls(ask: Ask, seen: Seen) -> None:
    """Check the calls of tools."""
    names = [name for name, _ in seen.calls]
    assert names == ([ask.forced] if ask.forced else list(ask.tools)), seen
    assert all(isinstance(given["city"], str) for _, given in seen.calls), seen
    assert seen.finish in ({"tool_calls", "stop"} if ask.forced else {"tool_calls"}), seen


def check_results(_ask: Ask, seen: Seen) -> None:
    """Check that the results of tools have reached the model."""
    assert "sunny-17" in seen.text, seen
    assert "noon-12" in seen.text, seen


def check_failure(_ask: Ask, seen: Seen) -> None:
    """Check that the error of a tool has reached the model."""
    assert "broken-17" in seen.text, seen


def check_serial(_ask: Ask, seen: Seen) -> None:
    """Check that one tool alone is called, or that the client is told of it."""
    assert len(seen.calls) == (2 if "parallel" in seen.dropped else 1), seen
    assert seen.finish == "tool_calls", seen


def check_late(ask: Ask, seen: Seen) -> None:
    """Check that what the system says in between has reached the model."""
    check_text(ask, seen)
    assert "marker-late" in seen.text, seen


def check_document(ask: Ask, seen: Seen) -> None:
    """Check that the model has got the document."""
    check_text(ask, seen)
    assert re.search("I saw [a-z]+/pdf", seen.text), seen


def check_cache(ask: Ask, seen: Seen) -> None:
    """Check that the client is told of the cache, as far as its format has fields for it."""
    check_text(ask, seen)
    assert seen.cached[0], seen


def check_image(ask: Ask, seen: Seen) -> None:
    """Check that the model has seen the image."""
    check_text(ask, seen)
    assert "image/png" in seen.text, seen


def check_structured(_ask: Ask, seen: Seen) -> None:
    """Check that the answer is the object that was asked for."""
    assert isinstance(json.loads(seen.text)["city"], str), seen
    assert (seen.finish, seen.calls) == ("stop", ()), seen


def check_reasoning(ask: Ask, seen: Seen) -> None:
    """Check that the model has thought, as far as its provider shows thoughts."""
    check_text(ask, seen)


def check_stop(_ask: Ask, seen: Seen) -> None:
    """Check that the answer ends before the stop sequence."""
    assert MARK in seen.text, seen
    assert "heard" not in seen.text, seen
    assert seen.finish == "stop", seen


def check_length(_ask: Ask, seen: Seen) -> None:
    """Check that the answer was cut by its limit."""
    assert seen.finish == "length", seen


def check_refusal(_ask: Ask, seen: Seen) -> None:
    """Check that a refusal is one."""
    assert seen.refused or seen.finish == "filtered", seen


_CHECKS = {
    "tool": check_calls,
    "parallel tools": check_calls,
    "forced tool": check_calls,
    "tool result": check_results,
    "tool error": check_failure,
    "serial tools": check_serial,
    "late system": check_late,
    "document": check_document,
    "cache": check_cache,
    "image": check_image,
    "structured": check_structured,
    "reasoning": check_reasoning,
    "stop sequence": check_stop,
    "length": check_length,
    "refusal": check_refusal,
}
