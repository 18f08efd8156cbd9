"""`lockgate import`: configurations of other gateways.

Rule: a command here names its options; what it does is in a module of its own.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.import_mlflow import with_database
from gateway.cli.options import with_api, with_output


@click.group(name="import")
def import_() -> None:
    """Take over the configuration of another gateway."""


@import_.command(epilog="Example: lockgate import mlflow --database sqlite:///mlflow.db --dry-run")
@with_database
@with_output
@with_api
def mlflow(api: Api, **choices: Any) -> None:
    """Move a whole MLflow AI Gateway out of its database.

    Secrets are opened with MLflow's passphrase, from MLFLOW_CRYPTO_KEK_PASSPHRASE, a file or a
    hidden prompt, and sealed anew here; model definitions, endpoints, tags and bindings follow.
    All of it is made in one step, or nothing is.
    """
    from gateway.cli.import_mlflow import move_gateway  # late: it loads the vault

    move_gateway(api, **choices)
