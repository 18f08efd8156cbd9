"""What passes between the simulator's server and a vendor's wire format.

Rule: values and tables only; a wire format is a pure function from an ``Inquiry`` to a ``Reply``
or a ``Problem``, and never touches the network.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.simulator.faults import Fault

Json = dict[str, Any]

UNKNOWN_MODEL_PREFIX = "no-such-"
"""Every model exists but those whose name begins so: tests invent names freely."""

CREATED_AT = 1_790_000_000
"""Seconds since 1970 in every answer: equal requests get equal bytes."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One call, as a wire format sees it; ``model`` is without its fault suffix."""

    simulator: str
    model: str
    body: Json
    fault: Fault
    version: str = "v1"
    action: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A vendor's error before it is written down.

    ``kind`` is OpenAI's and Anthropic's ``type`` and Gemini's ``status``; ``code`` is OpenAI's
    ``code`` and Gemini's ``reason``.
    """

    status: int
    kind: str
    message: str
    code: str | None = None
    param: str | None = None
    details: tuple[Json, ...] = ()
    """What a vendor lists beside the sentence (Mistral's validation errors)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to be sent; the frames of a stream are its events, of a plain answer one."""

    frames: tuple[bytes, ...]
    content_type: str = "application/json"
    streamed: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vendor:
    """What all routes of one vendor share."""

    name: str
    find_credential: Callable[[Mapping[str, str], Mapping[str, str]], str | None]
    """Request headers (names in lower case) and query to the credential, if there is one."""
    problems: Mapping[str, Problem]
    statuses: Mapping[int, Problem]
    dump_problem: Callable[[Problem, str, float | None], bytes]
    """Problem, request id and retry hint in seconds to the error body."""
    build_headers: Callable[[str, int], dict[str, str]]
    """Request id and serial number of the call to the headers that every answer has."""
    retry_hint_in_body: bool = False
    content_type: str = "application/json"
    """Of its error bodies."""
    build_problem_headers: Callable[[Problem], dict[str, str]] | None = None
    """The headers that only an error has."""
    takes_tokens: bool = False
    """Whether a token of the simulator's own token endpoints is as right as the key."""
    keyless: bool = False
    """Whether no credential is ever asked for."""

    def build_problem(self, name: str, /, **facts: str) -> Problem:
        """Fill a named problem's sentence with the facts it mentions."""
        problem = self.problems[name]
        return dataclasses.replace(
            problem,
            message=problem.message.format(**facts),
            param=None if problem.param is None else problem.param.format(**facts),
        )

    def build_status_problem(self, status: int) -> Problem:
        """Choose the vendor's problem for a status; an unlisted one looks like its class."""
        known = self.statuses.get(status)
        if known is not None:
            return known
        return dataclasses.replace(self.statuses[500 if status >= 500 else 400], status=status)  # noqa: PLR2004 - the boundary of RFC 9110, section 15


@dataclass(frozen=True, slots=True)
class Surface:
    """One route of a vendor: how it answers, and how an error looks inside its stream."""

    vendor: Vendor
    answer: Callable[[Inquiry], Reply | Problem]
    dump_error_event: Callable[[bytes, Problem, int], bytes]
    """The error body, its problem and its number in the stream to one event."""
    errors_in_array: bool = False
    """Whether an error body stands in a JSON array, as in Gemini's streams without SSE."""
    check: Callable[[Inquiry], Problem | None] | None = None
    """Finds what the real provider refuses; not asked by a lenient simulator."""
    form: bool = False
    """Whether the body is a form (RFC 6749) instead of JSON."""


def dump_json(value: object, *, pretty: bool = False) -> bytes:
    """Write JSON, indented by two blanks where the vendor does so."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else 0)


def build_digest(*parts: object) -> str:
    """Derive 64 stable hexadecimal digits from JSON values, for ids and vectors."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
