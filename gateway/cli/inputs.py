"""Small grammars of arguments: ``key=value`` pairs, weighted models, secret fields.

Rule: a value that cannot be is wrong usage, told before anything is sent; a
secret is a `Secret` from the moment it is read.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli.options import read_secret_file
from gateway.cli.refusal import Refused
from gateway.providers import PROVIDERS
from gateway.secret import Secret

_API_KEY = "api_key"


def parse_pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Parse ``KEY=VALUE`` texts; a key may stand once."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint=option)
        if key in pairs:
            raise click.BadParameter(f"{key!r} is given twice", param_hint=option)
        pairs[key] = value
    return pairs


def parse_weighted(text: str) -> tuple[str, float | None]:
    """Parse ``MODEL`` or ``MODEL=WEIGHT``; a name may itself hold an equals sign."""
    name, sign, weight_text = text.rpartition("=")
    if not sign:
        return text, None
    try:
        weight = float(weight_text)
    except ValueError:
        return text, None
    if not math.isfinite(weight) or weight < 0:
        raise click.BadParameter(
            f"{text!r}: a weight is a finite number of 0 or more", param_hint="--model"
        )
    return name, weight


def read_secret_value(
    fields: Sequence[str], file: Path | None, from_stdin: bool
) -> dict[str, Secret]:
    """Read a credential's fields from a file, from stdin, or from hidden prompts.

    A file or stdin holds the value of the one field, or a JSON object of several. Without fields
    nothing is read: the machine has the credential, or there is none.

    Raises:
        Refused: nothing to read from, or not what was announced.
    """
    if file is not None and from_stdin:
        raise click.UsageError("give --value-file or --value-stdin, not both")
    if file is not None:
        return _split_fields(fields, read_secret_file(file, "value"))
    if from_stdin:
        return _split_fields(fields, read_stdin())
    if fields and not sys.stdin.isatty():
        raise Refused("no value: give --value-file or --value-stdin, or run this on a terminal")
    return {
        field: Secret(click.prompt(f"Value of {field}", hide_input=True, err=True))
        for field in fields
    }


def choose_fields(
    given: Sequence[str],
    provider: str | None,
    settings: Mapping[str, Any] | None,
    *,
    has_text: bool,
) -> tuple[str, ...]:
    """Return the fields whose values are to be read: those given, else what is required.

    Where nothing is, and there is a text to read (`has_text`), it is the one that is optional.
    """
    row = PROVIDERS.get(provider or "")
    if given or row is None:
        return tuple(given) or (_API_KEY,)
    fields, _ = row.list_fields(row.get_mode(settings))
    required = tuple(field.name for field in fields if field.required)
    if required or not has_text:
        return required
    return tuple(field.name for field in fields[:1]) or (_API_KEY,)


def read_stdin() -> str:
    """Read text from stdin, without the newline at its end.

    Raises:
        Refused: it is no UTF-8.
    """
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise Refused("what came on stdin is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _split_fields(fields: Sequence[str], text: str) -> dict[str, Secret]:
    if not text:
        raise Refused("the value is empty")
    if len(fields) == 1:
        return {fields[0]: Secret(text)}
    value: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):  # told below, without a word of the content
        value = orjson.loads(text)
    if (
        not isinstance(value, dict)
        or set(value) != set(fields)
        or not all(isinstance(part, str) for part in value.values())
    ):
        raise Refused(f"the value must be a JSON object of text with {', '.join(fields)}")
    return {name: Secret(part) for name, part in value.items()}
