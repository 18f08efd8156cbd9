"""What is served follows the database, and no opened credential outlives its row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.app import Gateway, build_gateway
from gateway.entities import EndpointId, GatewaySecretInfo, SealedSecret
from gateway.errors import StoreUnavailableError
from gateway.installation import Installation, open_installation
from gateway.ports import Transaction
from gateway.providers import allowed_origin
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
    """The control plane answers several tables of operations, and has one audit log."""
    runner = web.AppRunner(gateway.apps[0])
    await runner.setup()
    async with gateway.installation.store.write() as tx:
        await tx.admin.insert_audits([samples.audit(1)])
    with caplog.at_level("INFO", logger="lockgate.audit"):
        await runner.cleanup()
    assert len([text for text in caplog.messages if "checkpoint" in text]) == 1
