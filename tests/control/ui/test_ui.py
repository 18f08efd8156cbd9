from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from gateway.control.problem import render_problem
from gateway.control.ui import add_ui_routes, build_files
from gateway.web import build_rescue

UI = Path(__file__).resolve().parents[3] / "gateway" / "control" / "ui"
IMPORT = re.compile(r'from\s*"(\.[^"]+)"')


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:
    app = web.Application(middlewares=[build_rescue(lambda _: render_problem)])
    add_ui_routes(app)
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_the_page_comes_with_a_policy_that_lets_nothing_inline_or_foreign_run(
    client: TestClient,
) -> None:
    async with client.get("/ui/") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = dict(
            part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_short_address_leads_to_the_page_without_echoing_the_host(
    client: TestClient,
) -> None:
    async with client.get("/ui", allow_redirects=False, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 308
        assert answer.headers["Location"] == "/ui/"


@pytest.mark.parametrize(
    "path",
    [
        "/ui/nothing.js",
        "/ui/../pyproject.toml",
        "/ui/..%2f__init__.py",
        "/ui/%2e%2e/%2e%2e/errors.py",
        "/ui/vendor/../__init__.py",
        "/ui/vendor//preact.js",
        "/ui//etc/passwd",
        "/ui/vendor/manifest.json",
        "/ui/__init__.py",
        "/ui/app.js%00.png",
    ],
)
async def test_a_path_that_is_not_in_the_table_is_not_found(client: TestClient, path: str) -> None:
    url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
    async with client.session.get(url) as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] == "not_found"


async def test_a_file_is_sent_once_and_then_confirmed_by_its_tag(client: TestClient) -> None:
    for encoding in ("identity", "gzip"):
        async with client.get("/ui/app.js", headers={"Accept-Encoding": encoding}) as first:
            body = await first.read()
            assert first.content_type == "text/javascript"
            tag = first.headers["ETag"]
        if encoding == "gzip":
            body = gzip.decompress(body)
        assert body == (UI / "static" / "app.js").read_bytes()
        headers = {"If-None-Match": tag, "Accept-Encoding": encoding}
        async with client.get("/ui/app.js", headers=headers) as second:
            assert second.status == 304
            assert await second.read() == b""
            assert second.headers["ETag"] == tag


async def test_the_two_encodings_of_a_file_have_tags_of_their_own(client: TestClient) -> None:
    tags = set()
    for encoding in ("identity", "gzip"):
        async with client.get("/ui/app.js", headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers["Vary"] == "Accept-Encoding"
            tags.add(answer.headers["ETag"])
    assert len(tags) == 2


async def test_only_reading_is_allowed(client: TestClient) -> None:
    async with client.post("/ui/") as answer:
        assert answer.status == 405
    async with client.head("/ui/") as answer:
        assert answer.status == 200


def test_every_module_that_is_imported_or_linked_is_served() -> None:
    files = build_files()
    for path, file in files.items():
        if not path.endswith(".js"):
            continue
        folder = Path("/", path).parent
        for target in IMPORT.findall(file.body.decode()):
            resolved = str((folder / target).resolve()).lstrip("/")
            assert resolved in files, f"{path} imports {target}"
    index = files["index.html"].body.decode()
    for target in re.findall(r'(?:href|src)="([^"]+)"', index):
        assert target in files, f"index.html names {target}"


def test_the_page_has_no_inline_code_and_no_way_to_make_markup_of_text() -> None:
    index = (UI / "static" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", index)
    for path in (UI / "static").rglob("*.js"):
        text = path.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert word not in text, f"{path.name} uses {word}"


def test_only_one_module_talks_to_the_gateway() -> None:
    talking = {path.name for path in (UI / "static").rglob("*.js") if "fetch(" in path.read_text()}
    assert talking == {"api.js"}
