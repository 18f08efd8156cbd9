"""No request that a real provider answered is refused, but for signatures of its own."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest

from gateway.simulator.routes import find_match
from tests.recorded import RECORDED
from tests.simulator.strict.rules import VERSION, check

MOVED = {"groq": ("/openai/v1", "/v1"), "openrouter": ("/api/v1", "/v1")}
BARE = {"/chat/completions": "/v1/chat/completions", "/responses": "/v1/responses"}
SEALED = ("ignature", "encrypted content", "`data` in")
"""What is said of a signature that another provider made."""

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the repository"
)


def list_successes() -> list[Path]:
    found = (one for one in RECORDED.glob("*/*-200.json"))
    return sorted(one for one in found if one.with_suffix("").suffix != ".response")


@pytest.mark.parametrize(
    "described", list_successes(), ids=lambda one: f"{one.parent.name}/{one.stem}"
)
def test_a_recorded_request_is_let_through(described: Path) -> None:
    request = json.loads(described.read_text())["request"]
    path = unquote(request["path"])
    if described.parent.name in MOVED:
        path = path.replace(*MOVED[described.parent.name], 1)
    path = BARE.get(path, path)
    query = dict(parse_qsl(request["query"] or ""))
    match = find_match("POST", path, VERSION, query)
    if match is None or match.surface.check is None or not isinstance(request["body"], dict):
        pytest.skip("a route that the simulator does not have or does not judge")
    problem = check(path, request["body"], query)
    assert problem is None or any(word in problem.message for word in SEALED), problem
