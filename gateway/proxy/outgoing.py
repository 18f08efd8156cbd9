"""Builds the upstream calls of one exchange from what the client sent.

Rule: the body passes byte for byte except the model's name, the query except the
client's key; what several attempts share is built once.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import replace_model, replace_named_model
from gateway.entities import Dialect
from gateway.providers import gemini_suffix, upstream_url
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.headers import add_defaults, build_request_headers
from gateway.proxy.upstream import Call
from gateway.routing.snapshot import Target

# Their requests name the model inside as well as in the path (Gemini API reference).
_NAMING_ACTIONS: Final = frozenset({"embedContent", "batchEmbedContents", "countTokens"})


class Outgoing:
    """Makes a `Call` for each target of one exchange."""

    __slots__ = ("_body", "_connection", "_exchange", "_job", "_model")

    def __init__(self, exchange: Exchange, job: Job) -> None:
        self._exchange = exchange
        self._job = job
        self._connection = exchange.request.headers.get("Connection", "")
        self._model: str | None = None
        self._body = b""

    def build_call(self, target: Target, wiring: Wiring) -> Call:
        """Return the call of one target."""
        headers = build_request_headers(self._job.client_headers, wiring.headers, self._connection)
        if wiring.provider.default_headers:
            add_defaults(headers, wiring.provider.default_headers)
        if "Content-Type" not in self._exchange.request.headers:
            headers.append(("Content-Type", "application/json"))
        return Call(
            method="POST",
            url=self._build_url(target, wiring),
            headers=headers,
            body=self._build_body(target.upstream_model),
        )

    def _build_url(self, target: Target, wiring: Wiring) -> str:
        operation = self._job.operation
        suffix = operation.suffix
        if operation.action is not None:
            suffix = gemini_suffix(suffix, target.upstream_model, operation.action)
        url = upstream_url(wiring.provider, wiring.base, operation.dialect, suffix)
        return f"{url}?{self._job.query}" if self._job.query else url

    def _build_body(self, model: str) -> bytes:
        if self._model != model:
            self._model = model
            if self._exchange.dialect is Dialect.GEMINI:
                self._body = self._replace_named(model)
            else:
                self._body = replace_model(self._job.body, model)
        return self._body

    def _replace_named(self, model: str) -> bytes:
        """Put the model's name into the Gemini bodies that repeat it; others stay as they are."""
        job = self._job
        if job.operation.action not in _NAMING_ACTIONS:
            return job.body
        return replace_named_model(job.body, job.endpoint.name, model)
