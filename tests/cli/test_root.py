from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import click
import click.testing
import pytest

import gateway
from gateway.cli.root import COMMANDS, Root, cli
from gateway.errors import SettingsError, StoreUnavailableError
from tests.cli.conftest import TOKEN, Cli, ScriptedServer, clean_environ

LOCKGATE = [sys.executable, "-m", "gateway"]


def all_commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []

    def walk(command: click.Command, path: str) -> None:
        found.append((path, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(inner, f"{path} {name}")

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        walk(command, name)
    return found


def build_root(failure: BaseException) -> Root:
    """Build a root whose one command fails in this way."""
    root = Root("lockgate", params=[click.Option(["--debug"], is_flag=True)])

    @click.command()
    def fail() -> None:
        raise failure

    root.get_command = lambda ctx, name: fail  # type: ignore[method-assign]
    return root


def test_the_version_is_the_packages_own(run: Cli) -> None:
    assert run.ok("--version") == f"lockgate {gateway.__version__}\n"


def test_every_command_of_the_table_loads_under_its_name(run: Cli) -> None:
    text = run.ok("--help")
    for name in COMMANDS:
        assert f"\n  {name} " in text


@pytest.mark.parametrize(("path", "command"), all_commands(), ids=lambda item: str(item)[:40])
def test_every_command_says_what_it_does_with_an_example(
    run: Cli, path: str, command: click.Command
) -> None:
    text = run.ok(*path.split(), "--help")
    assert text.startswith(f"Usage: cli {path}")
    summary = (command.help or "").split("\n")[0]
    assert summary[0].isupper()
    assert summary.rstrip().endswith((".", "?", "runs,")) or "\n" in (command.help or "")
    if not isinstance(command, click.Group):
        assert "lockgate " in (command.epilog or command.help or "")


def test_no_option_takes_a_secret_from_argv() -> None:
    texts = {
        option
        for _, command in all_commands()
        for parameter in command.params
        if not getattr(parameter, "is_flag", False)
        for option in parameter.opts
    }
    assert not texts & {"--token", "--value", "--secret-value", "--passphrase", "--admin-token"}


def test_every_listing_prints_json_too() -> None:
    for path, command in all_commands():
        if path.endswith((" list", "usage", "providers", "explain")):
            assert "--output" in [option for param in command.params for option in param.opts]


@pytest.mark.parametrize(
    "args", [["nonsense"], ["secrets", "list", "--nonsense"], ["secrets", "get"], ["serve", "x"]]
)
def test_wrong_usage_is_exit_code_2(run: Cli, args: list[str]) -> None:
    assert run(*args).exit_code == 2


def test_a_wrong_flag_is_usage_and_a_wrong_variable_is_a_refusal(run: Cli) -> None:
    flag = run("secrets", "list", "--url", "ftp://x")
    variable = run("secrets", "list", LOCKGATE_URL="ftp://x")
    assert (flag.exit_code, variable.exit_code) == (2, 1)
    assert "--url" in flag.stderr
    assert variable.stderr.startswith("error: LOCKGATE_URL: ")


def test_an_unknown_variable_is_one_line_that_names_the_nearest(run: Cli) -> None:
    result = run("secrets", "list", LOCKGATE_ADMIN_TOKEM="x" * 20)
    assert result.exit_code == 1
    assert result.stderr == (
        "error: LOCKGATE_ADMIN_TOKEM is not a setting; "
        "the nearest known one is LOCKGATE_ADMIN_TOKEN\n"
    )


def test_without_a_token_and_a_terminal_the_reason_is_one_line(run: Cli) -> None:
    result = run("secrets", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: no admin token: set LOCKGATE_ADMIN_TOKEN or give --token-file\n"


@pytest.mark.parametrize(
    ("failure", "exit_code", "line"),
    [
        (StoreUnavailableError("the database is busy"), 1, "error: the database is busy\n"),
        (SettingsError("LOCKGATE_X is wrong", field="LOCKGATE_X"), 1, "error: LOCKGATE_X is wrong"),
        (SettingsError("--listen: is wrong", field="--listen"), 2, "--listen: is wrong"),
        (KeyboardInterrupt(), 130, "\n"),
        (click.Abort(), 130, "\n"),
        (EOFError(), 130, "\n"),
        (ValueError("canary-detail"), 1, "error: unexpected failure (ValueError)"),
    ],
)
def test_each_failure_has_its_exit_code_and_no_stack(
    failure: BaseException, exit_code: int, line: str
) -> None:
    result = click.testing.CliRunner().invoke(
        build_root(failure), ["fail"], env={"LOCKGATE_LOG_LEVEL": None}
    )
    assert result.exit_code == exit_code
    assert line in result.stderr
    assert "Traceback" not in result.output
    assert "canary" not in result.output


@pytest.mark.parametrize(
    ("args", "level"), [(["--debug", "fail"], None), (["fail"], "debug"), (["fail"], "DEBUG")]
)
def test_an_unexpected_failure_shows_its_stack_on_demand(args: list[str], level: str) -> None:
    result = click.testing.CliRunner().invoke(
        build_root(ValueError("the detail")), args, env={"LOCKGATE_LOG_LEVEL": level}
    )
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "the detail" in result.stderr


# --- in a process of its own --------------------------------------------------------------


def start(scripted: ScriptedServer, *args: str, **options: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*LOCKGATE, *args],
        env=clean_environ(LOCKGATE_URL=scripted.url, LOCKGATE_ADMIN_TOKEN=TOKEN),
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def test_a_reader_that_leaves_early_is_no_error_message(scripted: ScriptedServer) -> None:
    rows = [{"name": f"key-{number}" + "x" * 200, "key_id": "k-1"} for number in range(2_000)]
    scripted.answers["GET", "/api-keys"] = 200, {}, {"items": rows, "next_cursor": None}
    process = start(scripted, "keys", "list", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"NAME")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 1
    process.stderr.close()


def test_ctrl_c_while_waiting_for_the_server_is_130_without_a_stack(
    scripted: ScriptedServer,
) -> None:
    waiting: list[subprocess.Popen[bytes]] = []

    def interrupt(_: object) -> tuple[int, dict[str, str], object]:
        waiting[0].send_signal(signal.SIGINT)
        waiting[0].wait()
        return 200, {}, {}

    scripted.answers["GET", "/status"] = interrupt
    waiting.append(start(scripted, "status", stdout=subprocess.DEVNULL))
    _, stderr = waiting[0].communicate()
    assert waiting[0].returncode == 130
    assert b"Traceback" not in stderr


def test_the_module_and_the_console_script_are_the_same_program() -> None:
    script = Path(sys.executable).with_name("lockgate")
    if not script.exists():
        pytest.skip("the package is not installed beside this interpreter")
    for command in ([str(script)], LOCKGATE):
        done = subprocess.run(
            [*command, "--version"], env=clean_environ(), capture_output=True, check=True
        )
        assert done.stdout.decode() == f"lockgate {gateway.__version__}\n"


# Makes the terminal on stdin the process's own, as a shell would, then becomes the command.
TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def talk(scripted: ScriptedServer, args: list[str], says: str, **environ: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, type one line when it asks; code and screen."""
    terminal, side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *LOCKGATE, *args],
        env=clean_environ(LOCKGATE_URL=scripted.url, TERM="xterm", COLUMNS="200", **environ),
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    ) as process:
        os.close(side)
        screen = read_screen(terminal, says)
    os.close(terminal)
    return process.returncode, screen


def read_screen(terminal: int, says: str) -> str:
    screen, typed = b"", False
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # what Linux says when the other side has closed
            chunk = b""
        if not chunk:
            return screen.decode()
        screen += chunk
        if not typed and screen.rstrip().endswith((b":", b"?")):
            os.write(terminal, says.encode())
            typed = True


def test_on_a_terminal_the_token_is_asked_for_and_not_shown(scripted: ScriptedServer) -> None:
    scripted.answers["GET", "/status"] = 200, {}, {"version": "9.9"}
    code, screen = talk(scripted, ["status"], "typed-admin-token\n")
    assert code == 0, screen
    assert scripted.calls[0].headers["authorization"] == "Bearer typed-admin-token"
    assert "typed-admin-token" not in screen
    assert "9.9" in screen


@pytest.mark.parametrize(("says", "code", "deleted"), [("y\n", 0, True), ("n\n", 1, False)])
def test_on_a_terminal_a_delete_asks_first(
    scripted: ScriptedServer, says: str, code: int, deleted: bool
) -> None:
    scripted.answers["GET", "/api-keys"] = 200, {}, {"items": [{"key_id": "k-1"}]}
    scripted.answers["DELETE", "/api-keys/k-1"] = 204, {}, b""
    seen, screen = talk(scripted, ["keys", "delete", "app"], says, LOCKGATE_ADMIN_TOKEN=TOKEN)
    assert seen == code, screen
    assert ("DELETE" in [call.method for call in scripted.calls]) is deleted


def test_yes_asks_nothing_on_a_terminal(scripted: ScriptedServer) -> None:
    scripted.answers["GET", "/api-keys"] = 200, {}, {"items": [{"key_id": "k-1"}]}
    scripted.answers["DELETE", "/api-keys/k-1"] = 204, {}, b""
    code, screen = talk(
        scripted, ["keys", "delete", "app", "--yes"], "", LOCKGATE_ADMIN_TOKEN=TOKEN
    )
    assert (code, screen.strip()) == (0, "api key app deleted")


def test_ctrl_c_at_a_prompt_is_130(scripted: ScriptedServer) -> None:
    code, screen = talk(scripted, ["status"], "\x03")
    assert code == 130
    assert "Traceback" not in screen


def test_on_a_terminal_a_value_is_typed_without_being_shown(scripted: ScriptedServer) -> None:
    scripted.answers["POST", "/secrets"] = 201, {}, {"secret_id": "s-1", "secret_name": "prod"}
    code, screen = talk(
        scripted, ["secrets", "create", "prod"], "canary-typed\n", LOCKGATE_ADMIN_TOKEN=TOKEN
    )
    assert code == 0, screen
    assert scripted.calls[0].body["secret_value"] == {"api_key": "canary-typed"}
    assert "canary-typed" not in screen


def test_on_a_terminal_a_listing_is_a_table(scripted: ScriptedServer) -> None:
    rows = [{"name": "[bold]app\x1b[5m", "key_id": "k-1", "allowed_endpoints": ["chat*"]}]
    scripted.answers["GET", "/api-keys"] = 200, {}, {"items": rows, "next_cursor": None}
    code, screen = talk(scripted, ["keys", "list"], "", LOCKGATE_ADMIN_TOKEN=TOKEN)
    assert code == 0
    assert "[bold]app\\x1b[5m" in screen
    assert "─" in screen
