"""LiteLLM's proxy configuration as a document of ours.

Source of the keys: docs.litellm.ai/docs/proxy/configs, .../config_settings, .../reliability and
.../load_balancing, read in November 2026.

Rule: every key of the file is mapped, or noted with its line and what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.entities import RefusalKind
from gateway.manifest.draft import Draft, Route
from gateway.manifest.litellm_models import add_models
from gateway.yaml_nodes import Fault, Node, build_error, join

_SECTIONS: Final = (
    "model_list",
    "router_settings",
    "litellm_settings",
    "general_settings",
    "environment_variables",
    "credential_list",
)
_NONE: Final = "has no counterpart"
_INSTEAD: Final[Mapping[str, str]] = {
    "master_key": "is not taken over: the admin's token is LOCKGATE_ADMIN_TOKEN, and applications "
    "get keys of their own with lockgate keys create",
    "include": "is not read: import each of these files by itself",
    "database_url": "is not taken over: Lockgate keeps its own database in its data directory",
    "store_model_in_db": "is not needed: everything is in the database here",
    "routing_strategy": "is not mapped: requests are split by weight",
    "routing_strategy_args": "is not mapped: requests are split by weight",
    "cooldown_time": "is not mapped: set LOCKGATE_CIRCUIT_OPEN_MS",
    "allowed_fails": "is not mapped: a target's circuit opens by rules of its own",
    "disable_cooldowns": "is not mapped: a target's circuit opens by rules of its own",
    "retry_policy": "is not mapped: what is tried again is the same for all (docs/failures.md)",
    "max_fallbacks": "is not mapped: set fallback_config.max_attempts of an endpoint",
    "drop_params": "is not mapped: a body passes as it is",
    "modify_params": "is not mapped: a body passes as it is",
    "cache": "is not mapped: answers are not cached",
    "cache_params": "is not mapped: answers are not cached",
    "callbacks": "is not mapped: see lockgate usage and /metrics",
    "success_callback": "is not mapped: see lockgate usage and /metrics",
    "failure_callback": "is not mapped: see lockgate usage and /metrics",
    "set_verbose": "is not mapped: set LOCKGATE_LOG_LEVEL",
    "redis_host": "is not needed: replicas share the database",
    "redis_port": "is not needed: replicas share the database",
    "redis_password": "is not needed: replicas share the database",
    "redis_url": "is not needed: replicas share the database",
}
_FALLBACKS: Final[Mapping[str, RefusalKind | None]] = {
    "fallbacks": None,
    "context_window_fallbacks": RefusalKind.CONTEXT_WINDOW_EXCEEDED,
    "content_policy_fallbacks": RefusalKind.CONTENT_POLICY,
}
_ANY: Final = "*"
_ALIASES: Final = "model_group_alias"
_MOST_MS: Final = 86_400_000
_MOST_ATTEMPTS: Final = 20


@dataclass(slots=True)
class _Import:
    """What the mappings of the sections share."""

    draft: Draft
    aliases: dict[str, str]
    wanted: dict[str, list[str]]  # group -> groups that its requests fall back to
    default: list[str]
    taken: dict[Callable[..., None], str]  # what may be said once -> where it was


def import_litellm(root: Node, name: str, environ: Mapping[str, str]) -> Draft:
    """Map a LiteLLM configuration.

    Args:
        root: the parsed file.
        name: its name, for messages.
        environ: where settings that are no secrets may be looked up (``os.environ/API_BASE``).

    Raises:
        ManifestError: it is no such file.
    """
    if root.get("model_list") is None and not set(root.fields) & set(_SECTIONS):
        message = "is no configuration of LiteLLM's proxy: it has no model_list"
        raise build_error(name, [Fault(root.line, "", message)])
    draft = Draft()
    own = root.get("environment_variables") or Node({}, root.line)  # LiteLLM sets them itself
    known = {key: node.text for key, node in own.fields.items() if node.text} | dict(environ)
    add_models(draft, root, known)
    job = _Import(draft, {}, {}, [], {})
    for section in ("router_settings", "litellm_settings"):  # fallbacks may name them
        aliases = root.get(section, _ALIASES)
        if aliases is not None:
            _take_aliases(job, aliases, f"{section}.{_ALIASES}")
    # The router's own timeout and retries count before those of the library.
    for section, node in sorted(root.fields.items(), key=lambda pair: pair[0] != "router_settings"):
        handler = _HANDLERS.get(section)
        if handler is not None:
            handler(job, node, section)
        elif section not in ("model_list", "credential_list"):
            draft.note(node, section, _INSTEAD.get(section, _NONE))
    _add_aliases(job)
    _add_fallbacks(job)
    return draft


# --- sections -----------------------------------------------------------------------------


def _take_settings(job: _Import, section: Node, path: str) -> None:
    for name, node in job.draft.list_fields(section, path):
        where = join(path, name)
        if name in _FALLBACKS:
            _take_fallbacks(job, node, where, _FALLBACKS[name])
        elif name in _SETTINGS:
            _take_setting(job, _SETTINGS[name], node, where)
        elif name != _ALIASES and (name, node.value) != ("routing_strategy", "simple-shuffle"):
            job.draft.note(node, where, _INSTEAD.get(name, _NONE))


def _take_setting(
    job: _Import, take: Callable[[_Import, Node, str], None], node: Node, path: str
) -> None:
    first = job.taken.setdefault(take, path)
    if first != path and take is not _take_default:
        job.draft.note(node, path, f"is not mapped: {first} counts")
    else:
        take(job, node, path)


def _take_general(job: _Import, section: Node, path: str) -> None:
    for name, node in job.draft.list_fields(section, path):
        job.draft.note(node, join(path, name), _INSTEAD.get(name, _NONE))


def _take_environment(job: _Import, section: Node, path: str) -> None:
    for name, node in job.draft.list_fields(section, path):
        reason = "is not taken over: set it in the environment of lockgate apply"
        job.draft.note(node, join(path, name), reason)


_HANDLERS: Final[Mapping[str, Callable[[_Import, Node, str], None]]] = {
    "router_settings": _take_settings,
    "litellm_settings": _take_settings,
    "general_settings": _take_general,
    "environment_variables": _take_environment,
}


def _take_timeout(job: _Import, node: Node, path: str) -> None:
    if not isinstance(node.value, int | float) or not 0 < node.value * 1000 <= _MOST_MS:
        job.draft.note(node, path, "is not mapped: no number of seconds up to a day")
        return
    for route in job.draft.routes.values():
        if route.total_timeout_ms is None:
            route.total_timeout_ms = int(node.value * 1000)


def _take_retries(job: _Import, node: Node, path: str) -> None:
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 0:
        job.draft.note(node, path, "is not mapped: no whole number")
        return
    job.draft.settings["max_attempts"] = min(node.value + 1, _MOST_ATTEMPTS)
    job.draft.note(
        node,
        path,
        f"became settings.max_attempts: {job.draft.settings['max_attempts']}, upstream calls of a "
        "request over all its targets; `serve --config` reads it, elsewhere set "
        "LOCKGATE_MAX_ATTEMPTS",
    )


def _take_default(job: _Import, node: Node, path: str) -> None:
    for index, item in enumerate(job.draft.list_items(node, path)):
        if item.text is None:
            job.draft.note(item, f"{path}[{index}]", "is not mapped: no name of a model group")
        elif item.text not in job.draft.routes and item.text not in job.aliases:
            message = f"falls back to {item.text[:64]}, a group that is not mapped"
            job.draft.note(item, f"{path}[{index}]", message)
        else:
            job.default.append(item.text)


def _take_aliases(job: _Import, node: Node, path: str) -> None:
    for name, target in job.draft.list_fields(node, path):
        model = target.get("model")
        group = target.text if model is None else model.text
        if group is None or group not in job.draft.routes:
            job.draft.note(target, join(path, name), "is not mapped: its model group is not")
            continue
        job.aliases[name] = group
        hidden = target.get("hidden")
        if hidden is not None:
            reason = "is not mapped: GET /v1/models lists all that a key may call"
            job.draft.note(hidden, join(path, f"{name}.hidden"), reason)


_SETTINGS: Final[Mapping[str, Callable[[_Import, Node, str], None]]] = {
    "timeout": _take_timeout,
    "request_timeout": _take_timeout,
    "num_retries": _take_retries,
    "default_fallbacks": _take_default,
}


def _take_fallbacks(job: _Import, node: Node, path: str, kind: RefusalKind | None) -> None:
    for index, entry in enumerate(job.draft.list_items(node, path)):
        for group, targets in job.draft.list_fields(entry, f"{path}[{index}]"):
            where = f"{path}[{index}].{group[:64]}"
            if not targets.items:
                job.draft.note(targets, where, "is not mapped: it is no list of model groups")
            names = [item.text for item in targets.items if item.text is not None]
            if len(names) < len(targets.items):
                job.draft.note(targets, where, "holds fallbacks with parameters: not mapped")
            if group == _ANY:
                job.default.extend(names)
                continue
            if group not in job.draft.routes:
                job.draft.note(targets, where, "is not mapped: its model group is not")
                continue
            _add_wanted(job, group, names, targets, where)
            if kind is not None:
                _add_kind(job, job.draft.routes[group], kind, targets, where)


def _add_wanted(job: _Import, group: str, names: list[str], node: Node, path: str) -> None:
    known = job.wanted.setdefault(group, [])
    for name in names:
        if name not in job.draft.routes and name not in job.aliases:
            job.draft.note(node, path, f"falls back to {name[:64]}, a group that is not mapped")
        elif name not in known:
            known.append(name)


def _add_kind(job: _Import, route: Route, kind: RefusalKind, node: Node, path: str) -> None:
    if str(kind) not in route.fallback_on:
        route.fallback_on.append(str(kind))
    job.draft.note(
        node,
        path,
        f"became resilience.fallback_on: [{kind}]; an endpoint has one list of FALLBACKs, so "
        "these are tried after other failures too",
    )


# --- what needs all sections --------------------------------------------------------------


def _add_aliases(job: _Import) -> None:
    for alias, group in job.aliases.items():
        source = job.draft.routes.get(group)
        if source is None or alias in job.draft.routes:
            continue
        route = job.draft.add_route(
            alias, Node(None, 0), f"router_settings.model_group_alias.{alias}"
        )
        route.primaries = list(source.primaries)
        route.fallbacks = list(source.fallbacks)
        route.fallback_on = source.fallback_on
        route.total_timeout_ms = source.total_timeout_ms
        job.wanted[alias] = job.wanted.get(group, [])


def _add_fallbacks(job: _Import) -> None:
    for group, route in job.draft.routes.items():
        for name in job.wanted.get(group) or job.default:
            target = job.draft.routes.get(job.aliases.get(name, name))
            if target is None or target is route:
                continue
            for primary in sorted(target.primaries, key=lambda found: -found.weight):
                route.add_fallback(primary.definition)
