"""The `lockgate` command: its table of subcommands and its one rescue point.

Rule: an exception becomes a line on stderr and an exit code only here: 0 done,
1 refused or failed, 2 wrong usage, 130 interrupted. A subcommand's module is
loaded when it is named, so that a small command does not pay for the server.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, Final, NoReturn

import click

import gateway
from gateway.cli.refusal import Interrupted, Refused, RefusedFile
from gateway.errors import LockgateError, ManifestError, SettingsError

PROGRAM: Final = "lockgate"
# Name -> module under gateway.cli; the module holds the command under its own name, or under the
# one behind the colon where Python has that name for itself.
COMMANDS: Final = {
    "demo": "demo",
    "serve": "serve",
    "secrets": "secrets",
    "models": "models",
    "endpoints": "endpoints",
    "bindings": "bindings",
    "keys": "keys",
    "tokens": "tokens",
    "export": "configuration",
    "diff": "configuration",
    "apply": "configuration",
    "schema": "configuration",
    "import": "imports:import_",
    "history": "history",
    "usage": "usage",
    "audit": "audit",
    "explain": "explain",
    "status": "reports",
    "providers": "reports",
    "openapi": "reports",
    "crypto": "crypto",
    "backup": "backup",
    "restore": "backup",
    "doctor": "doctor",
}


class Root(click.Group):
    """The group at the root: finds subcommands by the table, turns exceptions into refusals."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of the table, in its order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Load and return the command of this name."""
        if cmd_name not in COMMANDS:
            return None
        where, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"gateway.cli.{where}"), name or cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"gateway.cli.{where} holds no command {cmd_name}")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the named command; whatever it raises becomes a refusal with an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # so that a closed pipe is noticed here
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (click.Abort, KeyboardInterrupt, EOFError):
            raise Interrupted from None
        except BrokenPipeError:
            _leave_pipe()
        except LockgateError as error:
            raise _refuse(error) from None
        except Exception as error:  # noqa: BLE001  the one rescue point
            if _is_debugging(ctx):
                click.echo(traceback.format_exc(), err=True, nl=False)
            raise Refused(
                f"unexpected failure ({type(error).__name__}); "
                "lockgate --debug or LOCKGATE_LOG_LEVEL=DEBUG shows the stack"
            ) from None
        return result


def _refuse(error: LockgateError) -> click.ClickException:
    if isinstance(error, SettingsError) and (error.field or "").startswith("--"):
        return click.UsageError(error.detail)
    if isinstance(error, ManifestError):
        return RefusedFile(error.faults)
    return Refused(error.detail)


def _leave_pipe() -> NoReturn:
    # The reader has gone. Python would complain again when it flushes at exit, so give it a
    # place to flush to.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(1)


def _is_debugging(ctx: click.Context) -> bool:
    level = os.environ.get("LOCKGATE_LOG_LEVEL", "")
    return bool(ctx.params.get("debug")) or level.upper() == "DEBUG"


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: lockgate serve, and then in another terminal lockgate endpoints list.",
)
@click.option("--debug", is_flag=True, help="Show the stack of an unexpected failure.")
@click.version_option(gateway.__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli(debug: bool) -> None:
    """An LLM gateway with a vault for provider keys, weighted routing and fallback.

    `serve` runs it. The commands that read and change its configuration talk to
    a running gateway at LOCKGATE_URL with LOCKGATE_ADMIN_TOKEN. The commands
    crypto, backup, restore, doctor and `tokens recover` work on the data
    directory itself, with or without a running gateway.
    """
    del debug  # read by the rescue point


def main() -> NoReturn:
    """Run the command line with the process's arguments and exit with its code."""
    try:
        cli.main(prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)
    sys.exit(0)
