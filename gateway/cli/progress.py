"""A bar for work that takes long.

Rule: on a terminal's stderr only; elsewhere nothing is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.cli.output import is_error_terminal


@contextmanager
def show_progress(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what takes (done, total), or None where nobody looks."""
    if not is_error_terminal():
        yield None
        return
    # Late: rich takes longer to load than most commands take to run.
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
