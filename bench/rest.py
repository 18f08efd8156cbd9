"""The control plane's REST, as far as the bench needs it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

TOKEN = "bench-admin-token-of-this-run"


@dataclass(frozen=True, slots=True)
class Rest:
    """Calls of one gateway with the bench's admin token."""

    url: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call and return the JSON of the answer; raise with its words where it is an error."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from None

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one thing."""
        return self.call("POST", f"/api/v1/{path}", body)

    def read_metrics(self) -> dict[str, float]:
        """Return the unlabelled numbers of /metrics, summed where a name stands more than once."""
        request = urllib.request.Request(
            f"{self.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            lines = response.read().decode().splitlines()
        found: dict[str, float] = {}
        for line in lines:
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name.partition("{")[0]] = found.get(name.partition("{")[0], 0) + float(value)
        return found


def create_secret(
    rest: Rest, name: str, mock_url: str, key: str, provider: str = "openai_compatible"
) -> str:
    """Store a provider's credential for the mock; return its id."""
    body = {
        "secret_name": name,
        "provider": provider,
        "secret_value": {"api_key": key},
        "auth_config": {"api_base": f"{mock_url}/v1"},
    }
    return rest.create("secrets", body)["secret_id"]


def create_model(
    rest: Rest, name: str, secret_id: str, upstream: str, provider: str = "openai_compatible"
) -> str:
    """Define a model; return its id."""
    body = {
        "name": name,
        "provider": provider,
        "model_name": upstream,
        "secret_id": secret_id,
    }
    return rest.create("model-definitions", body)["model_definition_id"]


def create_endpoint(
    rest: Rest,
    name: str,
    models: dict[str, float],
    *,
    fallbacks: tuple[str, ...] = (),
    **fields: Any,
) -> str:
    """Create an endpoint over models by weight, with fallbacks in order; return its id."""
    mappings: list[dict[str, Any]] = [
        {"model_definition_id": model, "weight": weight} for model, weight in models.items()
    ]
    mappings += [
        {"model_definition_id": model, "linkage_type": "FALLBACK", "fallback_order": place}
        for place, model in enumerate(fallbacks)
    ]
    body = {"name": name, "model_mappings": mappings, **fields}
    return rest.create("endpoints", body)["endpoint_id"]


def create_key(rest: Rest, name: str, allowed: list[str] | None = None) -> str:
    """Create an api key; return its value."""
    body: dict[str, Any] = {"name": name}
    if allowed is not None:
        body["allowed_endpoints"] = allowed
    return rest.create("api-keys", body)["value"]
