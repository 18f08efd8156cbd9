"""What the vault's keys and records are like: status, advice, verification, plan of a rotation.

Rule: reads only, and only names, numbers and reasons come out: no value, no
ciphertext.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gateway.entities import (
    KekState,
    KekTerm,
    PageRequest,
    Rotation,
    SealedSecret,
    ServingProcess,
    VaultMeta,
)
from gateway.errors import InvalidValueError, RootKeyError, VaultIntegrityError
from gateway.installation.opening import Installation
from gateway.providers import allowed_origin
from gateway.vault.envelope import ADVISE_ROTATION_AT, REFUSE_WRAP_AT, secret_context
from gateway.vault.format import parse_record

_PAGE = 100  # records opened between two looks of the event loop: a few milliseconds
_DAY_MS = 86_400_000
_ADVISE_AGE_MS = 365 * _DAY_MS  # NIST SP 800-57 part 1, 5.3.6: key-wrapping keys, about a year


@dataclass(frozen=True, slots=True, kw_only=True)
class TermStatus:
    """One key term. Ages in milliseconds."""

    term: int
    state: KekState
    records: int
    wraps: int
    created_at: int
    age_ms: int
    fault: str | None  # why its key cannot be used


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoStatus:
    """The state of the vault's keys, with advice in sentences."""

    installation_id: str
    root_kind: str
    kdf: str | None
    kdf_params: Mapping[str, int]
    active_term: int
    terms: tuple[TermStatus, ...]
    missing_terms: tuple[int, ...]  # named by records, in no row
    records: int
    rotation: dict[str, Any]  # see `describe_rotation`
    processes: tuple[ServingProcess, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecord:
    """A stored credential that does not open, and why."""

    secret_id: str
    secret_name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What became of opening every record."""

    opened: int
    failed: tuple[FailedRecord, ...]

    @property
    def ok(self) -> bool:
        """Whether every record opened."""
        return not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPlan:
    """What a rotation would do now."""

    resumes: bool  # it would finish one that has begun
    to_term: int
    reencrypt: bool | None  # of the one that it would finish
    records: int  # that would move
    failed: tuple[FailedRecord, ...]
    processes: tuple[ServingProcess, ...]  # that would have to load the new key


async def crypto_status(installation: Installation) -> CryptoStatus:
    """Describe root key, terms, records per term, wraps and age, and advise.

    Raises:
        RootKeyError: the vault's row vanished since the installation was opened.
    """
    async with installation.store.read() as transaction:
        meta = await transaction.vault.find_meta()
        rows = await transaction.vault.list_terms()
        records = await transaction.vault.count_records()
        rotation = await transaction.rotation.get()
        processes = await transaction.rotation.list_processes(now=installation.clock.now_ms())
    if meta is None:
        raise RootKeyError("the vault_meta row is gone: restore the database from a backup")
    return _build_status(installation, meta, rows, records, rotation, processes)


def _build_status(
    installation: Installation,
    meta: VaultMeta,
    rows: Sequence[KekTerm],
    records: Mapping[int, int],
    rotation: Rotation,
    processes: tuple[ServingProcess, ...],
) -> CryptoStatus:
    faults = installation.keyring.unusable
    now_ms = installation.clock.now_ms()
    terms = tuple(
        TermStatus(
            term=row.term,
            state=row.state,
            records=records.get(row.term, 0),
            wraps=row.wraps,
            created_at=row.created_at,
            age_ms=max(0, now_ms - row.created_at),
            fault=faults.get(row.term),
        )
        for row in rows
    )
    missing = tuple(sorted(records.keys() - {row.term for row in rows}))
    return CryptoStatus(
        installation_id=meta.installation_id,
        root_kind=meta.root_kind,
        kdf=meta.kdf,
        kdf_params=meta.kdf_params,
        active_term=installation.keyring.active_term,
        terms=terms,
        missing_terms=missing,
        records=sum(records.values()),
        rotation=describe_rotation(rotation, now_ms),
        processes=processes,
        advice=(*_advise(terms, missing), *_advise_rotation(rotation, now_ms)),
    )


def describe_rotation(row: Rotation, now_ms: int) -> dict[str, Any]:
    """Return the newest rotation as it is shown; `running`: a runner holds its lease."""
    running = bool(row.holder) and row.lease_until > now_ms
    shown = asdict(row) | {
        "phase": row.phase.value,
        "running": running,
        "holder": row.holder if running else None,
        "lease_until": row.lease_until if running else None,
        "started_by": row.started_by or None,
    }
    del shown["token"]
    return shown


def _advise_rotation(row: Rotation, now_ms: int) -> list[str]:
    if not row.is_unfinished or describe_rotation(row, now_ms)["running"]:
        return []
    term = row.to_term
    return [f"the rotation to key term {term} is unfinished: run `lockgate crypto rotate-kek`"]


def _advise(terms: Sequence[TermStatus], missing: Sequence[int]) -> tuple[str, ...]:
    advice = [
        f"missing term: records stand under key term {term}, which is not in the database; "
        "restore a backup that has it"
        for term in missing
    ]
    for term in terms:
        advice.extend(_advise_term(term))
    return tuple(advice)


def _advise_term(term: TermStatus) -> list[str]:
    advice = []
    if term.fault is not None and term.records:
        advice.append(f"{term.fault}: its {term.records} records do not open; restore a backup")
    elif term.state is KekState.DECRYPT_ONLY and term.records:
        advice.append(
            f"{term.records} records still stand under key term {term.term}: rotate again; "
            "`lockgate crypto verify` names those that do not open"
        )
    if term.state is not KekState.ACTIVE:
        return advice
    if term.wraps >= ADVISE_ROTATION_AT:
        advice.append(
            f"key term {term.term} has done {term.wraps} wraps of at most {REFUSE_WRAP_AT}: "
            "rotate it"
        )
    if term.age_ms >= _ADVISE_AGE_MS:
        advice.append(f"key term {term.term} is {term.age_ms // _DAY_MS} days old: rotate it")
    return advice


async def crypto_verify(
    installation: Installation, progress: Callable[[int, int], None] | None = None
) -> VerifyReport:
    """Open every record and tell which do not open. Writes nothing.

    Pages are read one by one, so that a running server is not held up.

    Args:
        installation: opened, read-only is enough.
        progress: called after each page with the records done and the number of all.
    """
    async with installation.store.read() as transaction:
        total = await transaction.secrets.count()
    done, failed = 0, list[FailedRecord]()
    request = PageRequest(limit=_PAGE)
    while True:
        async with installation.store.read() as transaction:
            page = await transaction.secrets.list_sealed(request)
        former = [row.previous.sealed for row in page.items if row.previous is not None]
        failed.extend(found for row in page.items if (found := _verify(installation, row)))
        failed.extend(
            replace(found, reason=f"its former value: {found.reason}")
            for row in former
            if (found := _verify(installation, row))
        )
        done += len(page.items) + len(former)
        if progress is not None:
            progress(done, max(done, total))
        if page.next_after is None:
            return VerifyReport(opened=done - len(failed), failed=tuple(failed))
        request = PageRequest(limit=_PAGE, after=page.next_after)


def _verify(installation: Installation, sealed: SealedSecret) -> FailedRecord | None:
    try:
        _open(installation, sealed)
    except VaultIntegrityError as error:
        reason = error.reason
    except InvalidValueError as error:
        reason = f"its provider or auth_config cannot be: {error.detail}"
    else:
        return None
    return FailedRecord(secret_id=sealed.secret_id, secret_name=sealed.secret_name, reason=reason)


def _open(installation: Installation, sealed: SealedSecret) -> None:
    if parse_record(sealed.record).term != sealed.kek_term:
        raise VaultIntegrityError("the row names another key term than its record")
    origin = allowed_origin(sealed.provider, sealed.auth_config)
    installation.opener.open(secret_context(sealed, origin), sealed.record)


async def plan_rotation(
    installation: Installation, progress: Callable[[int, int], None] | None = None
) -> RotationPlan:
    """Tell what a rotation would do: opens every record, writes nothing."""
    status = await crypto_status(installation)
    report = await crypto_verify(installation, progress)
    async with installation.store.read() as transaction:
        row = await transaction.rotation.get()
    to_term = row.to_term if row.is_unfinished else None
    standing = sum(term.records for term in status.terms if term.term != to_term)
    return RotationPlan(
        resumes=row.is_unfinished,
        to_term=to_term or max(term.term for term in status.terms) + 1,
        reencrypt=row.reencrypt if row.is_unfinished else None,
        records=max(0, standing - len(report.failed)),
        failed=report.failed,
        processes=status.processes,
    )
