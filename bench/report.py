"""The report of one run as Markdown, and its place in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import ratio, show, table
from bench.targets import Results, over_direct_us

_MARKED = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
_SMALL_BYTES = 600
_REACHED = {True: "yes", False: "no", None: "not measured"}


def write_summary(results: Results, charts: str = "docs") -> str:
    """Return what a first page needs: targets, small bodies, the chart in the folder `charts`."""
    parts = [_describe(results["machine"])]
    if results["cases"]:
        parts += name_charts(results, charts)[:1]
        small = [case for case in results["cases"] if case["size"] == _SMALL_BYTES]
        parts.append(_write_cost({**results, "cases": small}))
    parts.append(_write_targets(results["targets"]))
    return "\n\n".join(parts)


def name_charts(results: Results, folder: str) -> list[str]:
    """Return the Markdown of the charts that a run gives."""
    charts = ["bench-cpu"] if results["cases"] else []
    charts += ["bench-latency"] if results.get("load") else []
    names = {"bench-cpu": "CPU per request", "bench-latency": "Latency over load"}
    return [f"![{names[chart]}]({folder}/{chart}.svg)" for chart in charts]


def write_report(results: Results) -> str:
    """Return the whole report."""
    parts = [_describe(results["machine"]), _write_targets(results["targets"])]
    parts += [_write_cost(results)] if results["cases"] else []
    parts += _write_rest(results)
    parts += [f"Not measured: {reason}." for reason in results["missing"]]
    return "\n\n".join(parts)


def _describe(machine: dict[str, Any]) -> str:
    busy = machine.get("load_before") or 0.0
    note = f" **The machine was busy with other work before: load {busy}.**" if busy > 0.7 else ""
    return (
        f"{machine['cores']} cores ({machine['cpu']}), Python {machine['python']}, "
        f"{machine['date']}, medians of {machine['rounds']} round(s).{note}"
    )


def _write_targets(targets: list[dict[str, Any]]) -> str:
    rows = [
        (
            row["number"],
            row["name"],
            row["limit"],
            "-" if row["figure"] is None else f"{show(float(row['figure']))} {row['unit']}",
            row["beside"],
            _REACHED[row["reached"]],
        )
        for row in targets
    ]
    return table(("", "target", "limit", "figure", "beside it", "reached"), rows)


def _write_cost(results: Results) -> str:
    heads = ("load", "through", "CPU µs", "per chunk", "over nginx", "requests/s")
    heads += ("p50 ms", "p99 ms", "first byte µs over direct", "failed", "RSS MiB")
    return table(heads, _iter_cost(results))


def _iter_cost(results: Results) -> Iterator[tuple[Any, ...]]:
    for case in results["cases"]:
        subjects = case["subjects"]
        limit = subjects.get("nginx", {}).get("cpu_us")
        plain = case["kind"] == "plain"
        for name, row in subjects.items():
            direct = name == "direct"
            yield (
                case["label"],
                name,
                None if direct else row["cpu_us"],
                None if direct else row["cpu_us_per_chunk"],
                None if direct else ratio(row["cpu_us"], limit),
                row["requests_per_s"],
                row["p50_ms"],
                row["p99_ms"],
                None if direct or plain else over_direct_us(subjects, name, "first_byte_p50_ms"),
                row["failed"],
                None if direct else row["rss_mib"],
            )


def _write_rest(results: Results) -> Iterator[str]:
    if workers := [(n, row) for n, row in results.get("workers", {}).items() if n in ("1", "2")]:
        heads = ("workers", "CPU µs, all processes", "requests/s", "requests/s, limited")
        heads += ("share of each", "RSS MiB: parent", "each worker")
        yield table(heads, [_worker_row(n, row) for n, row in workers])
    if sizes := results.get("sizes"):
        heads = ("endpoints", "CPU µs", "RSS MiB", "longest wait ms", "while changing")
        heads += ("p99 ms", "while changing", "writes", "ms per write", "failed")
        yield table(heads, [_size_row(n, sizes[n]) for n in ("10", "10000")])
    if rows := results.get("load"):
        heads = ("offered/s, open loop", "through", "goodput/s", "p50 ms", "p99 ms", "max ms")
        names = ("goodput_per_s", "p50_ms", "p99_ms", "max_ms")
        cells = [[row["offered_per_s"], row["subject"], *(row[n] for n in names)] for row in rows]
        yield table(heads, cells)


def _worker_row(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        name,
        row["cpu_us"],
        row["requests_per_s"],
        row["limited_per_s"],
        " + ".join(f"{share:.0%}" for share in row["share_of_each"]),
        row["rss_parent_mib"],
        ", ".join(map(show, row["rss_each_mib"])) or "-",
    )


def _size_row(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        int(name),
        row["cpu_us"],
        row["rss_mib"],
        row["quiet_max_ms"],
        row["changing_max_ms"],
        row["quiet_p99_ms"],
        row["changing_p99_ms"],
        row["writes"],
        row["write_ms"],
        row["failed"],
    )


def check_marks(path: Path) -> None:
    """Raise ValueError unless the file has one place between `<!-- bench -->` marks."""
    try:
        count = len(_MARKED.findall(path.read_text()))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if count != 1:
        raise ValueError(f"{path} has {count} places between <!-- bench --> and <!-- /bench -->")


def write_into(path: Path, text: str) -> None:
    """Put the text between a file's marks. Raises ValueError without them."""
    check_marks(path)
    new = _MARKED.sub(lambda match: f"{match[1]}{text}\n{match[2]}", path.read_text())
    path.write_text(new)
