"""How a command says no.

Rule: a refusal is one line on stderr, free of control characters, and an exit code; a file with
several faults gets a line for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, ClassVar

import click


class Refused(click.ClickException):
    """The command was refused or failed; the message says why and how to mend it."""

    exit_code: ClassVar[int] = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the one line."""
        click.echo(f"error: {clean(self.format_message())}", file=file, err=file is None)


class RefusedFile(Refused):
    """A file was refused: a line for each thing that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults[0])
        self._faults = tuple(faults)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the lines."""
        for fault in self._faults:
            click.echo(f"error: {clean(fault)}", file=file, err=file is None)


class Interrupted(click.ClickException):
    """The person at the keyboard stopped the command: 128 + SIGINT, as shells have it."""

    exit_code: ClassVar[int] = 130

    def __init__(self) -> None:
        super().__init__("interrupted")

    def show(self, file: IO[Any] | None = None) -> None:
        """End the line that the terminal shows as ^C."""
        click.echo(file=file, err=file is None)


def clean(text: str) -> str:
    """Return `text` as one line that cannot steer a terminal.

    Names and messages come from a server, and from whoever wrote to its database.
    """
    return "".join(
        char if char.isprintable() else " " if char.isspace() else repr(char)[1:-1]
        for char in text.strip()
    )
