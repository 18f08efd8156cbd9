"""What is measured: the mock itself, nginx as a plain proxy before it, and Lockgate."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import rest as control
from bench.processes import free_port, start, start_module, wait_for_port
from bench.rest import TOKEN, Rest
from bench.wire import Target

ENDPOINT = "bench"
UNTRACKED = "bench-untracked"
HOLD = "bench-hold"
SILENT = "bench-silent"
GATEWAY = "lockgate"
TRANSLATED = "bench-translated"  # the mock as a provider of Anthropic's format

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size 2m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  upstream mock {{
    server 127.0.0.1:{mock_port};
    keepalive 256;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


class NotThereError(Exception):
    """A subject that cannot be measured here, and why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server: its process (None where its cost is not asked for) and its address."""

    name: str
    url: str
    pid: int | None
    key: str = "none"

    def target(self, model: str = ENDPOINT) -> Target:
        """Return where requests for a model go."""
        return Target(self.url, self.key, model)

    @property
    def rest(self) -> Rest:
        """The control plane, where there is one."""
        return Rest(self.url)


@contextmanager
def start_mock(module: str = "bench.mock") -> Iterator[Subject]:
    """Run a mock provider."""
    with start_module(module) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise NotThereError(f"{module} did not start")
        yield Subject("direct", f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def start_nginx(mock: Subject) -> Iterator[Subject]:
    """Run nginx as a plain proxy: one worker, kept connections, no log."""
    found = shutil.which("nginx")
    if found is None:
        raise NotThereError("nginx is not on PATH")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        text = _NGINX.format(folder=folder, port=port, mock_port=mock.target().place[1])
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            text = "user root;" + text  # else its worker may not enter the folder
        config = folder / "nginx.conf"
        config.write_text(text)
        log = folder / "log"
        with start([found, "-p", name, "-c", str(config), "-e", "stderr"], log=log) as process:
            if not wait_for_port(port, process, 10):
                raise NotThereError(f"nginx did not start: {log.read_text()[-200:].strip()}")
            yield Subject("nginx", f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def start_gateway(
    mock: Subject,
    data: Path,
    *,
    workers: int = 1,
    tree: str | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[Subject]:
    """Run `lockgate serve` on a data directory; `tree` is another checkout's folder."""
    # The folder goes first: an installed checkout must not stand in for the one that is asked for.
    path = {"PYTHONPATH": tree} if tree else {}
    settings = {
        "LOCKGATE_ADMIN_TOKEN": TOKEN,
        "LOCKGATE_ALLOWED_PRIVATE_ORIGINS": mock.url,
        "LOCKGATE_LOG_LEVEL": "ERROR",
        **path,
        **(env or {}),
    }
    command = [sys.executable, "-m", "gateway", "serve", "--data", str(data)]
    command += ["--listen", "127.0.0.1:0", "--workers", str(workers)]
    data.parent.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.log"
    with start(command, env=settings, log=log, folder=Path(tree) if tree else None) as process:
        url = _read_url(process)
        if url is None:
            process.wait(10)
            raise NotThereError(log.read_text().strip()[-300:] or "the gateway did not start")
        yield Subject(GATEWAY, url, process.pid)


def _read_url(process: subprocess.Popen[str]) -> str | None:
    for line in process.stdout or ():
        if match := re.search(r"http://[0-9.]+:[0-9]+", line):
            return match[0]
    return None


def set_up(gateway: Subject, mock: Subject) -> Subject:
    """Create credential, models, endpoints and an api key; return the gateway with the key."""
    rest = gateway.rest
    secret = control.create_secret(rest, "bench", mock.url, "bench-provider-key")
    one, two, hold, silent = (
        control.create_model(rest, f"bench-{name}", secret, f"mock-{name}")
        for name in ("one", "two", "hold", "silent")
    )
    split = {one: 80.0, two: 20.0}
    control.create_endpoint(rest, ENDPOINT, split)
    control.create_endpoint(rest, UNTRACKED, split, usage_tracking=False)
    control.create_endpoint(rest, HOLD, {hold: 1})
    control.create_endpoint(rest, SILENT, {silent: 1})
    other = control.create_secret(rest, "bench-other", mock.url, "bench-provider-key", "anthropic")
    message = control.create_model(rest, TRANSLATED, other, "mock-message", "anthropic")
    control.create_endpoint(rest, TRANSLATED, {message: 1})
    return with_key(gateway, control.create_key(rest, "bench"))


def with_key(subject: Subject, key: str) -> Subject:
    """Return the subject with a client's key."""
    return Subject(subject.name, subject.url, subject.pid, key)
