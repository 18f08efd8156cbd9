"""Amazon Bedrock as a vendor: credential, errors and headers, shared by its routes.

Formats: the service model of botocore (bedrock-runtime) and recorded answers, 2026-11.

Rule: an error is its status, ``x-amzn-errortype`` and ``{"message"}``; of a stream that has begun
an exception frame.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.simulator import openai
from gateway.simulator.eventstream import dump_exception
from gateway.simulator.exchange import Inquiry, Problem, Reply, Vendor, dump_json
from gateway.simulator.sigv4 import is_signed

VALIDATION = "ValidationException"

_NO_MODEL = "The provided model identifier is invalid."
_POLICY = "The request was blocked by the safety policy."
_NO_KEY = "Missing Authentication Token"
_BAD_KEY = "The security token included in the request is invalid."
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_INCOMPLETE = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'."
_CONTEXT = "Input is too long for requested model."
_BUSY = "Bedrock is unable to process your request."
_QUOTA = "Too many tokens, please wait before trying again."
_NO_ROUTE = "<UnknownOperationException/>"

PROBLEMS: Mapping[str, Problem] = {
    "bad-key": Problem(403, "UnrecognizedClientException", _BAD_KEY),
    "no-key": Problem(403, "MissingAuthenticationTokenException", _NO_KEY),
    "mismatch": Problem(403, "InvalidSignatureException", _MISMATCH),
    "incomplete": Problem(403, "IncompleteSignatureException", _INCOMPLETE),
    "no-model": Problem(400, VALIDATION, _NO_MODEL),
    "no-route": Problem(404, "UnknownOperationException", _NO_ROUTE),
    "quota": Problem(429, "ThrottlingException", _QUOTA),
    "context": Problem(400, VALIDATION, _CONTEXT),
    "policy": Problem(400, VALIDATION, _POLICY),
    "bad-json": Problem(400, "SerializationException", "The request body is not valid JSON."),
    "bad-fault": Problem(400, VALIDATION, "{detail}"),
    "invalid": Problem(400, VALIDATION, "{detail}"),
    "mistyped": Problem(400, "SerializationException", "{detail}"),
}
_STATUSES: Mapping[int, Problem] = {
    400: Problem(400, VALIDATION, "The request is not valid."),
    401: Problem(401, "AccessDeniedException", "Authentication failed."),
    403: Problem(403, "AccessDeniedException", "You don't have access to the model."),
    404: Problem(404, "ResourceNotFoundException", "Could not resolve the foundation model."),
    408: Problem(408, "ModelTimeoutException", "Model has timed out in processing the request."),
    424: Problem(424, "ModelErrorException", "The model failed to process the request."),
    429: Problem(429, "ThrottlingException", "Too many requests, please wait."),
    500: Problem(500, "InternalServerException", "The system encountered an unexpected error."),
    503: Problem(503, "ServiceUnavailableException", _BUSY),
}


def find_credential(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Take the bearer token; of a signed request nothing can be compared but its signature."""
    return None if is_signed(headers) else openai.find_credential(headers, query)


def dump_problem(problem: Problem, _request_id: str, _retry_s: float | None) -> bytes:
    """Write Bedrock's error body."""
    return dump_json({"message": problem.message})


def build_problem_headers(problem: Problem) -> dict[str, str]:
    """Build the header that names an error; the part behind the colon is a namespace."""
    return {"x-amzn-errortype": f"{problem.kind}:http://internal.amazon.com/coral/bedrock/"}


def list_async_calls(_inquiry: Inquiry) -> Reply:
    """Answer ``GET /async-invoke``: there are none."""
    return Reply((dump_json({"asyncInvokeSummaries": []}),))


def dump_error_event(body: bytes, problem: Problem, _number: int) -> bytes:
    """Write an error as an exception frame of a stream."""
    kind = problem.kind[:1].lower() + problem.kind[1:]
    return dump_exception(kind, body)


def build_headers(request_id: str, _serial: int) -> dict[str, str]:
    """Build the headers that Bedrock adds to every answer."""
    return {"x-amzn-requestid": request_id}


VENDOR = Vendor(
    name="bedrock",
    find_credential=find_credential,
    problems=PROBLEMS,
    statuses=_STATUSES,
    dump_problem=dump_problem,
    build_headers=build_headers,
    build_problem_headers=build_problem_headers,
)
