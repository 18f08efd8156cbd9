from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "ya29.canary-token-of-the-cloud-0001"
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
GEMINI = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "hi"}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
}


class Cloud:
    """A token service, and models that want its token."""

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.status = 200
        self.answer: dict[str, Any] | bytes = {"access_token": TOKEN, "expires_in": 3600}
        self.refuses_token = False
        self.echoes = False

    async def give(self, request: web.Request) -> web.Response:
        self.forms.append({key: str(value) for key, value in (await request.post()).items()})
        body = self.answer if isinstance(self.answer, bytes) else orjson.dumps(self.answer)
        headers = {"Location": "/elsewhere"} if self.status in (301, 302) else {}
        return web.Response(
            status=self.status, body=body, content_type="application/json", headers=headers
        )

    async def ask(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        shown = request.headers.get("Authorization")
        self.asked.append((request.path_qs, body, shown))
        if self.refuses_token or shown != f"Bearer {TOKEN}":
            return web.json_response({"error": {"code": 401, "message": "no"}}, status=401)
        if request.method == "GET":
            return web.json_response({"publisherModels": []})
        answer = CLAUDE if "anthropic" in request.path else GEMINI
        if self.echoes:
            answer = {**answer, "id": f"echo {shown}"}
        return web.json_response(answer)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud()
    app = web.Application()
    app.router.add_post("/token", made.give)
    app.router.add_route("*", "/{path:.*}", made.ask)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@pytest.fixture(scope="session")
def pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def dump_key_file(pem: str, **changes: str) -> str:
    file = {
        "type": "service_account",
        "project_id": "proj-1",
        "private_key_id": "kid-1",
        "private_key": pem,
        "client_email": "lockgate@proj-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        **changes,
    }
    return orjson.dumps(file).decode()
