"""Errors in MLflow's shape: `error_code`, `message` and the status that MLflow gives the code.

Rule: one table. Where MLflow has 500 for what the caller must change, the status is a 4xx:
its clients repeat a call that ends with 500, seven times, for minutes.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway import errors
from gateway.control.problem import error_response
from gateway.errors import LockgateError

_JSON: Final = "application/json"

# The first class that fits decides; a status of None is the error's own.
_ROWS: Final[tuple[tuple[type[LockgateError], str, int | None], ...]] = (
    (errors.AlreadyExistsError, "RESOURCE_ALREADY_EXISTS", 400),
    (errors.ConflictError, "INVALID_STATE", 409),
    (errors.MissingReferenceError, "RESOURCE_DOES_NOT_EXIST", 404),
    (errors.NotFoundError, "RESOURCE_DOES_NOT_EXIST", 404),
    (errors.InvalidValueError, "INVALID_PARAMETER_VALUE", 400),
    (errors.UnsupportedMediaError, "INVALID_PARAMETER_VALUE", 400),
    (errors.UnauthenticatedError, "UNAUTHENTICATED", 401),
    (errors.ForbiddenError, "PERMISSION_DENIED", 403),
    (errors.HostNotAllowedError, "PERMISSION_DENIED", 403),
    (errors.ReadOnlyError, "PERMISSION_DENIED", 403),
    (errors.TooManyAttemptsError, "REQUEST_LIMIT_EXCEEDED", 429),
    (errors.NotSupportedError, "NOT_IMPLEMENTED", 501),
    (errors.RequestError, "BAD_REQUEST", None),
    (errors.StorageFullError, "RESOURCE_EXHAUSTED", None),
    (errors.InternalError, "INTERNAL_ERROR", 500),
    (errors.LockgateError, "TEMPORARILY_UNAVAILABLE", 503),
)
_NO_PATH: Final = ("ENDPOINT_NOT_FOUND", 404)
_ONLY_GATEWAY: Final = (
    "there is no such path: of MLflow's interface, Lockgate answers what belongs to the gateway, "
    "on the address of the control plane"
)
_RENAMED: Final = (("model_mappings", "model_configs"),)  # ours, and what MLflow calls it


def render_mlflow_error(error: LockgateError, request: web.Request) -> web.Response:
    """Answer an error as MLflow's clients read it."""
    is_path = request.match_info.http_exception is None
    error_code, status = _classify(error, is_path=is_path)
    members = {"error_code": error_code, "message": _describe(error, is_path=is_path)}
    return error_response(error, request, members, status=status, content_type=_JSON)


def _classify(error: LockgateError, *, is_path: bool) -> tuple[str, int]:
    if isinstance(error, errors.NotFoundError) and not is_path:
        return _NO_PATH
    code, status = next((code, status) for kind, code, status in _ROWS if isinstance(error, kind))
    return code, error.status if status is None else status


def _describe(error: LockgateError, *, is_path: bool) -> str:
    if isinstance(error, errors.NotFoundError) and not is_path:
        return _ONLY_GATEWAY
    if isinstance(error, errors.InUseError):
        return _describe_users(error)
    return error.detail if error.field is None else f"{_rename(error.field)}: {error.detail}"


def _describe_users(error: errors.InUseError) -> str:
    """Say who uses it, by name: MLflow's interface has no `force` that the detail speaks of."""
    users = error.extra.get("users")
    rows = users if isinstance(users, list) else []
    names = ", ".join(f"{row['kind'].replace('_', ' ')} {row['name']!r}" for row in rows)
    return f"{error.extra.get('count')} use it: {names}; change or delete these first"


def _rename(field: str) -> str:
    for ours, theirs in _RENAMED:
        if field.startswith(ours):
            return theirs + field.removeprefix(ours)
    return field
