"""MLflow's REST for its AI Gateway, so that MLflow's own clients manage Lockgate.

Rule: paths, fields and error codes are MLflow's; what they do is done by the same service
functions, in the same transactions, as under /api/v1. docs/mlflow.md says where it differs.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.control.application import build_operations_app
from gateway.control.mlflow.errors import render_mlflow_error
from gateway.control.mlflow.routes import OPERATIONS
from gateway.control.parts import ControlParts

__all__ = ["MLFLOW_FAMILY", "MLFLOW_PATHS", "build_mlflow_app", "render_mlflow_error"]

# Where the application is mounted: MLflow's clients ask under the first, its page the second.
MLFLOW_PATHS: Final = ("/api/3.0/mlflow", "/ajax-api/3.0/mlflow")
# All that only MLflow's clients ask for: also what Lockgate has not is refused in their shape.
MLFLOW_FAMILY: Final = ("/api/2.0/", "/api/3.0/", "/ajax-api/")


def build_mlflow_app(parts: ControlParts) -> web.Application:
    """Build the application, to be mounted at each of `MLFLOW_PATHS`.

    Raises:
        InternalError: a route without a policy.
    """
    return build_operations_app(parts, OPERATIONS, render_mlflow_error)
