"""Header lines of translated answers: what a provider says of its limits and its ids passes.

Rule: what a provider says of its body is not said of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.proxy.headers import build_answer_lines

_OF_THE_BODY: Final = (
    b"content-",
    b"etag:",
    b"last-modified:",
    b"accept-ranges:",
    b"digest:",
    b"repr-digest:",
)
# Under which name SDKs of a vendor show the provider's id of a request, and who calls it what.
_REQUEST_ID: Final[Mapping[str, bytes]] = {"openai": b"x-request-id", "anthropic": b"request-id"}
_REQUEST_IDS: Final = (
    b"x-request-id",
    b"request-id",
    b"x-amzn-requestid",
    b"apim-request-id",
    b"x-goog-request-id",
)


def build_lines(
    head: bytes, needles: tuple[bytes, ...], vendor: str, content_type: str = "application/json"
) -> bytes:
    """Return the header lines of an answer that was translated, each with its line end.

    Args:
        head: the provider's, as it came.
        needles: spellings of the credential, none of which passes.
        vendor: whose dialect the client speaks.
        content_type: of the client's answer.
    """
    named: dict[bytes, bytes] = {}
    lines = [f"Content-Type: {content_type}".encode()]
    for line in build_answer_lines(head, needles).split(b"\r\n"):
        lower = line.lower()
        if line and not lower.startswith(_OF_THE_BODY):
            lines.append(line)
            named[lower.partition(b":")[0].strip()] = line.partition(b":")[2].strip()
    wanted = _REQUEST_ID.get(vendor)
    if wanted is not None and wanted not in named:
        lines += [wanted + b": " + named[name] for name in _REQUEST_IDS if name in named][:1]
    return b"".join(line + b"\r\n" for line in lines)
