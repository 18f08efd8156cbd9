"""The forms of answer: a dialect, plain or streamed; how each is asked for and read.

Rule: a reader knows the vendors' formats and nothing of the gateway: it is written from the
vendors' references, and imports none of the gateway's own readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of answer.

    `preamble` counts the stream's events before the first content, `path` has the place of the
    model's name where the body has none.
    """

    dialect: str
    kind: str  # plain, stream, or Gemini's array
    provider: str
    path: str
    ask: Callable[[str, str], Json]
    read: Callable[[Any], str]
    preamble: int = 0

    @property
    def name(self) -> str:
        """Its name in the report."""
        return f"{self.dialect} {self.kind}"

    @property
    def streamed(self) -> bool:
        """Whether the answer comes in events."""
        return self.kind != "plain"

    def build_path(self, model: str) -> str:
        """Return the path of a call of a model."""
        return self.path.format(model=model)

    def dump(self, model: str, marker: str) -> bytes:
        """Return the body of a call."""
        return json.dumps(self.ask(model, f"Say something about {marker} please")).encode()


@dataclass(slots=True)
class Reading:
    """What was found in the body of an answer."""

    text: str = ""
    ended: bool = False  # by the format's own end marker
    errors: list[Json] = field(default_factory=list)  # error objects, in order
    after_error: int = 0  # events behind the first error
    broken: int = 0  # events that are no JSON
    shape: list[str] = field(default_factory=list)  # what the format forbids


def read_body(form: Form, body: bytes) -> Reading:
    """Read an answer of status 200 as a client of the form would, but to its very end."""
    if not form.streamed:
        return _read_plain(form, body)
    if form.kind == "array":
        return _read_array(form, body)
    reading = Reading()
    for name, data in iter_events(body):
        if data == "[DONE]":
            reading.ended = True
            continue
        try:
            value = json.loads(data)
        except ValueError:
            reading.broken += 1
            continue
        _read_event(form, reading, name, value)
    return reading


def _read_plain(form: Form, body: bytes) -> Reading:
    reading = Reading()
    try:
        value = json.loads(body)
        reading.text, reading.ended = form.read(value), True
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        reading.broken = 1
    return reading


def _read_array(form: Form, body: bytes) -> Reading:
    """Read a JSON array that may be open: whole elements, then perhaps its end."""
    reading, text = Reading(), body.decode(errors="replace")
    at, decoder = len(text) - len(text.lstrip()), json.JSONDecoder()
    if text[at : at + 1] != "[":
        reading.broken = 1
        return reading
    while match := re.compile(r"[\[,]\s*").match(text, at):
        try:
            value, at = decoder.raw_decode(text, match.end())
        except ValueError:
            reading.broken += 1
            return reading
        _read_event(form, reading, "", value)
        at += len(text[at:]) - len(text[at:].lstrip())
    reading.ended = text[at:].strip() == "]"
    if text[at:].strip() not in ("", "]"):
        reading.broken += 1
    return reading


def iter_events(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and data of each event; a last one without its blank line counts too."""
    for block in re.split(r"\r\n\r\n|\n\n|\r\r", body.decode(errors="replace")):
        name, data = "", []
        for line in block.splitlines():
            key, _, value = line.partition(":")
            if key == "event":
                name = value.strip()
            elif key == "data":
                data.append(value.removeprefix(" "))
        if data:
            yield name, "\n".join(data).strip()


def _read_event(form: Form, reading: Reading, name: str, value: Any) -> None:
    reading.after_error += bool(reading.errors)
    if not isinstance(value, dict):
        reading.shape.append("an event that is no object")
    elif "error" in value and value["error"] is not None and "response" not in value:
        _read_error(form, reading, name, value)
    elif value.get("type") == "error":
        reading.errors.append(value)
    else:
        reading.text += _read_piece(form, value)
        reading.ended = reading.ended or _ends(form, value)


def _read_error(form: Form, reading: Reading, name: str, value: Json) -> None:
    named = form.dialect in ("openai_responses", "anthropic_messages")
    if named and (name != "error" or value.get("type") != "error"):
        reading.shape.append(f"an error under the name {name!r}")
    error = value["error"]
    reading.errors.append(error if isinstance(error, dict) else {"message": error})


def _read_piece(form: Form, value: Json) -> str:
    try:
        return _PIECES[form.dialect](value)
    except (KeyError, TypeError, IndexError, AttributeError):
        return ""


_PIECES: dict[str, Callable[[Json], str]] = {
    "openai_chat": lambda value: value["choices"][0]["delta"].get("content") or "",
    "openai_completions": lambda value: value["choices"][0]["text"],
    "openai_responses": lambda value: (
        value["delta"] if value["type"] == "response.output_text.delta" else ""
    ),
    "anthropic_messages": lambda value: (
        value["delta"]["text"] if value["type"] == "content_block_delta" else ""
    ),
    "gemini": lambda value: _join_parts(value["candidates"][0]),
}
_ENDS = {"response.completed", "response.incomplete", "response.failed", "message_stop"}


def _join_parts(candidate: Json) -> str:
    return "".join(part["text"] for part in candidate["content"]["parts"])


def _ends(form: Form, value: Json) -> bool:
    if form.dialect == "gemini":
        return any(one.get("finishReason") for one in value.get("candidates", ()))
    return value.get("type") in _ENDS


# --- errors that are a whole answer -------------------------------------------------------


def find_code(form: Form, error: Json) -> str | None:
    """Return the stable code within an error object of the form's dialect."""
    if form.dialect != "gemini":
        return error.get("code")
    details = error.get("details") or []
    reasons = [one.get("reason") for one in details if str(one.get("@type")).endswith("ErrorInfo")]
    return reasons[0] if reasons else None


def check_error_body(form: Form, status: int, body: bytes) -> tuple[Json, list[str]]:
    """Return the error object of an answer, and what is wrong with the body's shape."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}, ["an error body that is no JSON"]
    if isinstance(value, list) and form.kind == "array" and len(value) == 1:
        value = value[0]  # Google wraps the errors of this form in an array
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return {}, [f"an error body of another shape: {body[:120]!r}"]
    wrong = _SHAPES[form.provider](status, value, error)
    return error, [f"error body: {one}" for one in wrong]


def _check_openai(_status: int, value: Json, error: Json) -> Iterator[str]:
    if set(value) != {"error"}:
        yield f"keys {sorted(value)}"
    if set(error) != {"message", "type", "param", "code"} or not isinstance(error["type"], str):
        yield f"error has {sorted(error)}"


def _check_anthropic(_status: int, value: Json, error: Json) -> Iterator[str]:
    if value.get("type") != "error" or not isinstance(error.get("type"), str):
        yield "no type"
    if not isinstance(value.get("request_id"), str):
        yield "no request_id"


def _check_gemini(status: int, value: Json, error: Json) -> Iterator[str]:
    if error.get("code") != status:
        yield f"code {error.get('code')} under status {status}"
    if not isinstance(error.get("status"), str) or not error["status"].isupper():
        yield f"status {error.get('status')!r}"


_SHAPES: dict[str, Callable[[int, Json, Json], Iterator[str]]] = {
    "openai": _check_openai,
    "anthropic": _check_anthropic,
    "gemini": _check_gemini,
}


# --- the forms ----------------------------------------------------------------------------


def _ask(stream: bool, **fields: Any) -> Callable[[str, str], Json]:
    """Return what builds a body: the words go where `...` stands."""

    def build(model: str, words: str) -> Json:
        filled = json.loads(json.dumps(fields).replace('"<words>"', json.dumps(words)))
        return {"model": model, **filled} | ({"stream": True} if stream else {})

    return build


def _ask_gemini(_model: str, words: str) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": words}]}]}


_MESSAGES = [{"role": "user", "content": "<words>"}]
_VERTEX = "/v1beta/models/{model}:"


def _build_pair(
    dialect: str, provider: str, path: str, read: Callable[[Any], str], preamble: int, fields: Json
) -> tuple[Form, Form]:
    return (
        Form(dialect, "plain", provider, path, _ask(False, **fields), read),
        Form(dialect, "stream", provider, path, _ask(True, **fields), read, preamble),
    )


FORMS: tuple[Form, ...] = (
    *_build_pair(
        "openai_chat",
        "openai",
        "/v1/chat/completions",
        lambda value: value["choices"][0]["message"]["content"],
        1,
        {"messages": _MESSAGES},
    ),
    *_build_pair(
        "openai_completions",
        "openai",
        "/v1/completions",
        lambda value: value["choices"][0]["text"],
        0,
        {"prompt": "<words>", "max_tokens": 200},
    ),
    *_build_pair(
        "openai_responses",
        "openai",
        "/v1/responses",
        lambda value: value["output"][0]["content"][0]["text"],
        4,
        {"input": "<words>"},
    ),
    *_build_pair(
        "anthropic_messages",
        "anthropic",
        "/v1/messages",
        lambda value: value["content"][0]["text"],
        3,
        {"messages": _MESSAGES, "max_tokens": 200},
    ),
    Form(
        "openai_embeddings",
        "plain",
        "openai",
        "/v1/embeddings",
        _ask(False, input="<words>", dimensions=24),
        lambda value: json.dumps(value["data"][0]["embedding"]),
    ),
    Form(
        "gemini",
        "plain",
        "gemini",
        _VERTEX + "generateContent",
        _ask_gemini,
        lambda value: _join_parts(value["candidates"][0]),
    ),
    Form(
        "gemini",
        "stream",
        "gemini",
        _VERTEX + "streamGenerateContent?alt=sse",
        _ask_gemini,
        lambda value: _join_parts(value["candidates"][0]),
    ),
    Form(
        "gemini",
        "array",
        "gemini",
        _VERTEX + "streamGenerateContent",
        _ask_gemini,
        lambda value: _join_parts(value["candidates"][0]),
    ),
)
