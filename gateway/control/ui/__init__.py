"""The admin's web page: static files out of the package, and the headers they go with.

Rule: only files that were read at the start are served, by exact name; nothing a
request holds is ever made into a path. The page gets no data here: all of it comes
from the public REST API with the admin's session.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

from gateway.errors import NotFoundError

_DIRECTIVES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # The browser itself refuses innerHTML and its kin: text stays text.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

UI_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(_DIRECTIVES),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # Kept, but asked for anew each time: an upgrade shows at the next load.
        hdrs.CACHE_CONTROL: "no-cache",
    }
)

_INDEX: Final = "index.html"
_CONTENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
        ".txt": "text/plain",
    }
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the page, ready to send."""

    body: bytes
    packed: bytes  # the same, gzipped
    content_type: str
    etag: str  # without quotes


def build_files() -> Mapping[str, StaticFile]:
    """Read the page's files and return them by their path below ``/ui/``."""
    root = files(__package__)
    found = dict(_walk(root.joinpath("static"), ""))
    found.update(_walk(root.joinpath("vendor"), "vendor/"))
    return MappingProxyType({path: _build_file(path, body) for path, body in found.items()})


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif _suffix(entry.name) in _CONTENT_TYPES:
            yield prefix + entry.name, entry.read_bytes()


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""


def _build_file(path: str, body: bytes) -> StaticFile:
    return StaticFile(
        body=body,
        packed=gzip.compress(body, mtime=0),
        content_type=_CONTENT_TYPES[_suffix(path)],
        etag=hashlib.sha256(body).hexdigest()[:32],
    )


def add_ui_routes(app: web.Application) -> None:
    """Serve the page at ``/ui/``; ``/ui`` leads there.

    These routes are open: without a session the page can show nothing but its sign-in form.
    """
    table = build_files()

    async def serve(request: web.Request) -> web.StreamResponse:
        file = table.get(request.match_info.get("path") or _INDEX)
        if file is None:
            raise NotFoundError("there is no such path")
        return _answer(request, file)

    async def lead(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=308, headers={**UI_HEADERS, hdrs.LOCATION: "/ui/"}
        )  # relative to the origin: no Host header is echoed

    app.router.add_get("/ui", lead)
    app.router.add_get("/ui/", serve)
    app.router.add_get("/ui/{path:.+}", serve)


def _answer(request: web.Request, file: StaticFile) -> web.Response:
    packed = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    # Two encodings are two representations, so each has a tag of its own (RFC 9110, 8.8.3).
    etag = f"{file.etag}-gz" if packed else file.etag
    headers = {**UI_HEADERS, hdrs.ETAG: f'"{etag}"', hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if any(tag.value in (etag, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if packed:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(
        body=file.packed if packed else file.body,
        headers=headers,
        content_type=file.content_type,
        charset="utf-8",
    )
