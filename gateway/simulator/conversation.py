"""A conversation without its wire format, and the script that a prompt may hold for the model.

A prompt drives the simulated model by words that pass through any translation unchanged:

======================= =======================================================================
sim-run: TOOL JSON      a line of its own: call this tool with these arguments. Several lines are
                        done in order, one step each; then the model ends with a text that
                        repeats what the tools said. ``sim-run: a {} && b {"x": 1}`` calls two
                        tools at once. Names are matched without regard to case among the tools
                        offered; JSON may be left out (``{}``).
please-refuse           the model declines
please-cache            part of the input counts as read from and written to a cache
please-long             the answer is at least 64 words longer: limits and stops can be met
please-cite             the model cites a source, where its format can
======================= =======================================================================

Rule: a script runs over as many requests as it has steps; how far it is is read off the history
(the calls made since the prompt), never remembered. What a tool said is no script.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

REFUSE = "please-refuse"
CACHE = "please-cache"
CITE = "please-cite"
LONG = "please-long"

_LINE = re.compile(r"^[ \t>*\"'`-]*sim-run:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"\s*([^\s{&\"'`]+)\s*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who said it, its text, the tools called, what tools said, the media seen."""

    role: str
    text: str = ""
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One call that a script asks for."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """A script and how far it is: the calls of its next step (none at its end)."""

    following: tuple[Step, ...]


def find_progress(turns: tuple[Turn, ...]) -> Progress | None:
    """Find the script of the latest prompt that holds one; None where no prompt does."""
    for at in range(len(turns) - 1, -1, -1):
        lines = _LINE.findall(turns[at].text) if turns[at].role == "user" else []
        steps = [step for step in map(_parse_line, lines) if step]
        if steps:
            made = sum(len(turn.calls) for turn in turns[at + 1 :])
            return Progress(_find_following(steps, made))
    return None


def _find_following(steps: list[tuple[Step, ...]], made: int) -> tuple[Step, ...]:
    """Find the calls still to make of the step that is due after so many calls."""
    for step in steps:
        if made < len(step):
            return step[made:]
        made -= len(step)
    return ()


def _parse_line(line: str) -> tuple[Step, ...]:
    """Read the calls of a line; an ``&&`` inside of JSON is the tool's own."""
    steps: list[Step] = []
    while True:
        found = _NAME.match(line)
        if found is None:
            return tuple(steps)
        arguments, line = _split_arguments(line[found.end() :])
        steps.append(Step(found[1], arguments))
        if not line.startswith("&&"):
            return tuple(steps)
        line = line.removeprefix("&&")


def _split_arguments(text: str) -> tuple[dict[str, Any], str]:
    """Split a text into the arguments at its start and the rest.

    What looks like JSON and is none is given to the tool as it stands.
    """
    if not text.startswith("{"):
        return {}, text
    try:
        value, end = _DECODER.raw_decode(text)
    except (json.JSONDecodeError, RecursionError):
        return {"input": text}, ""
    return value, text[end:].lstrip()


def find_human(turns: tuple[Turn, ...]) -> int:
    """Find the place of the last turn in which a person speaks; -1 where none does."""
    for at in range(len(turns) - 1, -1, -1):
        if turns[at].role == "user" and not turns[at].results:
            return at
    return -1


def list_results(turns: tuple[Turn, ...], since: int) -> list[str]:
    """List what the tools said behind a place, in order."""
    return [result for turn in turns[since + 1 :] for result in turn.results]
