"""Options that many commands share.

Rule: an option has one spelling and one meaning in every command; the admin token
comes from the environment, a file or a hidden prompt, never from argv.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.client import Api, open_api
from gateway.cli.refusal import Refused
from gateway.secret import Secret
from gateway.settings import Settings, parse_settings

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)


def with_api(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the control plane's client as its first argument."""

    @click.option("--url", metavar="URL", help="Control plane; else LOCKGATE_URL.")
    @click.option(
        "--token-file", type=_FILE, help="File with the admin token; else LOCKGATE_ADMIN_TOKEN."
    )
    @functools.wraps(command)
    def connected(*args: Any, url: str | None, token_file: Path | None, **options: Any) -> None:
        command(connect(url, token_file), *args, **options)

    return connected


def connect(url: str | None, token_file: Path | None) -> Api:
    """Open the control plane's client for the rest of the command. Raises Refused."""
    settings = parse_settings({"url": url}, os.environ)
    return click.get_current_context().with_resource(
        open_api(settings.url, _read_token(settings, token_file))
    )


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that works on the data directory the settings as its first argument."""

    @click.option("--data", metavar="DIR", help="Data directory; else LOCKGATE_DATA.")
    @click.option("--config", type=_FILE, help="YAML file with a settings: section.")
    @functools.wraps(command)
    def settled(*args: Any, data: str | None, config: Path | None, **options: Any) -> None:
        command(parse_settings({"data": data}, os.environ, config), *args, **options)

    return settled


def with_output(command: F) -> F:
    """Add ``--output``."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Form of what is printed.",
    )(command)


def with_limit(command: F) -> F:
    """Add ``--limit``."""
    return click.option(
        "--limit", type=click.IntRange(1), metavar="N", help="List at most N; else all."
    )(command)


def with_if_match(command: F) -> F:
    """Add ``--if-match``."""
    return click.option(
        "--if-match", metavar="ETAG", help="Only if this is still the version (see get)."
    )(command)


def with_value(command: F) -> F:
    """Add the ways in which the value of a credential comes in: never by argv."""
    for option in (
        click.option("--value-stdin", is_flag=True, help="Read the value from stdin."),
        click.option("--value-file", type=_FILE, help="Read the value from this file."),
        click.option(
            "--field",
            "fields",
            multiple=True,
            metavar="FIELD",
            help="Field of the credential; repeat for several [api_key]. Several are prompted for "
            "one by one, or come as one JSON object.",
        ),
    ):
        command = option(command)
    return command


def with_yes(command: F) -> F:
    """Add ``--yes``."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `yes`; a pipe or a script is not asked.

    Raises:
        Refused: the answer is no.
    """
    if yes or not sys.stdin.isatty():
        return
    if not click.confirm(question, err=True):
        raise Refused("nothing was changed")


def read_secret_file(path: Path, what: str) -> str:
    """Read a file that holds one secret, without the newline that an editor puts at its end.

    Raises:
        Refused: it cannot be read, is no text, or is empty.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise Refused(f"the {what} file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"the {what} file {path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _read_token(settings: Settings, token_file: Path | None) -> Secret:
    if token_file is not None:
        return Secret(read_secret_file(token_file, "token").strip())
    if settings.admin_token is not None:
        return settings.admin_token
    if sys.stdin.isatty():
        return Secret(click.prompt("Admin token", hide_input=True, err=True).strip())
    raise Refused("no admin token: set LOCKGATE_ADMIN_TOKEN or give --token-file")
