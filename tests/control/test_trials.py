"""Testing credentials over REST: what may be asked, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import TrialOutcome

CANARY = "canary-key-of-the-provider-0001"
BODY = {"provider": "openai", "secret_value": {"api_key": CANARY}}


async def test_a_stored_value_is_tried_at_its_provider(control: Any) -> None:
    secret = await control.add_secret()
    control.trials.outcome = TrialOutcome.REFUSED
    reply = await control.call("POST", f"/secrets/{secret['secret_id']}/test")
    assert reply.status == 200
    assert reply.json == {
        "outcome": "refused",
        "status": 200,
        "latency_ms": 1.2,
        "detail": "as told",
    }
    ((provider, sealed),) = control.trials.tried
    assert (provider, sealed.secret_id) == ("openai", secret["secret_id"])


async def test_a_secret_of_no_provider_wants_to_be_told_one(control: Any) -> None:
    secret = await control.add_secret(provider=None)
    path = f"/secrets/{secret['secret_id']}/test"
    reply = await control.call("POST", path)
    assert (reply.status, reply.json["field"]) == (422, "provider")
    assert (await control.call("POST", path, {"provider": "anthropic"})).status == 200
    reply = await control.call("POST", path, {"provider": "openai_compatible"})
    assert (reply.status, reply.json["field"]) == (422, "auth_config.api_base")
    other = await control.add_secret("other")
    reply = await control.call(
        "POST", f"/secrets/{other['secret_id']}/test", {"provider": "gemini"}
    )
    assert (reply.status, reply.json["field"]) == (422, "provider")


async def test_a_value_is_tried_without_being_stored(control: Any) -> None:
    reply = await control.call("POST", "/secrets/test", BODY)
    assert (reply.status, reply.json["outcome"]) == (200, "works")
    assert CANARY.encode() not in reply.raw
    ((provider, (value, config)),) = control.trials.tried
    assert (provider, config) == ("openai", None)
    assert CANARY not in repr(value)
    assert (await control.get("/secrets")).json["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth_config": {"api_base": "http://127.0.0.1:1/v1"}}, "auth_config.api_base"),
        ({"auth_config": {"api_base": "https://169.254.169.254/v1"}}, "auth_config.api_base"),
        ({"auth_config": {"api_base": "https://api.openai.com:22/v1"}}, "auth_config.api_base"),
        ({"provider": "nobody"}, "provider"),
        ({"provider": None}, "provider"),
        ({"secret_value": {"api_key": "a\r\nb"}}, "secret_value.api_key"),
        ({"secret_name": "x"}, "secret_name"),
    ],
)
async def test_what_could_not_be_stored_is_not_tried(
    control: Any, change: dict[str, Any], field: str
) -> None:
    reply = await control.call("POST", "/secrets/test", BODY | change)
    assert (reply.status, reply.json["field"]) == (422, field)
    assert control.trials.tried == []


async def test_the_path_takes_no_other_method(control: Any) -> None:
    reply = await control.get("/secrets/test")
    assert reply.status == 405
    assert "POST" in reply.headers["Allow"]
    assert "DELETE" not in reply.headers["Allow"]
