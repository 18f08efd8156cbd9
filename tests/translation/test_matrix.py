"""The matrix has no cell that fails."""

from __future__ import annotations

from pathlib import Path

from tests.translation.matrix import fill_all, render


async def test_every_cell_passes_or_is_refused_by_a_rule(tmp_path: Path) -> None:
    cells = await fill_all(tmp_path / "data")
    assert len(cells) > 1000
    assert not [cell for cell in cells if cell.mark == "FAIL"], render(cells)
