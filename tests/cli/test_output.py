from __future__ import annotations

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from gateway.cli.output import Column, column, dump_value, number, print_entity, print_rows

COLUMNS = (column("NAME", "name"), number("CALLS", "calls"), column("AT", "created_at"))
ROWS = [
    {"name": "short", "calls": 12_345, "created_at": 0},
    {"name": "[red]\x1b[2Jlong", "calls": 7, "created_at": None},
]


def show(output: str) -> Result:
    @click.command()
    def command() -> None:
        print_rows(ROWS, COLUMNS, output)

    return CliRunner().invoke(command)


def test_off_a_terminal_rows_are_aligned_text_without_lines_or_colour() -> None:
    assert show("table").stdout.splitlines() == [
        "NAME              CALLS  AT",
        "short             12345  1970-01-01T00:00:00Z",
        "[red]\\x1b[2Jlong      7  -",
    ]


def test_json_is_the_items_as_they_came() -> None:
    assert orjson.loads(show("json").stdout) == ROWS


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("x", None, "-"),
        ("x", {}, "-"),
        ("x", True, "yes"),
        ("x", False, "no"),
        ("x", 0, "0"),
        ("x", 80.0, "80"),
        ("x", 0.25, "0.25"),
        ("x", 1e300, "1e+300"),
        ("x", {"a": [1]}, '{"a":[1]}'),
        ("created_at", 1_800_000_000_000, "2027-01-15T08:00:00Z"),
        ("created_at", 1 << 60, str(1 << 60)),
    ],
)
def test_each_kind_of_value_has_one_text(key: str, value: object, expected: str) -> None:
    assert dump_value(key, value) == expected


def test_an_entity_is_a_line_per_field_and_cannot_steer_the_terminal() -> None:
    @click.command()
    def command() -> None:
        print_entity([("name", "a\x1bb"), ("longer_name", "c\nd")])

    assert CliRunner().invoke(command).stdout == "name         a\\x1bb\nlonger_name  c d\n"


def test_a_column_may_compute_its_text() -> None:
    assert Column("X", lambda row: row["a"] * 2).read({"a": "b"}) == "bb"
