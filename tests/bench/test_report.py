"""The arithmetic and the tables of the bench."""

from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest

from bench.figures import median_of, percentile, show, slope, table
from bench.report import write_into
from bench.svg import Bar, Line, draw_bars, draw_lines
from bench.targets import judge_all


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (51.0, 100.0)
    assert (percentile([], 0.5), percentile([7.0], 0.99)) == (0.0, 7.0)


def test_no_failure_hides_behind_a_median() -> None:
    rounds = [{"cpu_us": 10.0, "failed": 0}, {"cpu_us": 90.0, "failed": 3}, {"cpu_us": 20.0}]
    rounds[2]["failed"] = 0
    assert median_of(rounds) == {"cpu_us": 20.0, "failed": 3}


def test_the_slope_is_that_of_the_line() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope([(1, 1)]) == slope([(1, 1), (1, 9)]) == 0.0


def test_numbers_have_about_three_digits() -> None:
    shown = [show(value) for value in (1.234, 12.34, 1234.5, None, 7, "x")]
    assert shown == ["1.23", "12.3", "1,234", "-", "7", "x"]
    assert table(("a", "b"), [(1, None)]) == "| a | b |\n| --- | --- |\n| 1 | - |"


def _results() -> dict[str, Any]:
    def row(cpu_us: float, first_ms: float) -> dict[str, float]:
        times = {"p50_ms": first_ms, "p99_ms": first_ms, "first_byte_p50_ms": first_ms}
        return {"cpu_us": cpu_us, "cpu_us_per_chunk": 19.0, **times}

    def case(kind: str, connections: int) -> dict[str, Any]:
        subjects = {"direct": row(0, 0.1), "nginx": row(20.0, 0.2), "lockgate": row(50.0, 0.3)}
        return {"kind": kind, "size": 600, "connections": connections, "subjects": subjects}

    kinds = ("plain", "stream")
    return {"cases": [case(kind, connections) for kind in kinds for connections in (1, 32)]}


def test_a_target_is_reached_missed_or_not_measured() -> None:
    rows = {row["name"]: row for row in judge_all(_results())}
    assert rows["buffered: CPU per request, at first"]["reached"] is True
    assert rows["buffered: CPU per request, then"]["reached"] is False
    assert rows["buffered: CPU per request, then"]["beside"] == "nginx 20.0 µs; 2.5 times"
    assert rows["added latency, 1 connection, p50"]["figure"] == pytest.approx(200)
    assert rows["ledger: CPU per request"]["reached"] is None


def test_the_report_replaces_what_stands_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold \\1\n<!-- /bench -->\nafter\n")
    write_into(page, "new \\2")
    assert page.read_text() == "before\n<!-- bench -->\nnew \\2\n<!-- /bench -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="0 places"):
        write_into(page, "new")


def test_charts_are_xml_with_escaped_names() -> None:
    bars = draw_bars("CPU", "µs", [Bar("a<b", 3.0), Bar("c", 9000.0, 0), Bar("none", 0.0)])
    lines = draw_lines("t", "x", "y", [Line("a&b", [(1, 0.5), (2, 50)])])
    for text in (bars, lines, draw_lines("t", "x", "y", []), draw_bars("t", "x", [])):
        assert minidom.parseString(text).documentElement.tagName == "svg"  # noqa: S318 - our own text
    assert bars.count("<rect") == 1 + 2  # the card, and no bar for nothing
