"""What is served follows the database, and no opened credential outlives its row."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.app import build_gateway
from gateway.entities import EndpointId, GatewaySecretInfo, SealedSecret
from gateway.errors import ManifestError, StoreUnavailableError
from gateway.installation import Installation, open_installation
from gateway.installation.neighbours import FILE_NAME
from gateway.ports import Transaction
from gateway.providers import allowed_origin
from gateway.running import Gateway
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.vault.configs import GatewayModelConfig
from gateway.vault.envelope import secret_context
from tests.store import samples

ORIGIN = allowed_origin("openai", None)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    running = await build_gateway(Settings(data=tmp_path / "data"))
    yield running
    await running.close()


@pytest.fixture
async def other(gateway: Gateway) -> AsyncIterator[Installation]:
    """Another process on the same data."""
    opened = await open_installation(gateway.settings, gateway.clock)
    yield opened
    await opened.close()


def seal(installation: Installation, info: GatewaySecretInfo, version: int = 1) -> SealedSecret:
    empty = samples.sealed(info, secret_version=version, record=b"")
    value = Secret(f'{{"api_key": "canary-{info.secret_name}-{version}"}}')
    record = installation.sealer.seal(secret_context(empty, ORIGIN), value)
    return replace(empty, record=record)


async def add(tx: Transaction, installation: Installation, n: int) -> GatewaySecretInfo:
    info = samples.secret(n, auth_config=None)
    await tx.secrets.insert(info, seal(installation, info))
    target = await samples.add_model(tx, n, info)
    await tx.endpoints.insert(samples.endpoint(n, to=(target,)))
    return info


def open_value(gateway: Gateway, n: int) -> GatewayModelConfig:
    snapshot = gateway.serving.snapshots.current
    (target,) = snapshot.endpoints[f"endpoint-{n}"].targets
    sealed = snapshot.sealed[target.secret_id]
    return gateway.serving.configs.get(snapshot.epoch, sealed, target.mapping, ORIGIN)


async def test_changes_of_another_process_are_served_and_the_rest_stays(
    gateway: Gateway, other: Installation
) -> None:
    async with other.store.write() as tx:
        infos = [await add(tx, other, n) for n in range(3)]
        await tx.bump_epoch()
    await gateway.refresher.refresh()
    before = gateway.serving.snapshots.current
    values = [open_value(gateway, n).secret_value for n in range(3)]
    async with other.store.write() as tx:
        await tx.secrets.update(infos[0], seal(other, infos[0], 2))
        await tx.endpoints.delete(EndpointId(f"e-{1:032x}"))
        await tx.bump_epoch()
    await gateway.refresher.refresh()
    after = gateway.serving.snapshots.current
    assert (after.epoch, list(after.endpoints)) == (2, ["endpoint-0", "endpoint-2"])
    assert after.endpoints["endpoint-2"] is before.endpoints["endpoint-2"]
    assert open_value(gateway, 0).secret_value == Secret('{"api_key": "canary-secret-0-2"}')
    assert open_value(gateway, 2).secret_value is values[2]


async def test_a_commit_that_changes_no_configuration_leaves_the_snapshot(
    gateway: Gateway, other: Installation
) -> None:
    before = gateway.serving.snapshots.current
    async with other.store.write() as tx:
        await tx.usage.insert_many([samples.usage()])
    await gateway.refresher.refresh()
    assert gateway.serving.snapshots.current is before


async def test_a_change_that_could_not_be_read_at_once_is_read_later(
    gateway: Gateway, other: Installation
) -> None:
    """The store tells of a commit once; nobody commits again to remind us."""
    async with other.store.write() as tx:
        await add(tx, other, 0)
        await tx.bump_epoch()
    async with gateway.installation.store.read(), gateway.installation.store.read():
        with pytest.raises(StoreUnavailableError):  # all readers are busy
            await gateway.refresher.follow()
    assert gateway.serving.snapshots.current.epoch == 0
    await gateway.refresher.follow()
    assert list(gateway.serving.snapshots.current.endpoints) == ["endpoint-0"]


async def test_a_checkpoint_of_the_audit_log_is_logged_once(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lockgate.audit")
    runner = web.AppRunner(gateway.apps[0])
    await runner.setup()
    await runner.cleanup()
    logged = [record for record in caplog.records if "checkpoint 1:" in record.getMessage()]
    assert len(logged) == 1


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    broken = tmp_path / "prod.yaml"
    broken.write_text("lockgate: 1\nendpoints: 3\n")
    settings = Settings(data=tmp_path / "data", configuration_file=broken)
    with pytest.raises(ManifestError):
        await build_gateway(settings)
    seats = (settings.data / FILE_NAME).stat()
    assert not any(os.path.samestat(seats, found) for found in list_open_files())


def list_open_files() -> Iterator[os.stat_result]:
    for found in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the one that lists
            yield found.stat()
