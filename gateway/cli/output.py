"""What commands print: tables for people, aligned text for pipes, JSON for programs.

Rule: colour and lines only on a terminal; the same facts in every form; no
control character of a stored value reaches the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from gateway.cli.refusal import clean

Row = Mapping[str, Any]
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a listing: its title and the text of a row."""

    title: str
    read: Callable[[Row], str]
    right: bool = False


def column(title: str, key: str) -> Column:
    """Build the column that shows one field as it is."""
    return Column(title, lambda row: dump_value(key, row.get(key)))


def number(title: str, key: str) -> Column:
    """Build the column that shows one number, aligned to the right."""
    return Column(title, lambda row: dump_value(key, row.get(key)), right=True)


def dump_value(key: str, value: Any) -> str:
    """Return the text of one field: times in UTC, null as ``-``, the nested as JSON."""
    if value is None or value in ({}, []):
        return "-"
    if (
        (key.endswith("_at") or key == "now")
        and isinstance(value, int)
        and not isinstance(value, bool)
    ):
        return dump_time(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else str(value)  # noqa: PLR2004  %g rounds there
    if isinstance(value, str | int):
        return str(value)
    return orjson.dumps(value).decode()


def dump_time(at: int) -> str:
    """Return milliseconds since the epoch as UTC text, to the second."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(at)  # beyond the calendar that Python knows


def print_json(value: Any) -> None:
    """Print one value as JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def print_rows(rows: Sequence[Row], columns: Sequence[Column], output: str) -> None:
    """Print a listing: the raw items as a JSON array, or a table."""
    if output == "json":
        print_json(list(rows))
        return
    cells = [[clean(column.read(row)) for column in columns] for row in rows]
    if is_terminal():
        _print_rich(columns, cells)
    else:
        _print_aligned(columns, cells)


def print_entity(lines: Sequence[tuple[str, str]]) -> None:
    """Print one entity as a line per field."""
    width = max((len(label) for label, _ in lines), default=0)
    for label, text in lines:
        name = click.style(f"{label:<{width}}", bold=True)  # click drops styles off terminals
        click.echo(f"{name}{_GAP}{clean(text)}".rstrip())


def print_line(text: str) -> None:
    """Print one line of result."""
    click.echo(clean(text))


def print_note(text: str) -> None:
    """Tell the person something that is not the command's result."""
    click.echo(clean(text), err=True)


def is_terminal() -> bool:
    """Tell whether stdout is a terminal."""
    return sys.stdout.isatty()


def is_error_terminal() -> bool:
    """Tell whether stderr is a terminal."""
    return sys.stderr.isatty()


def describe(entity: Row) -> list[tuple[str, str]]:
    """Return a line per field of an entity."""
    return [(key, dump_value(key, value)) for key, value in entity.items()]


def _print_aligned(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    table = [[column.title for column in columns], *cells]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    for line in table:
        parts = [
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ]
        click.echo(_GAP.join(parts).rstrip())


def _print_rich(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    # Late: rich takes longer to load than most commands take to run.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column_ in columns:
        table.add_column(
            column_.title, justify="right" if column_.right else "left", overflow="fold"
        )
    for line in cells:
        table.add_row(*(Text(text) for text in line))  # Text: brackets are no markup
    Console(highlight=False).print(table)
    if not cells:
        click.echo("nothing to list", err=True)
