from __future__ import annotations

from gateway.proxy.credentials import Wirings
from gateway.proxy.operations import OPERATIONS
from gateway.simulator import RunningSimulator
from tests.proxy.rig import Endpoint, Model, Rig


async def test_what_clients_put_into_queries_is_kept_only_while_short_and_few(
    sim: RunningSimulator,
) -> None:
    operation = OPERATIONS[0][1][0]
    async with Rig({"e": Endpoint([Model(sim.url)])}) as rig:
        snapshot = rig.parts.snapshots.current
        wirings = Wirings(
            rig.parts.configs, rig.parts.settings.allowed_private_origins, rig.parts.healths
        )
        wiring = wirings.find(snapshot, "e", snapshot.endpoints["e"].targets[0])
    assert wiring is not None
    for query in [f"q={'x' * size}{number}" for size in (50_000, 5) for number in range(100)]:
        _, line = wiring.get_start(operation, query)
        assert line.startswith(b"POST /v1/chat/completions?%b HTTP/1.1\r\n" % query.encode())
    assert 0 < sum(len(line) for _, line in wiring.starts.values()) < 50_000


async def test_two_credentials_for_one_provider_share_no_connection(sim: RunningSimulator) -> None:
    models = [Model(sim.url), Model(sim.url, order=0)]
    async with Rig({"one": Endpoint(models[:1]), "both": Endpoint(models)}) as rig:
        await rig.chat("one")
        await rig.chat("one")
        await rig.chat("both")
    first, second, third = (call.peer_port for call in sim.calls)
    assert first == second != third
