# ruff: noqa: INP001 - run by hand, no part of a package
"""Writes the table of docs/translation.md: what becomes of each feature in each dialect.

Run as ``python scripts/translation_table.py`` to print it; ``--write`` puts it into the page.

Rule: it is read from the loss tables of the dialects; a test compares the two.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from gateway.dialects import CODECS
from gateway.dialects.hub import Feature, Loss, LossTable

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "translation.md"
_MARKED: Final = re.compile(r"(<!-- losses -->\n).*?(<!-- /losses -->)", re.DOTALL)
_WORDS: Final = {Loss.DROPPED: "dropped", Loss.REFUSED: "refused", Loss.CHANGED: "changed"}
_KEPT: Final = "yes"


def build_table() -> str:
    """Return the table as Markdown."""
    columns: list[tuple[str, LossTable]] = []
    for codec in sorted(CODECS.values(), key=lambda row: row.name.value):
        if codec.upstream is not None:
            columns.append((codec.name.value, codec.upstream.losses))
        if codec.upstream_embeddings is not None:
            name = codec.name.value
            shown = name if name.endswith("embeddings") else f"{name} vectors"
            columns.append((shown, codec.upstream_embeddings.losses))
    lines = [
        f"| feature | {' | '.join(name for name, _ in columns)} |",
        f"| --- |{' --- |' * len(columns)}",
    ]
    for feature in Feature:
        cells = [_show(feature, losses) for _, losses in columns]
        lines.append(f"| `{feature.value}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _show(feature: Feature, losses: LossTable) -> str:
    loss = losses.get(feature)
    return _KEPT if loss is None else _WORDS[loss]


def write_page() -> None:
    """Put the table between the page's marks."""
    text = PAGE.read_text(encoding="utf-8")
    new = _MARKED.sub(lambda match: match[1] + build_table() + match[2], text)
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write_page()
    else:
        sys.stdout.write(build_table())
