"""YAML with lines: what is read, what is refused, and that a file costs no more than its size."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ManifestError
from gateway.yaml_nodes import MAX_DEPTH, build_plain, parse_yaml

NAME = "prod.yaml"


def refuse(raw: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as refused:
        parse_yaml(raw if isinstance(raw, bytes) else raw.encode(), NAME)
    return refused.value.faults


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2027-01-01", "2027-01-01"),
        ("'80'", "80"),
        ("!!str 80", "80"),
        ("80", 80),
        ("012", 12),
        ("0o17", 15),
        ("0x1f", 31),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".inf", math.inf),
        ("~", None),
        ("true", True),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        (
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3",
            {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}},
        ),
        ("a: {'<<': 1, \"b\": 2}", {"a": {"<<": 1, "b": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, '<<': 2}", {"a": {"b": 1}, "c": {"b": 1, "<<": 2}}),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert build_plain(parse_yaml(text.encode(), NAME)) == value


def test_a_node_knows_the_line_of_its_name() -> None:
    root = parse_yaml(b"a: 1\nb:\n\n  - x\n  - c:\n      d: 2\n", NAME)
    items = root.fields["b"].items
    assert (root.fields["a"].line, root.fields["b"].line) == (1, 2)
    assert [item.line for item in items] == [4, 5]
    assert items[1].get("c", "d").line == 6


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "prod.yaml:3: a: is given twice; first at line 1"),
        ("l:\n- x: {y: 1, y: 2}\n", "prod.yaml:2: l[0].x.y: is given twice; first at line 2"),
        ("a:\n\tb: 1\n", "prod.yaml:2: is not valid YAML: a tab cannot indent, blanks do"),
        (
            "a: 1\n---\nb: 2\n",
            "prod.yaml:2: holds a second document; put each in a file of its own",
        ),
        ("a: !!python/name:os.system x\n", "prod.yaml:1: a: has a tag; only plain values are read"),
        ("a: *b\n", "prod.yaml:1: a: refers to an anchor that is not complete before it"),
        ("a: &a [*a]\n", "prod.yaml:1: a[0]: refers to an anchor that is not complete before it"),
        ("? [x]\n: y\n", "prod.yaml:1: a name must be plain text"),
        ("a: {'<<': 1, '<<': 2}", "prod.yaml:1: a.<<: is given twice; first at line 1"),
        ("a:\n  <<: [1]\n", "prod.yaml:2: a: << takes a mapping, or a list of them"),
        (b"a: \x00b\n", "prod.yaml:1: is not valid YAML: it holds a control character"),
        (b"a: 1\n\xff\xfe", "prod.yaml:2: is not UTF-8 text"),
        ("[" * 100_000, f"prod.yaml:1: nests deeper than {MAX_DEPTH} levels"),
        ("{a: " * 100_000, f"prod.yaml:1: nests deeper than {MAX_DEPTH} levels"),
    ],
)
def test_a_fault_has_its_line(raw: str | bytes, fault: str) -> None:
    assert refuse(raw)[0] == fault


def test_several_faults_are_told_at_once_and_no_more_than_twenty() -> None:
    faults = refuse("".join(f"a{n % 30}: 1\n" for n in range(60)))
    assert len(faults) == 21
    assert faults[0] == "prod.yaml:31: a0: is given twice; first at line 1"
    assert faults[-1] == "prod.yaml: and 10 more"


def test_aliases_cannot_make_a_file_larger_than_it_may_be() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert refuse("\n".join(lines))[0].endswith("is too large, aliases written out")


def test_a_message_does_not_repeat_a_value() -> None:
    canary = "canary-0123456789"
    for raw in (f"a: '{canary}", f"a: b: {canary}", f"a: [{canary}", f"- {canary}\nb: {{"):
        assert canary not in " ".join(refuse(raw))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(ManifestError):
        build_plain(parse_yaml(raw, NAME))
