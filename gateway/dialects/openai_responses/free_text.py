"""The free text of a custom tool, taken out of a function's arguments while they are written.

Vendors without custom tools call them as a function with one ``input``; a long patch shall not
wait for its last letter before the client sees the first.

Rule: the pieces are the text that the whole arguments hold, however they are cut; where those are
broken JSON, the text ends where it breaks.
"""

from __future__ import annotations

import json
import re
from typing import Final

from gateway.dialects.spec import load_object

_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
# Letters and whole escapes: half of a pair of surrogates waits for the other.
_WHOLE: Final = re.compile(
    r'(?:[^"\\]++|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)


class FreeText:
    """Takes the text out of arguments as they come."""

    __slots__ = ("_is_in", "_pieces", "_size", "_tail")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._tail = ""  # not yet taken
        self._is_in = False  # within the text
        self._size = 0  # characters taken out

    def feed(self, piece: str) -> str:
        """Return what of the text `piece` completes."""
        self._pieces.append(piece)
        self._tail += piece
        if not self._is_in:
            head = _HEAD.match(self._tail)
            if head is None:
                return ""
            self._is_in, self._tail = True, self._tail[head.end() :]
        whole = _WHOLE.match(self._tail)
        end = 0 if whole is None else whole.end()
        text, self._tail = self._tail[:end], self._tail[end:]
        # Models write line ends as they are: no JSON, and yet plain what is meant.
        found = str(json.loads(f'"{text}"', strict=False))
        self._size += len(found)
        return found

    def finish(self) -> str:
        """Return the rest: all of it where the arguments were not of the form expected."""
        if self._is_in and self._tail.startswith('"'):
            return ""
        arguments = "".join(self._pieces)
        value = load_object(arguments.encode("utf-8", "surrogatepass"))
        text = None if value is None else value.get("input")
        if isinstance(text, str):
            return text[self._size :]
        return self._tail if self._is_in else arguments
