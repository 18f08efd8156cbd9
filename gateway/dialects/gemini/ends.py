"""Why an answer of Gemini's ends, in the hub's words.

Source: the Generative Language API's reference, `FinishReason`; the same of Vertex AI.

Rule: a word that is not known is an ordinary end, and stays as the detail.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.gemini.answer_out import FAILURE_REASONS, FILTER_REASONS
from gateway.dialects.hub import Finish

_EXACT: Final = frozenset({"STOP", "MAX_TOKENS"})


def find_detail(reason: str) -> str | None:
    """Return Google's own word for an end, None where the hub's says as much."""
    return None if reason in _EXACT else reason


def find_finish(reason: str, *, called: bool) -> Finish:
    """Return the hub's word for an end.

    Args:
        reason: Google's.
        called: the answer holds calls: those end with STOP, as text does.
    """
    if reason == "MAX_TOKENS":
        return Finish.LENGTH
    if reason in FILTER_REASONS:
        return Finish.FILTERED
    if reason in FAILURE_REASONS:
        return Finish.FAILED
    return Finish.TOOL_CALLS if called else Finish.STOP
