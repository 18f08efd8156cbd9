"""What every client format of the matrix has to do."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from gateway.entities import Dialect
from tests.translation.asks import Ask, Seen

Json = dict[str, Any]


def parse_events(body: str) -> list[Json]:
    """Return the JSON objects of a stream of server-sent events."""
    data = [
        line[5:].strip() for line in body.replace("\r\n", "\n").split("\n") if line[:5] == "data:"
    ]
    return [json.loads(one) for one in data if one != "[DONE]"]


class Client(ABC):
    """One client format."""

    dialect: Dialect
    streams_in_path = False

    def path(self, endpoint: str, *, stream: bool) -> str:
        del endpoint, stream
        return self._path

    _path = ""

    @abstractmethod
    def build(self, ask: Ask, endpoint: str, *, stream: bool) -> Json | None:
        """Return the body; None where the format cannot ask so."""

    @abstractmethod
    def read(self, status: int, body: str, *, stream: bool) -> Seen:
        """Read an answer with a good status."""

    @abstractmethod
    def read_error(self, body: Json) -> Json:
        """Return ``{"type", "message"}`` of an error of this format; fails on any other."""
