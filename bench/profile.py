"""``python -m bench.profile``: where the gateway's time goes under load, by sampling its stack.

py-spy is a tool, not a dependency: it is installed into `.bench/tools` when it is first needed.
Samples are of the running program, at no cost to it but a short stop for each.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from bench.figures import table
from bench.load import positive
from bench.mock import CHUNKS
from bench.openloop import start_open_load
from bench.processes import raise_file_limit
from bench.subjects import NotThereError, Subject, set_up, start_gateway, start_mock

_TOOLS = Path(".bench/tools")
_FRAME = re.compile(r"^(?P<function>.+) \((?P<file>[^:()]+)(?::\d+)?\)$")


def find_py_spy() -> str:
    """Return the program; install it where there is none. Raises NotThereError."""
    own = _TOOLS / "bin" / "py-spy"
    if found := shutil.which("py-spy"):
        return found
    if not own.exists():
        for command in (
            [sys.executable, "-m", "venv", str(_TOOLS)],
            [str(_TOOLS / "bin/python"), "-m", "pip", "install", "--quiet", "py-spy"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotThereError(f"py-spy did not install: {done.stderr.strip()[-160:]}")
    return str(own)


def parse_stacks(text: str) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Yield (file, function) from the outermost to the innermost, and how often it was seen."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        matches = (_FRAME.match(frame) for frame in stack.split(";"))
        frames = [(found["file"], found["function"]) for found in matches if found]
        if frames:
            yield frames, int(count)


@lru_cache
def find_module(file: str) -> str:
    """Return where a file belongs: `gateway.proxy`, or the library's name, or `python`."""
    parts = Path(file).with_suffix("").parts
    if "gateway" in parts:
        return ".".join(parts[parts.index("gateway") :][:2])
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    found = find_spec(parts[0]) if parts[0].isidentifier() else None
    return parts[0] if found and "site-packages" in (found.origin or "") else "python"


def count_shares(
    stacks: Iterable[tuple[list[tuple[str, str]], int]],
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return samples by module and by function at the top of the stack, and by our own innermost.

    The last says on whose behalf a library runs.
    """
    modules, functions, ours = Counter[str](), Counter[str](), Counter[str]()
    for frames, count in stacks:
        file, function = frames[-1]
        modules[find_module(file)] += count
        functions[f"{_shorten(file)} {function}"] += count
        for file, function in reversed(frames):
            if find_module(file).startswith("gateway"):
                ours[f"{_shorten(file)} {function}"] += count
                break
        else:
            ours["(no code of ours on the stack: the event loop)"] += count
    return modules, functions, ours


def _shorten(file: str) -> str:
    parts = Path(file).parts
    for root in ("gateway", "site-packages"):
        if root in parts:
            return "/".join(parts[parts.index(root) + (root == "site-packages") :])
    return "/".join(parts[-2:])


def sample(gateway: Subject, seconds: int, rate: int, *, native: bool) -> str:
    """Sample the gateway's processes and return the stacks."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "stacks"
        command = [find_py_spy(), "record", "--pid", str(gateway.pid), "--subprocesses"]
        command += ["--duration", str(seconds), "--rate", str(rate), "--format", "raw"]
        command += ["--output", str(output), *(["--native"] if native else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not output.exists():
            reason = done.stderr.strip().splitlines() or ["no word of why"]
            raise NotThereError(f"py-spy: {reason[-1]} (it needs the right to trace: root)")
        return output.read_text()


def run_profile(arguments: argparse.Namespace) -> str:
    """Load the gateway for as long as it is sampled; return the stacks."""
    with tempfile.TemporaryDirectory() as folder, start_mock() as mock:
        data = Path(folder) / "data"
        with start_gateway(mock, data, workers=arguments.workers) as bare:
            gateway = set_up(bare, mock)
            find_py_spy()
            seconds = arguments.seconds + 4.0
            stream = arguments.mode == "stream"
            rate = arguments.load / CHUNKS if stream else arguments.load
            more = ["--stream"] if stream else []
            loading = start_open_load(gateway.target(), rate, seconds, more=more)
            try:
                return sample(gateway, arguments.seconds, arguments.rate, native=arguments.native)
            finally:
                loading.terminate()
                loading.communicate()


def write_report(text: str, rows: int) -> str:
    """Return the tables in Markdown."""
    modules, functions, ours = count_shares(parse_stacks(text))
    total = sum(modules.values()) or 1
    parts = [f"{total:,} samples of running code"]
    for head, counts in (
        ("module at the top of the stack", modules),
        ("function at the top of the stack", functions),
        ("our innermost function, with the libraries that it calls", ours),
    ):
        shares = [(name, f"{count / total:.1%}") for name, count in counts.most_common(rows)]
        parts.append(table((head, "share"), shares))
    return "\n\n".join(parts)


def main() -> None:
    """Parse the arguments, load and sample, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("mode", nargs="?", choices=("plain", "stream"), default="plain")
    parser.add_argument("--seconds", type=positive, default=10)
    parser.add_argument("--rate", type=positive, default=250, help="samples a second")
    parser.add_argument("--load", type=positive, default=3000, help="requests or chunks a second")
    parser.add_argument("--rows", type=positive, default=20)
    parser.add_argument("--workers", type=positive, default=1)
    parser.add_argument("--native", action="store_true", help="frames of C extensions too")
    parser.add_argument("--stacks", type=Path, metavar="FILE", help="keep them, for a flame graph")
    arguments = parser.parse_args()
    raise_file_limit()
    try:
        text = run_profile(arguments)
    except NotThereError as error:
        parser.exit(1, f"bench.profile: {error}\n")
    if arguments.stacks:
        arguments.stacks.write_text(text)
    print(write_report(text, arguments.rows))


if __name__ == "__main__":
    main()
