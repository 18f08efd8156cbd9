"""What the offline commands ``crypto status`` and ``crypto verify`` say.

Rule: reads only, and only names, numbers and reasons come out: no value, no
ciphertext.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.entities import KekState, KekTerm, PageRequest, SealedSecret, VaultMeta
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


async def crypto_status(installation: Installation) -> CryptoStatus:
    """Describe root key, terms, records per term, wraps and age, and advise.

    Raises:
        RootKeyError: the vault's row vanished since the installation was opened.
    """
    async with installation.store.read() as transaction:
        meta = await transaction.vault.find_meta()
        rows = await transaction.vault.list_terms()
        records = await transaction.vault.count_records()
    if meta is None:
        raise RootKeyError("the vault_meta row is gone: restore the database from a backup")
    return _build_status(installation, meta, rows, records)


def _build_status(
    installation: Installation,
    meta: VaultMeta,
    rows: Sequence[KekTerm],
    records: Mapping[int, int],
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
        advice=_advise(terms, missing),
    )


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
        rows = [*page.items, *former]
        failed.extend(found for row in rows if (found := _verify(installation, row)))
        done += len(rows)
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
