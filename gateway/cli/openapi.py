"""`lockgate openapi`: the description of the control plane's REST.

Rule: printed as the server gives it, so that it fits the version that runs.
"""

from __future__ import annotations

import click

from gateway.cli.client import Api
from gateway.cli.options import with_api
from gateway.cli.output import print_json


@click.command(epilog="Example: lockgate openapi > lockgate-openapi.json")
@with_api
def openapi(api: Api) -> None:
    """Print the OpenAPI 3.1 document of the control plane."""
    print_json(api.get("/openapi.json").body)
