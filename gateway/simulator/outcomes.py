"""What one call is answered with: the wire format's reply, or the error a fault asks for.

Rule: pure but for the clock of the date hint; nothing is sent here.
"""

from __future__ import annotations

import dataclasses
import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.simulator import bedrock
from gateway.simulator.calls import ReceivedCall, find_body, find_form
from gateway.simulator.exchange import Inquiry, Problem, Reply, Vendor
from gateway.simulator.faults import HEALTHY, Fault, dump_seconds
from gateway.simulator.routes import Match
from gateway.simulator.sigv4 import KeyPair, Signed, find_flaw, is_signed
from gateway.simulator.tokens import is_token

ODD_SHAPES = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a body of an odd shape raises, deep inside; the vendors say 400 to it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call is answered with, and the error that faults would put into its stream."""

    reply: Reply
    fault: Fault
    error_event: bytes


@dataclass(frozen=True, slots=True)
class Answerer:
    """One call on its way to an outcome."""

    vendor: Vendor
    match: Match | None
    call: ReceivedCall
    headers: Mapping[str, str]
    request_id: str
    strict: bool = False

    def find_key_problem(self, key: str | None, pair: KeyPair | None = None) -> Problem | None:
        """Find out whether the credential is missing or wrong; without a key all are right.

        A signed request is verified if there is a key pair, and let in if there is none.
        """
        if is_signed(self.headers):
            return None if pair is None else self._find_signature_problem(pair)
        given = self._find_credential()
        if key is None or given == key or self.vendor.keyless:
            return None
        if self.vendor.takes_tokens and is_token(given):
            return None
        if given is None:
            return self.vendor.build_problem("no-key")
        return self.vendor.build_problem("bad-key", key=_mask(given))

    def _find_signature_problem(self, pair: KeyPair) -> Problem | None:
        call = self.call
        flaw = find_flaw(Signed(call.method, call.raw_path, self.headers, call.body), pair)
        if flaw is None:
            return None
        return bedrock.VENDOR.build_problem({"key": "bad-key"}.get(flaw, flaw))

    def build_refusal(self, problem: Problem) -> Outcome:
        """Build the outcome of a call that no fault shapes."""
        return self.build_problem_outcome(problem, HEALTHY, 0)

    def build_outcome(self, simulator: str, model: str, fault: Fault, serial: int) -> Outcome:
        """Build the outcome of a call that is let in."""
        if fault.redirect is not None:
            return self._build_redirect(fault, serial)
        planned = self._find_planned_problem(model, fault)
        answered = self._ask(simulator, model, fault)
        in_stream = (
            fault.error_event_after is not None
            and isinstance(answered, Reply)
            and answered.streamed
        )
        if planned is not None and not in_stream:
            return self.build_problem_outcome(planned, fault, serial)
        if isinstance(answered, Problem):
            return self.build_problem_outcome(answered, fault, serial)
        event = self._dump_event(planned or self._build_overload(), fault, len(answered.frames))
        headers = self.vendor.build_headers(self.request_id, serial) | dict(answered.headers)
        return Outcome(dataclasses.replace(answered, headers=headers), fault, event)

    def build_problem_outcome(self, problem: Problem, fault: Fault, serial: int) -> Outcome:
        """Build a vendor's error, with the retry hint and the echo that the fault asks for."""
        headers = self.vendor.build_headers(self.request_id, serial)
        headers |= _build_retry_headers(self.vendor, fault) | self._build_echo(fault)
        if self.vendor.build_problem_headers is not None:
            headers |= self.vendor.build_problem_headers(problem)
        body = self._dump(problem, fault)
        if self.match is not None and self.match.surface.errors_in_array:
            body = b"[" + body + b"]"
        reply = Reply((body,), self.vendor.content_type, status=problem.status, headers=headers)
        return Outcome(reply, fault, b"")

    def _ask(self, simulator: str, model: str, fault: Fault) -> Reply | Problem:
        if self.match is None:
            return self.vendor.build_problem(
                "no-route", method=self.call.method, path=self.call.path
            )
        surface = self.match.surface
        body = find_form(self.call) if surface.form else find_body(self.call)
        if body is None:
            return self.vendor.build_problem("bad-json")
        inquiry = Inquiry(
            simulator=simulator,
            model=model,
            body=body,
            fault=fault,
            version=self.match.version,
            action=self.match.action,
            query=self.call.query,
            headers=self.headers,
        )
        try:
            refused = surface.check(inquiry) if self.strict and surface.check else None
            return refused or surface.answer(inquiry)
        except ODD_SHAPES:
            # A list where an object belongs, deep in the body: the vendors say 400 as well.
            return self.vendor.build_status_problem(400)

    def _find_planned_problem(self, model: str, fault: Fault) -> Problem | None:
        """Find the error that the fault asks for; an echo alone is a refused key."""
        key = self._find_credential() or ""
        version, action = (self.match.version, self.match.action) if self.match else ("", "")
        facts = {"model": model, "key": key, "version": version, "action": action}
        problem = None
        if fault.status is not None:
            problem = self.vendor.build_status_problem(fault.status)
        elif fault.error is not None:
            problem = self.vendor.build_problem(fault.error, **facts)
        elif fault.echo_key:
            problem = self.vendor.build_problem("bad-key", **facts)
        if problem is not None and fault.echo_key and key not in problem.message:
            return dataclasses.replace(problem, message=f"{problem.message} Received key: {key}")
        return problem

    def _build_overload(self) -> Problem:
        return self.vendor.build_status_problem(529 if "anthropic" in self.vendor.name else 503)

    def _build_redirect(self, fault: Fault, serial: int) -> Outcome:
        headers = self.vendor.build_headers(self.request_id, serial) | self._build_echo(fault)
        headers["location"] = fault.redirect_to or f"/elsewhere{self.call.path}"
        status = fault.redirect or 307
        reply = Reply((b"",), content_type="text/html", status=status, headers=headers)
        return Outcome(reply, fault, b"")

    def _build_echo(self, fault: Fault) -> dict[str, str]:
        return {"x-sim-echo": self._find_credential() or ""} if fault.echo_key else {}

    def _dump(self, problem: Problem, fault: Fault) -> bytes:
        hint_s = fault.retry_after_s if self.vendor.retry_hint_in_body else None
        return self.vendor.dump_problem(problem, self.request_id, hint_s)

    def _dump_event(self, problem: Problem, fault: Fault, frames: int) -> bytes:
        if self.match is None or fault.error_event_after is None:
            return b""
        number = min(fault.error_event_after, frames)
        return self.match.surface.dump_error_event(self._dump(problem, fault), problem, number)

    def _find_credential(self) -> str | None:
        return self.vendor.find_credential(self.headers, self.call.query)


def _mask(key: str) -> str:
    """Shorten a key as OpenAI does when it repeats one."""
    return f"{key[:8]}****{key[-4:]}" if len(key) > 12 else "****"  # noqa: PLR2004 - 8 and 4 characters shown


def _build_retry_headers(vendor: Vendor, fault: Fault) -> dict[str, str]:
    headers = {}
    if fault.retry_after_s is not None and not vendor.retry_hint_in_body:
        headers["retry-after"] = dump_seconds(fault.retry_after_s)
    if fault.retry_after_date_s is not None:
        at = time.time() + fault.retry_after_date_s
        headers["retry-after"] = email.utils.formatdate(at, usegmt=True)
    if fault.retry_after_ms is not None:
        headers["retry-after-ms"] = str(fault.retry_after_ms)
    return headers
