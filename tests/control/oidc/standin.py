"""An identity provider that keeps to the standards, with real signatures, and lies when told to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT_ID = "lockgate"
CLIENT_SECRET = "made-up client secret/+"


def make_rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


RSA_KEY = make_rsa_key()
OTHER_KEY = make_rsa_key()
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def dump_jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else None
    found = (kind or jwt.algorithms.ECAlgorithm).to_jwk(key.public_key(), as_dict=True)
    return {**found, "kid": kid, "use": "sig", **more}


@dataclass
class StandIn:
    """`claims` are changes of what the next tokens say; `sign` makes the token itself."""

    now_s: Callable[[], float]
    claims: dict[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    keys: list[dict[str, Any]] = field(default_factory=lambda: [dump_jwk(RSA_KEY, "k1")])
    sign: Callable[[dict[str, Any]], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    codes_once: bool = True
    token_answer: Any = None
    key_reads: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    issuer: str = ""

    def build_app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discover)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        return app

    async def _discover(self, _: web.Request) -> web.Response:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return web.json_response(found | self.metadata)

    async def _keys(self, _: web.Request) -> web.Response:
        self.key_reads += 1
        return web.json_response({"keys": self.keys})

    def authorize(self, location: str) -> dict[str, str]:
        """Do what a person does at the provider: return the query that the browser comes with."""
        parts = urlsplit(location)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert location.startswith(f"{self.issuer}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer, "session_state": "x"}

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        code = str(form["code"])
        asked = self._codes.pop(code, None) if self.codes_once else self._codes.get(code)
        if asked is None or not _is_proven(asked, form):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if self.token_answer is not None:
            return self.token_answer
        return web.json_response(
            {"access_token": "a", "token_type": "Bearer", "id_token": self._make_token(asked)}
        )

    def _is_client(self, request: web.Request, form: Any) -> bool:
        methods = self.metadata.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        )
        if "client_secret_basic" not in methods:
            return (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
        encoded = urlencode({"": CLIENT_SECRET})[1:]
        expected = base64.b64encode(f"{CLIENT_ID}:{encoded}".encode()).decode()
        return request.headers["Authorization"] == f"Basic {expected}"

    def _make_token(self, asked: dict[str, str]) -> str:
        now_s = int(self.now_s())
        claims = {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": CLIENT_ID,
            "exp": now_s + 300,
            "iat": now_s,
            "nonce": asked["nonce"],
            "email": "alice@example.org",
            "email_verified": True,
            "groups": ["platform", "staff"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if name not in self.drop}
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode(claims, RSA_KEY, algorithm="RS256", headers={"kid": "k1"})


def _is_proven(asked: dict[str, str], form: Any) -> bool:
    digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return (challenge, form["redirect_uri"]) == (asked["code_challenge"], asked["redirect_uri"])


async def start(standin: StandIn) -> TestServer:
    server = TestServer(standin.build_app())
    await server.start_server()
    standin.issuer = str(server.make_url("/")).rstrip("/")
    return server
