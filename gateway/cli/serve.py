"""`lockgate serve`: the gateway itself.

Rule: what a person must know of the start (addresses, the first admin token) is
printed once, on stdout; everything later is log, on stderr.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.client import show_once
from gateway.manifest.sources import read_manifest
from gateway.settings import parse_settings

if TYPE_CHECKING:
    from gateway.server import RunningServer
    from gateway.workers.parent import RunningParent

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog="Example: lockgate serve --data /var/lib/lockgate --listen 0.0.0.0:8700")
@click.option("--data", metavar="DIR", help="Data directory [./lockgate-data].")
@click.option("--listen", metavar="HOST:PORT", help="Address of the data plane [127.0.0.1:8700].")
@click.option("--admin-listen", metavar="HOST:PORT", help="Control plane's own address.")
@click.option("--workers", metavar="N", help="Worker processes [one per core].")
@click.option(
    "--config", type=_FILE, help="YAML file of settings and, if it has more, of what is routed."
)
def serve(
    data: str | None,
    listen: str | None,
    admin_listen: str | None,
    workers: str | None,
    config: Path | None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    The first start makes the data directory, the root key (unless a passphrase
    is given) and an admin token, which is printed once. Every option has its
    LOCKGATE_* variable, and docs/settings.md lists the rest of them.

    A --config that has more than a settings: section is where the configuration
    comes from: it is applied now and whenever it changes, and what it has
    cannot be changed over REST (docs/configuration.md).
    """
    flags = {"data": data, "listen": listen, "admin_listen": admin_listen, "workers": workers}
    settings = parse_settings(flags, os.environ, config)
    if settings.configuration_file is not None:
        # A file that is wrong in itself is told before there is a data directory.
        read_manifest(str(settings.configuration_file))
    # Late: they load everything that there is.
    if os.name == "posix":
        from gateway.workers.parent import run_parent

        run_parent(settings, announce)
    else:
        from gateway.server import run_server

        run_server(settings, announce)


def announce(server: RunningServer | RunningParent) -> None:
    """Print where the gateway listens and, at the first start, its admin token."""
    lines = [
        f"Lockgate serves at {server.url}, its control plane at {server.admin_url}/api/v1",
        f"Web page: {server.admin_url}/ui/",
    ]
    token = server.gateway.admin_token
    if token is not None:
        lines += [
            f"Admin token (shown only now): {show_once(token)}",
            "Give it to the other commands as LOCKGATE_ADMIN_TOKEN.",
        ]
    click.echo("\n".join(lines))
