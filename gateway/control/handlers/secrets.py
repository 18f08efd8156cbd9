"""Handlers of /secrets."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.ids import get_id
from gateway.control.service import rotation, users
from gateway.control.service import secrets as service
from gateway.control.service.change import Stored, list_all
from gateway.entities import SealedSecret, SecretId, Trial
from gateway.errors import InvalidValueError
from gateway.ports import Transaction
from gateway.providers import check_auth_config

PATH = "/secrets"


async def list_secrets(call: Call) -> Answer:
    """Answer with a page of secrets."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.secrets.list_page(page, name=query["name"], provider=query["provider"]),
        lambda row: service.describe(row).shown,
    )


async def create_secret(call: Call) -> Answer:
    """Create a secret."""
    return await answers.create(call, PATH, lambda change: service.create_secret(change, call.body))


async def get_secret(call: Call) -> Answer:
    """Answer with one secret."""
    secret_id = _id(call)

    async def get(tx: Transaction) -> Stored:
        return service.describe(await tx.secrets.get(secret_id))

    return await answers.read_one(call, get)


async def update_secret(call: Call) -> Answer:
    """Change a secret."""
    secret_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_secret(change, secret_id, call.body)
    )


async def delete_secret(call: Call) -> Answer:
    """Delete a secret."""
    secret_id = _id(call)
    return await answers.delete(
        call,
        lambda change: service.delete_secret(change, secret_id, force=call.query["force"]),
    )


async def rotate_secret(call: Call) -> Answer:
    """Put a new value in; the former one stays for its grace.

    Sent twice by mistake it would make the new value its own former one: hence the key.
    """
    secret_id = _id(call)
    return await answers.update_once(
        call, PATH, lambda change: rotation.rotate_secret(change, secret_id, call.body)
    )


async def delete_previous(call: Call) -> Answer:
    """Delete a former value before its grace is over."""
    secret_id = _id(call)
    return await answers.delete(call, lambda change: rotation.end_grace(change, secret_id))


async def list_users(call: Call) -> Answer:
    """Answer with who leads to a secret, and what would break without it."""
    secret_id = _id(call)
    async with call.parts.store.read() as tx:
        await tx.secrets.get(secret_id)
        rows = await list_all(
            lambda page: tx.model_definitions.list_page(page, secret_id=secret_id)
        )
        keys = call.parts.snapshots.current.keys.values()
        return Answer(status=200, value=await users.read_users(tx, rows, keys))


async def test_secret(call: Call) -> Answer:
    """Ask the provider what it says to a stored value."""
    async with call.parts.store.read() as tx:
        sealed = await tx.secrets.get_sealed(_id(call))
    provider = _find_provider(sealed, call.body and call.body.provider)
    return _tell(await call.parts.trials.try_stored(sealed, provider))


def _find_provider(sealed: SealedSecret, wanted: str | None) -> str:
    """Return whose API is to be asked: the secret's provider, or the one that was named."""
    if sealed.provider is None and wanted is None:
        raise InvalidValueError("is required: the secret has none of its own", field="provider")
    if sealed.provider is not None and wanted not in (None, sealed.provider):
        raise InvalidValueError(f"the secret is one of {sealed.provider}", field="provider")
    provider = sealed.provider or wanted or ""
    check_auth_config(provider, sealed.auth_config)
    return provider


async def test_value(call: Call) -> Answer:
    """Ask a provider what it says to a value that is not stored."""
    body = call.body
    value = service.check_value(call.parts.settings, body)
    return _tell(await call.parts.trials.try_value(body.provider, value, body.auth_config))


def _tell(trial: Trial) -> Answer:
    value = {
        "outcome": trial.outcome.value,
        "status": trial.status,
        "latency_ms": round(trial.latency_ms, 1),
        "detail": trial.detail,
    }
    return Answer(status=200, value=value)


def _id(call: Call) -> SecretId:
    return SecretId(get_id(call.path, "secret_id", "s-"))
