"""Where the application keeps what its middlewares and handlers look up."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute

from gateway.control.call import Operation

DOCUMENT: web.AppKey[dict[str, Any]] = web.AppKey("lockgate.control.document", dict)
OPERATION_OF: web.AppKey[dict[AbstractRoute, Operation]] = web.AppKey(
    "lockgate.control.operation_of", dict
)
