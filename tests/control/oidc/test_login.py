"""A login with OIDC, from the page's button to the session, and what an attacker tries."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from aiohttp import web

from gateway.roles import Role, RoleRule
from gateway.secret import Secret
from tests.control.conftest import Control, Reply, run_control
from tests.control.oidc import standin as idp
from tests.control.oidc.standin import CLIENT_ID, CLIENT_SECRET, EC_KEY, OTHER_KEY, RSA_KEY

RULES = (
    RoleRule("realm.roles", "root", Role.ADMIN),
    RoleRule("groups", "platform", Role.EDITOR),
    RoleRule("groups", "staff", Role.VIEWER),
)
NOBODY = {"Authorization": None}


@dataclass
class Browser:
    """A gateway, a provider, and the cookies of one browser."""

    control: Control
    provider: idp.StandIn
    login_cookie: str = ""

    async def begin(self) -> str:
        reply = await self.control.get("/session/oidc", headers=NOBODY, allow_redirects=False)
        assert reply.status == 303
        attributes = reply.headers["Set-Cookie"]
        assert "HttpOnly" in attributes
        assert "SameSite=Lax" in attributes
        self.login_cookie = attributes.split(";")[0]
        location: str = reply.headers["Location"]
        return location

    async def come_back(self, query: dict[str, str], cookie: str | None = None) -> Reply:
        headers = {**NOBODY, "Cookie": self.login_cookie if cookie is None else cookie}
        path = f"/session/oidc/callback?{urlencode(query)}"
        return await self.control.get(path, headers=headers, allow_redirects=False)

    async def log_in(self) -> Reply:
        return await self.come_back(self.provider.authorize(await self.begin()))


def is_refused(reply: Reply, code: str = "unauthenticated") -> bool:
    assert reply.status == 303
    assert "Set-Cookie" not in reply.headers
    return reply.headers["Location"] == f"/ui/?login={code}"


async def read_session(browser: Browser, reply: Reply) -> Reply:
    cookie = reply.headers["Set-Cookie"].split(";")[0]
    return await browser.control.get("/session", headers={**NOBODY, "Cookie": cookie})


@pytest.fixture
async def browser(settings: Any) -> AsyncIterator[Browser]:
    provider = idp.StandIn(now_s=lambda: running.clock.ms / 1000)
    server = await idp.start(provider)
    settings = replace(
        settings,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=Secret(CLIENT_SECRET),
        oidc_roles=RULES,
    )
    async with run_control(settings) as running:
        yield Browser(running, provider)
    await server.close()


async def test_a_person_gets_a_session_with_the_role_of_the_claims(browser: Browser) -> None:
    reply = await browser.log_in()
    assert (reply.status, reply.headers["Location"]) == (303, "/ui/")
    assert "SameSite=Strict" in reply.headers["Set-Cookie"]
    session = (await read_session(browser, reply)).json
    assert session["actor"] == "oidc:alice@example.org"
    assert (session["role"], session["scopes"]) == ("editor", ["*"])
    assert session["expires_at"] == browser.control.clock.ms + 12 * 3_600_000
    cookie = reply.headers["Set-Cookie"].split(";")[0]
    headers = {**NOBODY, "Cookie": cookie, "X-CSRF-Token": session["csrf_token"]}
    call = browser.control.call
    assert (await call("POST", "/api-keys", {"name": "a"}, headers=headers)).status == 201
    assert (await call("GET", "/admin-tokens", headers=headers)).status == 403
    rows = (await browser.control.get("/audit?actor=oidc:alice@example.org")).json["items"]
    assert [(row["action"], row["entity_type"]) for row in rows] == [
        ("create", "api_key"),
        ("login", "session"),
    ]
    assert (await call("DELETE", "/session", headers=headers)).status == 204
    assert (await read_session(browser, reply)).status == 401


async def test_the_page_is_told_that_there_is_a_provider(browser: Browser) -> None:
    reply = await browser.control.get("/session/methods", headers=NOBODY)
    assert reply.json == {"token": True, "oidc": True}


async def test_without_a_provider_there_is_no_login(control: Any) -> None:
    for path in ("/session/oidc", "/session/oidc/callback?code=a&state=b"):
        assert (await control.get(path, headers=NOBODY)).status == 404
    assert (await control.get("/session/methods", headers=NOBODY)).json["oidc"] is False


@pytest.mark.parametrize(
    ("claims", "drop", "role", "actor"),
    [
        ({"realm": {"roles": ["root"]}}, (), "admin", "oidc:alice@example.org"),
        ({"groups": "staff"}, (), "viewer", "oidc:alice@example.org"),
        ({"email_verified": False}, (), "editor", "oidc:248289761001"),
        ({"email_verified": "true"}, (), "editor", "oidc:248289761001"),
        ({}, ("email",), "editor", "oidc:248289761001"),
        ({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, (), "editor", "oidc:alice@example.org"),
    ],
)
async def test_roles_and_names(
    browser: Browser, claims: Any, drop: Any, role: str, actor: str
) -> None:
    browser.provider.claims, browser.provider.drop = claims, drop
    session = (await read_session(browser, await browser.log_in())).json
    assert (session["role"], session["actor"]) == (role, actor)


@pytest.mark.parametrize("groups", [[], ["platforms"], None, {"platform": True}, 5, "Platform"])
async def test_who_has_no_role_is_refused(browser: Browser, groups: Any) -> None:
    browser.provider.claims = {"groups": groups}
    assert is_refused(await browser.log_in(), "forbidden")


WRONG_CLAIMS: Any = [
    ({"nonce": "another"}, ()),
    ({"nonce": None}, ()),
    ({}, ("nonce",)),
    ({"aud": "other"}, ()),
    ({"aud": ["other"]}, ()),
    ({"aud": [CLIENT_ID, "other"]}, ()),
    ({"aud": CLIENT_ID, "azp": "other"}, ()),
    ({}, ("aud",)),
    ({"iss": "https://evil.example.org"}, ()),
    ({}, ("iss",)),
    ({"exp": 1_699_999_000}, ()),
    ({"exp": "1800000000"}, ()),
    ({"exp": True}, ()),
    ({}, ("exp",)),
    ({"iat": 1_699_990_000}, ()),
    ({"iat": 1_700_001_000}, ()),
    ({}, ("iat",)),
    ({"nbf": 1_700_001_000}, ()),
    ({"sub": ""}, ()),
    ({"sub": 7}, ()),
    ({}, ("sub",)),
]


@pytest.mark.parametrize(("claims", "drop"), WRONG_CLAIMS)
async def test_a_token_for_somebody_else_or_another_time(
    browser: Browser, claims: Any, drop: Any
) -> None:
    browser.provider.claims, browser.provider.drop = claims, drop
    assert is_refused(await browser.log_in())


# --- signatures ---------------------------------------------------------------------------


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def sign_with_public_key(claims: Any) -> str:
    """The public key as an HMAC key: what made many a library accept anything."""
    public = json.dumps(idp.dump_jwk(RSA_KEY, "k1")).encode()
    signed = f"{encode({'alg': 'HS256', 'kid': 'k1'})}.{encode(claims)}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def change_payload(claims: Any) -> str:
    head, _, signature = jwt.encode(claims, RSA_KEY, "RS256", {"kid": "k1"}).split(".")
    return f"{head}.{encode(claims | {'groups': ['root']})}.{signature}"


def bring_own_key(claims: Any) -> str:
    own = idp.dump_jwk(OTHER_KEY, "k1")
    return jwt.encode(claims, OTHER_KEY, "RS256", {"kid": "k1", "jwk": own, "jku": "http://x/"})


FORGERIES: Any = {
    "alg none": lambda claims: f"{encode({'alg': 'none'})}.{encode(claims)}.",
    "alg None": lambda claims: f"{encode({'alg': 'None', 'kid': 'k1'})}.{encode(claims)}.",
    "no alg": lambda claims: f"{encode({'kid': 'k1'})}.{encode(claims)}.",
    "another's key": lambda claims: jwt.encode(claims, OTHER_KEY, "RS256", {"kid": "k1"}),
    "unknown key": lambda claims: jwt.encode(claims, OTHER_KEY, "RS256", {"kid": "k9"}),
    "key of the token's own": bring_own_key,
    "symmetric": sign_with_public_key,
    "changed": change_payload,
    "critical": lambda claims: jwt.encode(
        claims, RSA_KEY, "RS256", {"kid": "k1", "crit": ["b64"], "b64": True}
    ),
    "key of another kind": lambda claims: jwt.encode(claims, EC_KEY, "ES256", {"kid": "k1"}),
    "no token": lambda _: "a.b.c",
    "empty": lambda _: "",
    "much too long": lambda claims: jwt.encode(
        claims | {"x": "x" * 70_000}, RSA_KEY, "RS256", {"kid": "k1"}
    ),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token(browser: Browser, forge: Any) -> None:
    browser.provider.sign = forge
    assert is_refused(await browser.log_in())


async def test_a_short_key_of_the_provider_is_refused(browser: Browser) -> None:
    short = idp.make_rsa_key(1024)
    browser.provider.keys = [idp.dump_jwk(short, "k1")]
    head = encode({"alg": "RS256", "kid": "k1"})
    browser.provider.sign = lambda claims: f"{head}.{encode(claims)}.AAAA"
    assert is_refused(await browser.log_in())


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "PS256"), (EC_KEY, "ES256")])
async def test_other_signatures(browser: Browser, key: Any, algorithm: str) -> None:
    browser.provider.keys = [{"kty": "oct", "k": "AAAA", "kid": "k0"}, idp.dump_jwk(key, "k2")]
    browser.provider.sign = lambda claims: jwt.encode(claims, key, algorithm, {"kid": "k2"})
    assert (await browser.log_in()).headers["Location"] == "/ui/"


async def test_new_keys_are_fetched_but_not_for_every_unknown_one(browser: Browser) -> None:
    assert (await browser.log_in()).headers["Location"] == "/ui/"
    assert browser.provider.key_reads == 1
    browser.provider.keys = [idp.dump_jwk(OTHER_KEY, "k2")]
    browser.provider.sign = lambda claims: jwt.encode(claims, OTHER_KEY, "RS256", {"kid": "k2"})
    assert is_refused(await browser.log_in())  # the keys were read a moment ago
    browser.control.clock.ms += 30_000
    assert (await browser.log_in()).headers["Location"] == "/ui/"
    assert browser.provider.key_reads == 2


# --- the way there and back ---------------------------------------------------------------


async def test_a_state_counts_once(browser: Browser) -> None:
    browser.provider.codes_once = False
    query = browser.provider.authorize(await browser.begin())
    assert (await browser.come_back(query)).headers["Location"] == "/ui/"
    assert is_refused(await browser.come_back(query), "forbidden")


async def test_another_browser_cannot_finish(browser: Browser) -> None:
    query = browser.provider.authorize(await browser.begin())
    victim = browser.login_cookie
    for cookie in ("", "lockgate_login=AAAA", victim[:-2] + "AA"):
        assert is_refused(await browser.come_back(query, cookie))
    await browser.begin()  # a login of its own, with another state
    assert is_refused(await browser.come_back(query))
    assert is_refused(await browser.come_back(query | {"state": ""}))
    assert is_refused(await browser.come_back({"code": query["code"]}))
    assert (await browser.come_back(query, victim)).headers["Location"] == "/ui/"


async def test_a_login_takes_ten_minutes_at_most(browser: Browser) -> None:
    query = browser.provider.authorize(await browser.begin())
    browser.control.clock.ms += 600_000
    assert is_refused(await browser.come_back(query))


async def test_the_provider_says_no(browser: Browser) -> None:
    query = browser.provider.authorize(await browser.begin())
    denied = {"state": query["state"], "error": "access_denied", "error_description": "<b>no"}
    assert is_refused(await browser.come_back(denied))


async def test_another_providers_answer_is_refused(browser: Browser) -> None:
    query = browser.provider.authorize(await browser.begin())
    assert is_refused(await browser.come_back(query | {"iss": "https://evil.example.org"}))


async def test_nothing_leads_to_a_page_of_somebody_else(browser: Browser) -> None:
    extra = {"next": "https://evil.example.org", "redirect_uri": "https://evil.example.org"}
    path = f"/session/oidc?{urlencode(extra)}"
    assert (await browser.control.get(path, headers=NOBODY, allow_redirects=False)).status == 422
    query = browser.provider.authorize(await browser.begin())
    assert (await browser.come_back(query | extra)).headers["Location"] == "/ui/"
    headers = {**NOBODY, "Host": "evil.example.org"}
    reply = await browser.control.get("/session/oidc", headers=headers, allow_redirects=False)
    assert reply.status == 403


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example.org"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
    ],
)
async def test_a_provider_that_says_what_cannot_be(browser: Browser, metadata: Any) -> None:
    browser.provider.metadata = metadata
    reply = await browser.control.get("/session/oidc", headers=NOBODY, allow_redirects=False)
    assert is_refused(reply, "identity_provider_failed")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(text="<html>"),
        lambda: web.json_response([]),
        lambda: web.json_response({"access_token": "only"}),
        lambda: web.json_response({"id_token": "x" * 300_000}),
        lambda: web.Response(status=302, headers={"Location": "http://192.0.2.1/"}),
    ],
)
async def test_a_provider_that_fails(browser: Browser, answer: Any) -> None:
    browser.provider.token_answer = answer()
    assert is_refused(await browser.log_in(), "identity_provider_failed")


async def test_the_secret_can_go_into_the_form_and_come_from_a_file(
    browser: Browser, tmp_path: Any
) -> None:
    (tmp_path / "secret").write_text(CLIENT_SECRET + "\n")
    settings = browser.control.parts.settings
    browser.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    file = {"oidc_client_secret": None, "oidc_client_secret_file": tmp_path / "secret"}
    async with run_control(replace(settings, data=tmp_path / "other", **file)) as other:
        other.clock.ms = browser.control.clock.ms
        assert (await Browser(other, browser.provider).log_in()).headers["Location"] == "/ui/"
        (tmp_path / "secret").unlink()
        reply = await Browser(other, browser.provider).log_in()
        assert is_refused(reply, "identity_provider_failed")


async def test_a_session_ends_when_the_settings_change(browser: Browser) -> None:
    reply = await browser.log_in()
    settings = browser.control.parts.settings
    changed = replace(settings, oidc_roles=RULES[:1])
    async with run_control(changed) as later:  # the same installation
        later.clock.ms = browser.control.clock.ms
        assert (await read_session(Browser(later, browser.provider), reply)).status == 401
    async with run_control(settings) as same:
        same.clock.ms = browser.control.clock.ms
        assert (await read_session(Browser(same, browser.provider), reply)).status == 200


async def test_one_gateway_begins_and_another_finishes(browser: Browser) -> None:
    settings = replace(
        browser.control.parts.settings, oidc_redirect_url="https://gate.example.org/callback"
    )
    async with run_control(settings) as one, run_control(settings) as two:
        first = Browser(one, browser.provider)
        query = browser.provider.authorize(await first.begin())
        second = Browser(two, browser.provider, first.login_cookie)
        assert (await second.come_back(query)).headers["Location"] == "/ui/"
        browser.provider.codes_once = False
        assert (await first.come_back(query)).headers["Location"].startswith("/ui/?login=")


async def test_a_code_is_bound_to_the_address_that_it_was_asked_for(browser: Browser) -> None:
    async with run_control(browser.control.parts.settings) as other:
        query = browser.provider.authorize(await browser.begin())
        elsewhere = Browser(other, browser.provider, browser.login_cookie)
        assert is_refused(await elsewhere.come_back(query), "identity_provider_failed")
