"""The tables of the documentation say what the code does."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import errors
from gateway.control.mlflow.handlers import discovery
from gateway.control.mlflow.routes import OPERATIONS as MLFLOW_OPERATIONS
from gateway.dialects import CODECS
from gateway.dialects.hub import Feature
from gateway.providers import PROVIDERS, Provider
from gateway.routing import Blame
from gateway.routing.failure_classes import CLASSES, Decision
from gateway.routing.failure_rows import FAULTS
from gateway.settings import SPECS, Settings

DOCS = Path(__file__).parent.parent / "docs"
NOTHING = "none"


def read_table(name: str, first_column: str, below: str = "") -> list[dict[str, str]]:
    """Read the first table of a page, or below a line, whose first column has this heading."""
    text = (DOCS / name).read_text(encoding="utf-8")
    lines = text[text.index(below) :].splitlines()
    start = next(
        place for place, line in enumerate(lines) if line.startswith(f"| {first_column} |")
    )
    names = split_row(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, split_row(line), strict=True)))
    return rows


def split_row(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def iter_errors(
    root: type[errors.LockgateError] = errors.LockgateError,
) -> Iterator[type[errors.LockgateError]]:
    yield root
    for child in root.__subclasses__():
        yield from iter_errors(child)


def test_every_code_is_documented_with_its_status_source_and_retry() -> None:
    in_code = {
        (kind.code, str(kind.status), kind.source.value, "yes" if kind.next_target else "no")
        for kind in iter_errors()
    }
    rows = read_table("errors.md", "code")
    documented = [(row["code"], row["status"], row["source"], row["next"]) for row in rows]
    assert set(documented) == in_code
    assert len(documented) == len(set(documented))
    assert all(row["when"] and row["what to do"] for row in rows)


THE_TARGET = {
    Blame.NONE: "nothing",
    Blame.COOL: "cools",
    Blame.QUARANTINE: "quarantined, longer each time",
    Blame.MODEL: "quarantined",
    Blame.FAILURE: "counts towards its circuit",
}


def show_decision(decision: Decision) -> tuple[str, str, str, str]:
    error = decision.error
    shown = "the provider's answer" if error is None else f"{error.status} `{error.code}"
    following = "yes, or once the same" if decision.retry_same else "yes"
    if decision.opt_in:
        following = "if `fallback_on` names it"
    elif not decision.next_target:
        following = "no"
    return decision.kind, shown, following, THE_TARGET[decision.blame]


@pytest.mark.parametrize(
    ("below", "in_code"),
    [("## Answers", CLASSES), ("## No answer", FAULTS.values())],
)
def test_every_class_of_failures_is_documented_with_what_follows(
    below: str, in_code: Iterable[Decision]
) -> None:
    rows = read_table("failures.md", "class", below)
    documented = [
        (row["class"], row["client gets"], row["next target"], row["the target"]) for row in rows
    ]
    assert documented == [show_decision(decision) for decision in in_code]
    assert all(row["when"] for row in rows)


def show_modes(row: Provider) -> str:
    """Return the ways of authentication as the page has them, optional fields in brackets."""
    shown = []
    for mode in row.auth:
        secret, config = row.list_fields(mode)
        fields = [field for field in (*secret, *config) if field.name != "auth_mode"]
        names = [f"`{field.name}`" if field.required else f"[`{field.name}`]" for field in fields]
        shown.append(f"`{mode.name}`: {', '.join(names)}")
    return "<br>".join(shown)


def test_every_provider_is_documented_with_what_it_speaks_and_needs() -> None:
    column = "ways of authentication and their fields"
    documented = [
        (
            row["name"],
            row["provider"],
            row["passes"],
            row["translated to"],
            row[column].replace("`", ""),
        )
        for row in read_table("providers.md", "name")
    ]
    assert documented == [
        (
            row.name,
            row.title,
            ", ".join(sorted(dialect.value for dialect in row.dialects)),
            ", ".join(dialect.value for dialect in row.hub_dialects),
            show_modes(row).replace("`", ""),
        )
        for row in PROVIDERS.values()
    ]


def test_codes_are_plain_words() -> None:
    for kind in iter_errors():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


def show_default(value: Any) -> str:
    if value is None or value == ():
        return NOTHING
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    in_code = [
        {
            "name in the file": spec.name,
            "variable": spec.variable,
            "default": show_default(defaults[spec.name]),
            "secret": "yes" if spec.secret else "no",
            "meaning": spec.meaning,
        }
        for spec in SPECS
    ]
    assert read_table("settings.md", "name in the file") == in_code


def test_every_field_of_the_settings_has_a_row() -> None:
    # The file itself is what --config names, not an entry of it.
    fields = {field.name for field in dataclasses.fields(Settings)} - {"configuration_file"}
    assert {spec.name for spec in SPECS} == fields


def test_every_method_of_mlflows_gateway_is_documented_as_answered_or_refused() -> None:
    refusals = (discovery.refuse_budgets, discovery.refuse_guardrails)
    in_code = [
        (row.method, row.path, "refused" if row.handler in refusals else "answered")
        for row in MLFLOW_OPERATIONS
    ]
    rows = read_table("mlflow.md", "method")
    documented = [(row["method"], row["path"], row["here"].split()[0].strip(",;:")) for row in rows]
    assert documented == in_code


def test_what_each_dialect_loses_is_documented() -> None:
    """`python scripts/translation_table.py --write` writes the table anew."""
    known = {
        name: codec.upstream.losses for name, codec in CODECS.items() if codec.upstream is not None
    }
    rows = read_table("translation.md", "feature")
    assert [row["feature"] for row in rows] == [feature.value for feature in Feature]
    for name, losses in known.items():
        shown = [losses[feature].value if feature in losses else "yes" for feature in Feature]
        assert [row[name.value] for row in rows] == shown
