"""Making the configuration what it was with an earlier epoch, as a new one.

Rule: nothing comes back that was taken away on purpose: no value of a secret, no api key that was
deleted, disabled or cut short since. What was made since goes, but for secrets and api keys:
somebody may depend on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.control.parts import ControlParts
from gateway.control.schema.configuration import RollbackRequest
from gateway.control.service.change import Change
from gateway.control.service.configuration.document import (
    build_names,
    collector_paused,
    list_items,
)
from gateway.control.service.configuration.history import build_steps
from gateway.control.service.configuration.plan import Step, describe_steps
from gateway.control.service.configuration.wanted import Values
from gateway.control.service.configuration.writing import write_steps
from gateway.control.service.secrets import check_origin, is_binding_kept
from gateway.entities import ConfigurationState
from gateway.errors import (
    InvalidValueError,
    SecretValueRequiredError,
)
from gateway.ports import Transaction
from gateway.providers import check_secret

_Rows = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Target:
    """The state to make, and what of the earlier one cannot be made again."""

    state: dict[str, dict[str, dict[str, Any]]]
    values: Values = field(default_factory=dict, repr=False)
    left: list[dict[str, str]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)
    needed: dict[str, list[str]] = field(default_factory=dict)  # fields by secret


async def roll_back(change: Change, epoch: int, request: RollbackRequest) -> dict[str, Any]:
    """Make the configuration what it was with `epoch`.

    Raises:
        NotFoundError: there is no such epoch in the history.
        SecretValueRequiredError: a secret was deleted since, or may go elsewhere only with its
            value; not with `dry_run`.
        InvalidValueError: a value that is given for no such secret, or cannot be.
        ConflictError: an api key of the earlier name has been made since.
    """
    with collector_paused():
        target, steps, ids = await _plan(change.parts, change.tx, epoch, request)
    if not request.dry_run:
        _require_values(target)
        await write_steps(change, steps, target.values, ids)
    return {
        "applied": bool(steps) and not request.dry_run,
        "changes": await describe_steps(steps),
        "left": target.left,
        "missing": target.missing,
        "needed": sorted(target.needed),
    }


def _require_values(target: Target) -> None:
    if target.needed:
        names = ", ".join(sorted(target.needed))
        secrets = [
            {"secret_name": name, "fields": fields} for name, fields in target.needed.items()
        ]
        raise SecretValueRequiredError(
            f"the history keeps no values: give those of {names} as secret_values",
            field="secret_values",
            extra={"secrets": secrets},
        )


async def _plan(
    parts: ControlParts, tx: Transaction, epoch: int, request: RollbackRequest
) -> tuple[Target, list[Step], dict[tuple[str, str], str]]:
    current = await tx.history.read_current()
    target = build_target(await tx.history.read_at(epoch), current, request.secret_values)
    names = {**build_names(current), **build_names(target.state)}
    before = {(item.kind, item.row_id): item for item in await list_items(current, names)}
    after = {(item.kind, item.row_id): item for item in await list_items(target.state, names)}
    steps = await build_steps(before, after)
    for step in steps:
        if step.after is not None and step.after.kind == "secret":
            _check_secret(parts, step, target.values)
    ids = {item.key: item.row_id for item in after.values()}
    return target, steps, ids


def _check_secret(parts: ControlParts, step: Step, values: Values) -> None:
    content = step.item.content
    provider, auth_config = content.get("provider"), content.get("auth_config")
    if step.item.name in values:
        check_secret(provider, values[step.item.name], auth_config)
    check_origin(parts.settings, provider, auth_config)


def build_target(
    then: ConfigurationState, now: ConfigurationState, given: Mapping[str, Mapping[str, str]]
) -> Target:
    """Return the state that a rollback makes, of the earlier and the current one.

    Raises InvalidValueError for a value that no secret needs.
    """
    target = Target({kind: {key: dict(row) for key, row in then[kind].items()} for kind in then})
    ids = _keep_secrets(target, now["secret"], given)
    for row in target.state["model_definition"].values():
        row["secret_id"] = ids.get(row["secret_id"], row["secret_id"])
    _keep_api_keys(target, now["api_key"])
    for name in given:
        if name not in target.values:
            raise InvalidValueError("no value of this secret is needed", field="secret_values")
    return target


def _keep_secrets(
    target: Target, now: _Rows, given: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Keep values and secrets as they are; return the ids that stand for earlier ones."""
    by_name = {row["secret_name"]: row_id for row_id, row in now.items()}
    ids: dict[str, str] = {}
    kept: dict[str, dict[str, Any]] = {}
    for row_id, row in target.state["secret"].items():
        name = row["secret_name"]
        ids[row_id] = by_name.pop(name, row_id)
        current = now.get(ids[row_id])
        fields = row["fields"]
        if current is not None:
            row |= {key: current[key] for key in ("fields", "secret_version", "expires_at")}
        if current is None or not _may_stay(current, row):
            if name in given:
                target.values[name] = given[name]
                fields = sorted(given[name])
                row |= {"fields": fields, "secret_version": row["secret_version"] + 1}
                row["expires_at"] = None  # it is a value's own, and this one is another
            elif not fields:  # the machine has the credential, or none is needed
                target.values[name] = {}
                row |= {"secret_version": row["secret_version"] + 1, "expires_at": None}
            else:
                target.needed[name] = fields
        kept[ids[row_id]] = row
    for name, row_id in by_name.items():
        kept[row_id] = dict(now[row_id])
        target.left.append(_name("secret", name))
    target.state["secret"] = kept
    return ids


def _may_stay(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether the stored value may be used with the earlier provider and settings."""
    old, new = ((row["provider"], row["auth_config"]) for row in (current, wanted))
    return is_binding_kept(old, new)


def _keep_api_keys(target: Target, now: _Rows) -> None:
    then = target.state["api_key"]
    kept: dict[str, dict[str, Any]] = {}
    for row_id, row in now.items():
        if row_id not in then:
            target.left.append(_name("api_key", row["name"]))
            kept[row_id] = dict(row)
            continue
        kept[row_id] = _keep_cut(then.pop(row_id), row)
    target.missing += [_name("api_key", row["name"]) for row in then.values()]
    target.state["api_key"] = kept


def _keep_cut(then: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return an api key as it was, but with its value of now and no longer life than now."""
    ends = [end for end in (then["expires_at"], now["expires_at"]) if end is not None]
    return then | {
        "sha256": now["sha256"],
        "masked": now["masked"],
        "disabled": then["disabled"] or now["disabled"],
        "expires_at": min(ends, default=None),
    }


def _name(kind: str, name: str) -> dict[str, str]:
    return {"kind": kind, "name": name}
