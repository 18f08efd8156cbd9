"""Bodies of MLflow AI Gateway's own paths, where the endpoint's name stands in the path.

Source: MLflow 3.17, `mlflow/server/gateway_api.py`: `/gateway/{name}/mlflow/invocations` takes a
chat body where it has `messages` and an embeddings body where it has `input`;
`/gateway/proxy/{name}/{path}` takes the provider's own body, its name of the model included.

Rule: an endpoint lends its models, never its key: what passes unchanged calls a model of the
endpoint or nothing.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import cut_model, parse_body, parse_head
from gateway.errors import EndpointNotFoundError, MalformedRequestError
from gateway.proxy.operations import CHAT, EMBEDDINGS, Operation
from gateway.routing.snapshot import EndpointRoute, narrow_route

_KEY: Final = b'"model": '
_PIECES: Final = 2  # of a body that names its model once
_MAX_SHOWN: Final = 255  # of a name that the caller chose: an answer cannot be made huge


def read_invocation(body: bytes) -> tuple[Operation, list[bytes | memoryview], bool]:
    """Return what an invocation calls, its body cut where the model goes, whether it streams.

    Raises:
        MalformedRequestError: it is neither a chat nor an embeddings request.
    """
    model, stream = parse_head(body)
    fields = parse_body(body)
    if "messages" in fields:
        operation = CHAT
    elif "input" in fields:
        operation, stream = EMBEDDINGS, False
    else:
        raise MalformedRequestError("the body has neither messages nor input", field="messages")
    if model is not None:  # the path has named the endpoint already
        return operation, cut_model(body, model), stream
    if "model" in fields:
        raise MalformedRequestError("'model' must be a string", field="model")
    at = body.index(b"{") + 1
    return operation, [body[:at] + _KEY, b", " + body[at:]], stream


def read_passed(
    endpoint: EndpointRoute, model: str | None, operation: Operation, body: bytes
) -> tuple[EndpointRoute, bool]:
    """Return the endpoint's part that a request names, and whether it asks for a stream.

    Args:
        endpoint: whose targets may be called.
        model: the provider's name of it, from the path; None: it stands in the body.
        operation: what is called.
        body: the request's.

    Raises:
        MalformedRequestError: the body is no JSON object, or names no model.
        EndpointNotFoundError: the endpoint has no such model.
    """
    if model is None:
        model, stream = parse_head(body)
        # Which of two would count is the provider's choice.
        if model is not None and len(cut_model(body, model)) != _PIECES:
            raise MalformedRequestError("the body names its model more than once", field="model")
    else:
        parse_body(body)
        stream = operation.streams
    if model is None:
        raise MalformedRequestError("the body has no model", field="model")
    return narrow(endpoint, model), stream or operation.streams


def narrow(endpoint: EndpointRoute, model: str) -> EndpointRoute:
    """Return the endpoint's part that has a model of this name, the provider's.

    Raises:
        EndpointNotFoundError: it has none.
    """
    narrowed = narrow_route(endpoint, model)
    if narrowed is None:
        raise EndpointNotFoundError(
            f"the endpoint {endpoint.name!r} has no model that its provider calls "
            f"{model[:_MAX_SHOWN]!r}",
            field="model",
        )
    return narrowed
