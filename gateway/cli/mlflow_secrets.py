"""Opening the secrets of an MLflow gateway, whatever passphrase each was sealed with.

Rule: MLflow's public default passphrase is the last to be tried, and what it opens is known to be
open to everybody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from gateway.cli.options import read_secret_file
from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.store.mlflow_tables import MlflowSecret
from gateway.vault.mlflow_scheme import DEFAULT_PASSPHRASE, derive_kek, open_value

VARIABLE: Final = "MLFLOW_CRYPTO_KEK_PASSPHRASE"  # as MLflow's own server has it


@dataclass(slots=True)
class Opened:
    """What came of opening all secrets.

    Attributes:
        values: fields by secret id; None: the value is no object of texts.
        leaked: names of those that the default passphrase has opened.
        closed: names of those that nothing has opened.
    """

    values: dict[str, Mapping[str, Secret] | None] = field(default_factory=dict)
    leaked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def read_passphrase(file: Path | None) -> Secret | None:
    """Read MLflow's passphrase; None where nobody gives one.

    Raises:
        Refused: the file cannot be read.
    """
    if file is not None:
        return Secret(read_secret_file(file, "passphrase"))
    given = os.environ.pop(VARIABLE, "")
    if given or not sys.stdin.isatty():
        return Secret(given) if given else None
    typed = click.prompt(
        "MLflow's passphrase (empty: none was set)",
        default="",
        show_default=False,
        hide_input=True,
        err=True,
    )
    return Secret(typed) if typed else None


def open_secrets(secrets: Iterable[MlflowSecret], passphrase: Secret | None) -> Opened:
    """Open every secret with the passphrase, or else with MLflow's default one."""
    opened = Opened()
    keks: dict[tuple[bool, int], Secret] = {}

    def find(secret: MlflowSecret, *, by_default: bool) -> Secret | None:
        key = DEFAULT_PASSPHRASE if by_default else passphrase
        if key is None:
            return None
        place = (by_default, secret.kek_version)
        try:
            if place not in keks:
                keks[place] = derive_kek(key, secret.kek_version)
            return open_value(
                keks[place],
                secret.wrapped_dek,
                secret.encrypted_value,
                secret.secret_id,
                secret.name,
            )
        except VaultIntegrityError:
            return None

    for secret in secrets:
        value = find(secret, by_default=False)
        is_default = value is None or passphrase == DEFAULT_PASSPHRASE
        if value is None:
            value = find(secret, by_default=True)
        if value is None:
            opened.closed.append(secret.name)
            continue
        if is_default:
            opened.leaked.append(secret.name)
        opened.values[secret.secret_id] = value.fields()
    return opened
