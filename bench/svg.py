"""Charts as SVG, drawn by hand: bars on a logarithmic scale, and lines.

Each stands on a card of its own, light or dark by the reader's scheme: a page's own background may
be of the other one, and text must be readable on both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 720
_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#424a53}
.card{fill:#fff;stroke:#8b949e;stroke-opacity:.35}
.title{font-size:15px;font-weight:600}.title,.strong{fill:#1f2328}.strong{font-weight:600}
.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:#8b949e;stroke-opacity:.28;stroke-width:1}
.c0{--c:#2f81f7}.c1{--c:#8b949e}.c2{--c:#d29922}.c3{--c:#3fb950}.c4{--c:#a371f7}
rect.c0,rect.c1,rect.c2,rect.c3,rect.c4,circle{fill:var(--c)}
path{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}.dash{stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){.card{fill:#0d1117}text{fill:#aeb6bf}.title,.strong{fill:#f0f6fc}}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `colour` is 0 to 4, 0 is ours."""

    name: str
    value: float
    colour: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line through (x, y) points."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 1
    dashed: bool = False


def draw_bars(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """Draw horizontal bars; logarithmic where the values differ by more than 20 times."""
    shown = [bar for bar in bars if bar.value > 0]
    left, right, row = 190, 90, 30
    top, height = 46, 46 + row * len(shown) + 18
    most = max((bar.value for bar in shown), default=1.0)
    least = min((bar.value for bar in shown), default=1.0)
    log = most / least > 20
    base = 10 ** math.floor(math.log10(least)) if log else 0.0
    place = _scale(base, most, left, _WIDTH - right, log=log)
    parts = [_text(12, 24, title + (" (logarithmic)" if log else ""), "title")]
    for tick in _ticks(base, most, log=log):
        x = place(tick)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{height - 8}"/>'
        )
    for index, bar in enumerate(shown):
        y = top + index * row
        width = max(place(bar.value) - left, 2)
        strong = "strong" if bar.colour == 0 else ""
        parts.append(_text(left - 10, y + 15, bar.name, f"end {strong}"))
        parts.append(
            f'<rect class="c{bar.colour}" x="{left}" y="{y}" width="{width:.1f}" '
            'height="20" rx="3"/>'
        )
        parts.append(_text(left + width + 8, y + 15, f"{_number(bar.value)} {unit}", strong))
    return _document(height, title, parts)


def draw_lines(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """Draw lines over a linear x and a logarithmic y."""
    points = [point for line in lines for point in line.points if point[1] > 0]
    if not points:
        return _document(
            60, title, [_text(12, 24, title, "title"), _text(12, 46, "no figures", "")]
        )
    left, right, top, bottom, height = 70, 150, 50, 46, 340
    most_x = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    low, high = 10 ** math.floor(math.log10(low)), max(high, low * 10) * 1.15
    place_x = _scale(0, most_x, left, _WIDTH - right, log=False)
    place_y = _scale(low, high, height - bottom, top, log=True)
    parts = [_text(12, 24, title, "title"), _text(12, 42, y_name, "")]
    parts += _draw_axes(place_x, place_y, (most_x, low, high), (left, right, top, bottom, height))
    parts.append(_text((left + _WIDTH - right) / 2, height - 9, x_name, "mid"))
    parts += _draw_curves(lines, place_x, place_y)
    parts += _draw_legend(lines, _WIDTH - right + 16, top + 8)
    return _document(height, title, parts)


def _draw_axes(place_x, place_y, ends, box) -> Iterator[str]:  # noqa: ANN001
    most_x, low, high = ends
    left, right, top, bottom, height = box
    for tick in _ticks(low, high, log=True):
        y = place_y(tick)
        yield f'<line class="grid" x1="{left}" x2="{_WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(left - 8, y + 4, _number(tick), "end")
    for tick in _ticks(0, most_x, log=False):
        x = place_x(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - bottom}"/>'
        yield _text(x, height - bottom + 18, _number(tick), "mid")


def _draw_curves(lines: Sequence[Line], place_x, place_y) -> Iterator[str]:  # noqa: ANN001
    for line in lines:
        places = [(place_x(x), place_y(y)) for x, y in line.points if y > 0]
        if not places:
            continue
        track = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="c{line.colour}{" dash" if line.dashed else ""}" d="M{track}"/>'
        for x, y in places:
            yield f'<circle class="c{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _draw_legend(lines: Sequence[Line], x: float, y: float) -> Iterator[str]:
    for index, line in enumerate(lines):
        at = y + index * 22
        dash = " dash" if line.dashed else ""
        yield f'<path class="c{line.colour}{dash}" d="M{x} {at - 4}L{x + 22} {at - 4}"/>'
        yield _text(x + 28, at, line.name, "strong" if line.colour == 0 else "")


def _scale(low: float, high: float, start: float, end: float, *, log: bool):  # noqa: ANN202
    if log:
        low, high = math.log10(low), math.log10(high)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        at = math.log10(value) if log else value
        return start + (at - low) / span * (end - start)

    return place


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    if log:
        first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
        return [10.0**power for power in range(first, last + 1)]
    step = 10 ** math.floor(math.log10(high or 1))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if high / (step * part) <= 6)
    return [step * count for count in range(int(high / step) + 1)]


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k" if value < 1e6 else f"{value:,.0f}"
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind.strip()}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _document(height: float, title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
    head += f'width="{_WIDTH}" height="{height:.0f}" role="img" aria-label="{escape(title)}">'
    card = (
        f'<rect class="card" x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1:.0f}" rx="8"/>'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", card, *parts, "</svg>", ""])
