"""A plan and its conflicts, as people read them.

Rule: colour on a terminal only, and never the only difference: a sign says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import orjson

from gateway.cli.output import dump_time, print_line
from gateway.cli.refusal import clean

_SIGNS: Final = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
_MAX_SHOWN: Final = 200  # of a value: a line is read, not scrolled


def print_plan(plan: Mapping[str, Any], *, done: bool) -> None:
    """Print each change with its fields, and their count."""
    for change in plan["changes"]:
        sign, colour = _SIGNS[change["action"]]
        click.secho(f"{sign} {clean(_name(change))}", fg=colour)
        for field in change["fields"] if change["action"] == "update" else ():
            _print_field(field["field"], field["before"], field["after"])
    print_line(_count(plan, done=done))


def print_conflicts(conflicts: Sequence[Mapping[str, Any]], *, err: bool) -> None:
    """Print what was changed meanwhile: by whom, and the three values of each field."""
    for conflict in conflicts:
        who = conflict.get("changed_by")
        at = conflict.get("changed_at")
        by = f", by {who}" if who else ""
        when = f" at {dump_time(at)}" if at is not None else ""
        text = f"! {_name(conflict)}: changed in the gateway meanwhile{by}{when}"
        click.secho(clean(text), fg="magenta", err=err)
        for field in conflict["fields"]:
            values = ", ".join(
                f"{label} {_show(field[key])}"
                for label, key in (("was", "base"), ("gateway", "current"), ("file", "desired"))
            )
            click.echo(f"    {clean(field['field'])}: {clean(values)}", err=err)


def _print_field(name: str, before: Any, after: Any) -> None:
    """Print a changed field; of a list or mapping only the entries that differ."""
    if isinstance(before, list) and isinstance(after, list):
        _print_items(name, before, after)
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            if before.get(key) != after.get(key):
                _print_field(f"{name}.{key}", before.get(key), after.get(key))
        return
    click.echo(f"    {clean(name)}: {clean(_show(before))} -> {clean(_show(after))}")


def _print_items(name: str, before: list[Any], after: list[Any]) -> None:
    gone = [item for item in before if item not in after]
    come = [item for item in after if item not in before]
    order = "" if gone or come else " in another order"
    click.echo(f"    {clean(name)}:{order}")
    for sign, items, colour in (("-", gone, "red"), ("+", come, "green")):
        for item in items:
            click.secho(f"      {sign} {clean(_show(item))}", fg=colour)


def _name(change: Mapping[str, Any]) -> str:
    return f"{str(change['kind']).replace('_', ' ')} {change['name']}"


def _show(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict) and value:
        text = ", ".join(f"{key} {_show(inner)}" for key, inner in value.items())
    else:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _count(plan: Mapping[str, Any], *, done: bool) -> str:
    counts = dict.fromkeys(_SIGNS, 0)
    for change in plan["changes"]:
        counts[change["action"]] += 1
    unchanged = plan["unchanged"]
    if not plan["changes"]:
        return f"Nothing to change; {unchanged} as they are."
    words = ("created", "changed", "deleted") if done else ("to create", "to change", "to delete")
    parts = [f"{count} {word}" for count, word in zip(counts.values(), words, strict=True)]
    return f"{', '.join(parts)}; {unchanged} as they are."
