"""Every operation under generated input, valid and not: no 5xx, nothing that is undeclared."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

_CONFIG = {
    "seed": 1,  # with `deterministic`: the same input in every run
    "generation": {"max-examples": 12, "deterministic": True, "mode": "all"},
    "phases": {"stateful": {"enabled": True, "generation": {"max-examples": 12}}},
    "checks": {
        # A body can be well formed and still name a row that is not there, or a taken name.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "304", "401", "403", "404", "409", "412", "422"]
        },
    },
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # what schemathesis and its engine say among themselves
def test_no_generated_request_finds_an_undeclared_answer(threaded_control: Any) -> None:
    _seed(threaded_control)
    config = SchemathesisConfig.from_dict(_CONFIG)
    config.projects.override.update(
        base_url=threaded_control.base_url,
        headers={"Authorization": f"Bearer {threaded_control.token}"},
    )
    schema = schemathesis.openapi.from_url(
        f"{threaded_control.base_url}/openapi.json", config=config
    )
    found: list[str] = []
    scenarios = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            scenarios += 1
            found += _list_failures(event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.append(str(getattr(event, "exception", event)))
    assert not found, "\n\n".join(found[:20])
    assert scenarios > len(schema.raw_schema["paths"])


def _seed(control: Any) -> None:
    """Create one entity of each kind, so that the generated requests have something to hit."""

    def send(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {control.token}"}
        reply = requests.request(
            method, control.base_url + path, json=body, headers=headers, timeout=30
        )
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    value = {"api_key": "canary-key-of-the-seed"}
    secret = send("POST", "/secrets", {"secret_name": "seed", "secret_value": value})
    model = {"name": "seed", "provider": "openai", "model_name": "m"}
    model = send("POST", "/model-definitions", model | {"secret_id": secret["secret_id"]})
    mapping = {"model_definition_id": model["model_definition_id"]}
    endpoint = {"name": "seed", "model_mappings": [mapping], "tags": {"team": "search"}}
    endpoint = send("POST", "/endpoints", endpoint)
    bound = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "job", "resource_id": "1"}
    send("PUT", "/bindings", bound)
    send("POST", "/api-keys", {"name": "seed"})


def _list_failures(event: events.ScenarioFinished) -> list[str]:
    found = []
    for case_id, checks in event.recorder.checks.items():
        case = event.recorder.cases[case_id].value
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                code = check.failure_info.code_sample
                found.append(f"{case.operation.label}: {failure.title}: {failure.message}\n{code}")
    return found
