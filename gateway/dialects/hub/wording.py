"""The few words that the gateway itself puts into a request where a vendor has no field.

Rule: they say what is the case, never what the model shall do.
"""

from __future__ import annotations

from typing import Final

IMAGES_OF_TOOLS: Final = "(images of the tools' results)"


def wrap_system(text: str) -> str:
    """Return a system message as text of the user's turn, where it stood."""
    return f"<system>{text}</system>"


def wrap_document(text: str, name: str | None) -> str:
    """Return a document of plain text as text."""
    begin = f'<document name="{name}">' if name else "<document>"
    return f"{begin}\n{text}\n</document>"


def wrap_failure(text: str) -> str:
    """Return what a failed tool gave back, for vendors that have no mark for failure."""
    return f"Error: {text}"
