"""How OpenAI words what is wrong with a request.

Source: OpenAI's answers to wrong requests, recorded and in its forum, 2026-11.

Rule: the ``param`` is the path of the value, as ``messages[0].content[1].text``.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.exchange import Problem
from gateway.simulator.openai import INVALID
from gateway.simulator.strict.shapes import Fault, Flaw, Path

_NOUNS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a decimal",
    "boolean": "a boolean",
    "array": "an array of objects",
    "object": "an object",
    "tag": "a string",
}
_GIVEN = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def dump_path(path: Path) -> str:
    """Write a path as OpenAI does."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step.startswith("<"):
            text += f".{step}" if text else step
    return text


def build_problem(flaw: Flaw) -> Problem:
    """Say a flaw in OpenAI's words."""
    where = dump_path(flaw.path)
    message, code = _WORDS[flaw.fault](flaw, where)
    return Problem(400, INVALID, message, code, where)


def build_invalid(message: str, code: str | None = "invalid_value", param: str = "") -> Problem:
    """Build the error of a rule that is no matter of shape."""
    return Problem(400, INVALID, message, code, param or None)


def _say_unknown(_flaw: Flaw, where: str) -> tuple[str, str]:
    return f"Unknown parameter: '{where}'.", "unknown_parameter"


def _say_missing(_flaw: Flaw, where: str) -> tuple[str, str]:
    return f"Missing required parameter: '{where}'.", "missing_required_parameter"


def _say_type(flaw: Flaw, where: str) -> tuple[str, str]:
    wanted, given = _NOUNS[flaw.noun], _name_given(flaw.given)
    message = f"Invalid type for '{where}': expected {wanted}, but got {given} instead."
    return message, "invalid_type"


def _name_given(value: Any) -> str:
    return _GIVEN.get(type(value), "something else")


def _say_value(flaw: Flaw, _where: str) -> tuple[str, str]:
    *first, last = (f"'{one}'" for one in flaw.limit)
    listed = f"{', '.join(first)}, and {last}" if first else last
    return f"Invalid value: '{flaw.given}'. Supported values are: {listed}.", "invalid_value"


def _say_limit(flaw: Flaw, where: str) -> tuple[str, str]:
    kind = "decimal" if flaw.noun == "number" else flaw.noun
    side, sign = ("below minimum", ">=") if flaw.fault is Fault.BELOW else ("above maximum", "<=")
    message = (
        f"Invalid '{where}': {kind} {side} value. Expected a value {sign} {flaw.limit}, but got "
        f"{flaw.given} instead."
    )
    return message, f"{kind}_{side[:9].replace(' ', '_')}_value"


def _say_length(flaw: Flaw, where: str) -> tuple[str, str]:
    a_kind = f"{'an' if flaw.noun == 'array' else 'a'} {flaw.noun}"
    if flaw.fault is Fault.SHORT and not flaw.given:
        message = (
            f"Invalid '{where}': empty {flaw.noun}. Expected {a_kind} with minimum length "
            f"{flaw.limit}, but got an empty {flaw.noun} instead."
        )
        return message, f"empty_{flaw.noun}"
    long = flaw.fault is Fault.LONG
    side, most = ("long", "maximum") if long else ("short", "minimum")
    message = (
        f"Invalid '{where}': {flaw.noun} too {side}. Expected {a_kind} with {most} length "
        f"{flaw.limit}, but got {a_kind} with length {flaw.given} instead."
    )
    return message, f"{flaw.noun}_{'above_max' if long else 'below_min'}_length"


def _say_pattern(flaw: Flaw, where: str) -> tuple[str, str]:
    message = (
        f"Invalid '{where}': string does not match pattern. Expected a string that matches the "
        f"pattern '^{flaw.limit}$'."
    )
    return message, "invalid_value"


_WORDS = {
    Fault.UNKNOWN: _say_unknown,
    Fault.MISSING: _say_missing,
    Fault.TYPE: _say_type,
    Fault.VALUE: _say_value,
    Fault.BELOW: _say_limit,
    Fault.ABOVE: _say_limit,
    Fault.LONG: _say_length,
    Fault.SHORT: _say_length,
    Fault.PATTERN: _say_pattern,
}
