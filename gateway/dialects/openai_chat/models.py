"""What OpenAI's thinking models take otherwise, by their names.

Source: OpenAI's guide "Reasoning models" and the pages of the models (2026-11): they refuse what
steers sampling, and each line has words of its own for how much to think.

Rule: a name that no row matches is of a model that does not think.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

Efforts = Mapping[str, str]

# A model's name -> what it takes in place of a word that it does not know. What is for chatting
# (`gpt-5-chat-latest`) does not think; `gpt-35-turbo` is Azure's name of an old one.
_ROWS: Final[tuple[tuple[re.Pattern[str], Efforts], ...]] = (
    (re.compile(r"o\d(?:-|$)"), {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}),
    (
        re.compile(r"gpt-5-codex"),
        {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"},
    ),
    (re.compile(r"gpt-5(?![.\d])"), {"none": "minimal", "xhigh": "high", "max": "high"}),
    (re.compile(r"gpt-5\.1(?!\d)"), {"minimal": "low", "xhigh": "high", "max": "high"}),
    (re.compile(r"gpt-(?!35)(?:[5-9]|\d\d)"), {"minimal": "low", "max": "xhigh"}),
)
_SERIAL: Final = re.compile(r"o\d(?:-|$)")


def find_efforts(model: str) -> Efforts | None:
    """Return what a thinking model takes for words it does not know; None: it does not think."""
    name = model.rpartition("/")[2]
    if "-chat" in name:
        return None
    return next((efforts for pattern, efforts in _ROWS if pattern.match(name)), None)


def is_serial(model: str) -> bool:
    """Tell whether a model calls one tool at a time and refuses to be told so."""
    return _SERIAL.match(model.rpartition("/")[2]) is not None
