"""Vertex AI: Gemini's and Anthropic's formats under project paths, with OAuth bearer tokens.

Formats: Google's REST reference (aiplatform v1), Anthropic's page on Vertex, 2026-11.

Rule: a wrong token is Google's 401, whatever the publisher; behind it each publisher's own
format answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from gateway.simulator import anthropic, gemini, openai
from gateway.simulator.answers import count_tokens
from gateway.simulator.anthropic_messages import answer_messages, answer_token_count
from gateway.simulator.exchange import Inquiry, Problem, Reply, dump_json
from gateway.simulator.gemini_content import answer_action
from gateway.simulator.vectors import build_vector

_BAD_BEARER = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_NO_MODEL = (
    "Publisher Model `{model}` was not found or your project does not have access to it. Please "
    "ensure you are using a valid model version."
)
_AUTH: Mapping[str, Problem] = {
    "bad-key": Problem(401, "UNAUTHENTICATED", _BAD_BEARER, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    "no-key": Problem(401, "UNAUTHENTICATED", _BAD_BEARER, "CREDENTIALS_MISSING"),
}
_VERSION = "vertex-2023-10-16"
_DIMENSIONS = 768


def dump_anthropic_problem(problem: Problem, request_id: str, retry_s: float | None) -> bytes:
    """Write an error of a partner model: Google's own where its kind is in capitals."""
    if problem.kind.isupper():
        return gemini.dump_problem(problem, request_id, retry_s)
    return anthropic.dump_problem(problem, request_id, retry_s)


VENDOR = dataclasses.replace(
    gemini.VENDOR,
    name="vertex",
    find_credential=openai.find_credential,
    problems={
        **gemini.PROBLEMS,
        **_AUTH,
        "no-model": Problem(404, "NOT_FOUND", _NO_MODEL),
    },
    retry_hint_in_body=False,
    takes_tokens=True,
)
ANTHROPIC_VENDOR = dataclasses.replace(
    anthropic.VENDOR,
    name="vertex-anthropic",
    find_credential=openai.find_credential,
    problems={
        **anthropic.PROBLEMS,
        **_AUTH,
        "no-model": Problem(404, "NOT_FOUND", _NO_MODEL),
    },
    dump_problem=dump_anthropic_problem,
    takes_tokens=True,
)


def list_models(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /v1beta1/publishers/google/models``."""
    listed = [{"name": f"publishers/google/models/{name}"} for name in gemini.MODELS]
    return Reply((dump_json({"publisherModels": listed}),), content_type=gemini.JSON)


def answer_google(inquiry: Inquiry) -> Reply | Problem:
    """Answer an action on a model of Google's."""
    if inquiry.action == "predict":
        return _answer_predict(inquiry)
    answered = answer_action(inquiry)
    if isinstance(answered, Problem) and answered.kind == "NOT_FOUND" and inquiry.action:
        return VENDOR.build_problem("no-model", model=inquiry.model)
    return answered


def answer_anthropic(inquiry: Inquiry) -> Reply | Problem:
    """Answer an action on a model of Anthropic's: rawPredict or streamRawPredict."""
    if inquiry.body.get("anthropic_version") != _VERSION:
        return ANTHROPIC_VENDOR.build_problem("missing", name="anthropic_version")
    counting = inquiry.model.startswith("count-tokens")
    named = build_named(inquiry)
    reply = answer_token_count(named) if counting else answer_messages(named)
    if isinstance(reply, Problem) and reply.status == anthropic.PROBLEMS["no-model"].status:
        return ANTHROPIC_VENDOR.build_problem("no-model", model=inquiry.model)
    return reply


def build_named(inquiry: Inquiry) -> Inquiry:
    """Put the path's model and version where Anthropic's own format has them."""
    body = {name: value for name, value in inquiry.body.items() if name != "anthropic_version"}
    return dataclasses.replace(
        inquiry,
        body={"model": inquiry.model} | body,
        headers={"anthropic-version": _VERSION, **inquiry.headers},
    )


def _answer_predict(inquiry: Inquiry) -> Reply:
    """Answer the older embedding models: one prediction per instance."""
    parameters = inquiry.body.get("parameters") or {}
    size = parameters.get("outputDimensionality") or _DIMENSIONS
    predictions = []
    for instance in inquiry.body["instances"]:
        values = build_vector(inquiry.simulator, inquiry.model, instance["content"], size)
        counted = {"token_count": count_tokens(instance["content"]), "truncated": False}
        predictions.append({"embeddings": {"values": values, "statistics": counted}})
    return Reply((dump_json({"predictions": predictions}),), content_type=gemini.JSON)
