"""Azure OpenAI: OpenAI's formats under deployment paths, with a filter's verdict beside them.

Formats: Microsoft's REST reference for Azure OpenAI and recorded answers, 2026-11.

Rule: the answer of a deployment path has the verdict of the content filter: first in a stream,
beside each choice in a plain answer; ``/openai/v1`` answers as OpenAI does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import orjson

from gateway.simulator import openai
from gateway.simulator.exchange import Inquiry, Json, Problem, Reply, dump_json
from gateway.simulator.openai import dump_chunk
from gateway.simulator.openai_chat import DONE, answer_chat
from gateway.simulator.openai_completions import answer_completion
from gateway.simulator.openai_embeddings import answer_embeddings

_BAD_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource."
)
_NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within "
    "the last 5 minutes, please wait a moment and try again."
)
_FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry."
)
_OUTER = "azure"
"""The kind of an error that Azure itself answers, before OpenAI's part is reached."""

PROBLEMS: Mapping[str, Problem] = {
    **openai.PROBLEMS,
    "bad-key": Problem(401, _OUTER, _BAD_KEY, "401"),
    "no-key": Problem(401, _OUTER, _BAD_KEY, "401"),
    "no-model": Problem(404, openai.INVALID, _NO_DEPLOYMENT, "DeploymentNotFound"),
    "no-route": Problem(404, _OUTER, "Resource not found", "404"),
    "policy": Problem(400, "", _FILTERED, "content_filter", "prompt"),
}
_SAFE: Json = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}


def find_credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Take the key from ``api-key``, or an Entra token from the bearer header."""
    return headers.get("api-key") or openai.find_credential(headers, query)


def dump_problem(problem: Problem, request_id: str, retry_s: float | None) -> bytes:
    """Write an error body: Azure's own has a code and a message only."""
    if problem.kind == _OUTER:
        return dump_json({"error": {"code": problem.code, "message": problem.message}})
    return openai.dump_problem(problem, request_id, retry_s)


def build_headers(request_id: str, serial: int) -> dict[str, str]:
    """Build the headers that Azure adds to every answer."""
    limits = openai.build_headers(request_id, serial)
    kept = {name: value for name, value in limits.items() if "-remaining-" in name}
    return kept | {
        "apim-request-id": request_id,
        "x-request-id": request_id,
        "x-ms-region": "Sweden Central",
        "azureml-model-session": "simulated",
    }


VENDOR = dataclasses.replace(
    openai.VENDOR,
    name="azure",
    find_credential=find_credential,
    problems=PROBLEMS,
    dump_problem=dump_problem,
    build_headers=build_headers,
    takes_tokens=True,
)


def answer_deployment_chat(inquiry: Inquiry) -> Reply | Problem:
    """Answer a chat completion of a deployment."""
    return _answer(inquiry, answer_chat)


def answer_deployment_completion(inquiry: Inquiry) -> Reply | Problem:
    """Answer a text completion of a deployment."""
    return _answer(inquiry, answer_completion)


def answer_deployment_embeddings(inquiry: Inquiry) -> Reply | Problem:
    """Answer an embeddings request of a deployment."""
    problem = find_version_problem(inquiry)
    if problem is not None:
        return problem
    reply = answer_embeddings(build_named(inquiry))
    return _rename(reply) if isinstance(reply, Problem) else reply


def _answer(inquiry: Inquiry, answer: Callable[[Inquiry], Reply | Problem]) -> Reply | Problem:
    problem = find_version_problem(inquiry)
    if problem is not None:
        return problem
    reply = answer(build_named(inquiry))
    if isinstance(reply, Problem):
        return _rename(reply)
    return _filter_stream(reply) if reply.streamed else _filter_plain(reply)


def build_named(inquiry: Inquiry) -> Inquiry:
    """Put the deployment's name where OpenAI's format has the model."""
    return dataclasses.replace(inquiry, body=inquiry.body | {"model": inquiry.model})


def find_version_problem(inquiry: Inquiry) -> Problem | None:
    """Find out whether ``api-version`` is missing: Azure then knows no such path."""
    return None if inquiry.query.get("api-version") else VENDOR.build_problem("no-route")


def _rename(problem: Problem) -> Problem:
    missing = problem.code == "model_not_found"
    return VENDOR.build_problem("no-model") if missing else problem


def _filter_stream(reply: Reply) -> Reply:
    """Put the verdict on the prompt before the stream and one beside each choice."""
    verdict = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    chunks = [orjson.loads(frame[6:]) for frame in reply.frames if frame != DONE]
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    head = first | {"prompt_filter_results": verdict}
    marked = [_mark(chunk) for chunk in chunks]
    frames = (dump_chunk(head), *map(dump_chunk, marked), DONE)
    return dataclasses.replace(reply, frames=frames)


def _filter_plain(reply: Reply) -> Reply:
    whole = _mark(orjson.loads(reply.frames[0]))
    whole["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return dataclasses.replace(reply, frames=(dump_json(whole),))


def _mark(answer: Json) -> Json:
    for choice in answer["choices"]:
        choice["content_filter_results"] = _SAFE
    return answer
