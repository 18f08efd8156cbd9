import copy
import dataclasses
import gc
import json
import pickle
import traceback
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, Never

import pytest

from gateway.entities import (
    EndpointId,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GracedSecret,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealContext,
    SealedSecret,
    SecretId,
)
from gateway.errors import VaultIntegrityError
from gateway.secret import Secret
from gateway.vault.configs import GatewayEndpointConfig, GatewayModelConfig, ModelConfigCache
from gateway.vault.envelope import RecordOpener, secret_context

CANARY = "canary-key-configs"
ORIGIN = "https://api.openai.com:443"


class CountingOpener:
    """Opens with the real opener and remembers what it was asked for."""

    def __init__(self, opener: RecordOpener) -> None:
        self._opener = opener
        self.calls: list[str] = []

    def open(self, context: SealContext, record: bytes) -> Secret:
        self.calls.append(context.row_id)
        return self._opener.open(context, record)


def build_sealed(vault: Any, number: int, version: int = 1) -> SealedSecret:
    sealed = SealedSecret(
        secret_id=SecretId(f"s-{number}"),
        secret_name=f"secret-{number}",
        provider="openai",
        auth_config={"region": "eu"},
        secret_version=version,
        kek_term=2,
        record=b"",
    )
    value = Secret(json.dumps({"api_key": f"{CANARY}-{number}-{version}"}))
    record = vault.sealer.seal(secret_context(sealed, ORIGIN), value)
    return dataclasses.replace(sealed, record=record)


def rotate(vault: Any, number: int = 1) -> SealedSecret:
    """Build a row with a second value, and the first as the one before."""
    graced = GracedSecret(sealed=build_sealed(vault, number), grace_until=1)
    return dataclasses.replace(build_sealed(vault, number, 2), previous=graced)


def build_mapping(number: int, secret: int = 1) -> GatewayEndpointModelMapping:
    definition = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(f"d-{number}"),
        name=f"model-{number}",
        secret_id=SecretId(f"s-{secret}"),
        secret_name=f"secret-{secret}",
        provider="openai",
        model_name="gpt",
        created_at=0,
        last_updated_at=0,
        created_by="a",
        last_updated_by="a",
    )
    return GatewayEndpointModelMapping(
        mapping_id=MappingId(f"m-{number}"),
        endpoint_id=EndpointId("e-1"),
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=2.5,
        linkage_type=LinkageType.FALLBACK,
        fallback_order=1,
        created_at=0,
        created_by="a",
    )


@pytest.fixture
def opener(vault: Any) -> CountingOpener:
    return CountingOpener(vault.opener)


@pytest.fixture
def cache(opener: CountingOpener) -> ModelConfigCache:
    return ModelConfigCache(opener)


def test_a_config_holds_the_opened_value_and_the_mapping(
    vault: Any, cache: ModelConfigCache
) -> None:
    config = cache.get(1, build_sealed(vault, 1), build_mapping(1), ORIGIN)
    assert config == GatewayModelConfig(
        model_definition_id=ModelDefinitionId("d-1"),
        provider="openai",
        model_name="gpt",
        secret_value=Secret(json.dumps({"api_key": f"{CANARY}-1-1"})),
        auth_config={"region": "eu"},
        weight=2.5,
        linkage_type=LinkageType.FALLBACK,
        fallback_order=1,
    )


def test_nothing_is_opened_before_it_is_needed(opener: CountingOpener) -> None:
    ModelConfigCache(opener).advance(5)
    assert opener.calls == []


def test_one_opening_per_secret_and_epoch_for_many_models(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    sealed = build_sealed(vault, 1)
    configs = [cache.get(1, sealed, build_mapping(number), ORIGIN) for number in (1, 2, 3, 1)]
    assert opener.calls == ["s-1"]
    assert configs[0] is configs[3]
    assert configs[0] is not configs[1]


def test_a_new_epoch_drops_the_old_values(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    mapping = build_mapping(1)
    old = cache.get(1, build_sealed(vault, 1, version=1), mapping, ORIGIN)
    new = cache.get(2, build_sealed(vault, 1, version=2), mapping, ORIGIN)
    assert old.secret_value != new.secret_value
    assert opener.calls == ["s-1", "s-1"]


def test_a_request_of_an_older_snapshot_is_served_and_not_kept(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    mapping = build_mapping(1)
    first, second = (build_sealed(vault, 1, version=version) for version in (1, 2))
    new = cache.get(2, second, mapping, ORIGIN)
    old = cache.get(1, first, mapping, ORIGIN)
    assert old.secret_value == Secret(json.dumps({"api_key": f"{CANARY}-1-1"}))
    assert cache.get(2, second, mapping, ORIGIN) is new
    assert len(opener.calls) == 2


def test_a_failed_record_fails_every_time_and_is_tried_once_per_epoch(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    sealed = build_sealed(vault, 1)
    for mapping in (build_mapping(1), build_mapping(1), build_mapping(2)):
        with pytest.raises(VaultIntegrityError) as caught:
            cache.get(1, sealed, mapping, "https://evil.test:443")
        assert "another origin" in caught.value.reason
    assert len(opener.calls) == 1
    (found,) = cache.quarantined()
    assert (found.secret_id, found.secret_name) == ("s-1", "secret-1")
    assert "another origin" in found.reason


def test_a_failed_record_leaves_the_others_in_service(vault: Any, cache: ModelConfigCache) -> None:
    broken = dataclasses.replace(build_sealed(vault, 1), record=b"broken")
    with pytest.raises(VaultIntegrityError):
        cache.get(1, broken, build_mapping(1), ORIGIN)
    assert cache.get(1, build_sealed(vault, 2), build_mapping(2, secret=2), ORIGIN)
    assert [found.secret_id for found in cache.quarantined()] == ["s-1"]


def test_a_mended_record_is_out_of_quarantine_with_the_next_epoch(
    vault: Any, cache: ModelConfigCache
) -> None:
    sealed = build_sealed(vault, 1)
    with pytest.raises(VaultIntegrityError):
        cache.get(1, dataclasses.replace(sealed, record=b"broken"), build_mapping(1), ORIGIN)
    assert cache.get(2, sealed, build_mapping(1), ORIGIN)
    assert cache.quarantined() == ()


def test_a_value_stays_while_its_row_does(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    sealed = build_sealed(vault, 1)
    first = cache.get(1, sealed, build_mapping(1), ORIGIN)
    others = {SecretId("s-2"): build_sealed(vault, 2)}
    for epoch, row in enumerate((sealed, dataclasses.replace(sealed), sealed), start=2):
        cache.advance(epoch, others | {sealed.secret_id: row})
        assert cache.get(epoch, row, build_mapping(1), ORIGIN).secret_value is first.secret_value
    assert opener.calls == ["s-1"]


@pytest.mark.parametrize(
    "change",
    [
        {"record": b"another"},
        {"secret_version": 2},
        {"provider": None},
        {"auth_config": {"api_base": "https://other.test"}},
        {"secret_name": "other"},
        {"kek_term": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_value_of_a_row_that_changed_is_dropped(
    vault: Any, cache: ModelConfigCache, change: dict[str, Any]
) -> None:
    sealed = build_sealed(vault, 1)
    cache.get(1, sealed, build_mapping(1), ORIGIN)
    cache.advance(2, {sealed.secret_id: dataclasses.replace(sealed, **change)})
    assert list_held(cache) == []


def test_a_value_of_a_deleted_secret_is_dropped_and_no_other(
    vault: Any, cache: ModelConfigCache
) -> None:
    rows = [build_sealed(vault, number) for number in (1, 2)]
    for row, number in zip(rows, (1, 2), strict=True):
        cache.get(1, row, build_mapping(number, secret=number), ORIGIN)
    cache.advance(2, {rows[1].secret_id: rows[1]})
    (held,) = list_held(cache)
    assert held.reveal() == f'{{"api_key": "{CANARY}-2-1"}}'.encode()
    cache.advance(3, {})
    assert list_held(cache) == []


def test_an_epoch_without_rows_to_compare_drops_everything(
    vault: Any, cache: ModelConfigCache
) -> None:
    cache.get(1, build_sealed(vault, 1), build_mapping(1), ORIGIN)
    cache.advance(2)
    assert list_held(cache) == []


def test_a_target_that_changed_is_made_anew_of_the_value_that_stayed(
    vault: Any, cache: ModelConfigCache
) -> None:
    sealed = build_sealed(vault, 1)
    cache.get(1, sealed, build_mapping(1), ORIGIN)
    cache.advance(2, {sealed.secret_id: sealed})
    heavier = dataclasses.replace(build_mapping(1), weight=9.0)
    assert cache.get(2, sealed, heavier, ORIGIN).weight == 9.0


def test_another_origin_is_opened_for_itself(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    sealed = build_sealed(vault, 1)
    cache.get(1, sealed, build_mapping(1), ORIGIN)
    cache.advance(2, {sealed.secret_id: sealed})
    with pytest.raises(VaultIntegrityError):
        cache.get(2, sealed, build_mapping(1), "https://evil.test:443")


def test_a_request_of_an_older_snapshot_shares_a_value_only_of_the_same_row(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    sealed = build_sealed(vault, 1)
    new = cache.get(2, sealed, build_mapping(1), ORIGIN)
    assert cache.get(1, sealed, build_mapping(1), ORIGIN).secret_value is new.secret_value
    assert len(opener.calls) == 1
    with pytest.raises(VaultIntegrityError):
        cache.get(1, dataclasses.replace(sealed, record=b"x"), build_mapping(1), ORIGIN)


def test_a_failed_record_is_tried_again_in_the_next_epoch(
    vault: Any, cache: ModelConfigCache, opener: CountingOpener
) -> None:
    """Its key term may have been loaded meanwhile."""
    broken = dataclasses.replace(build_sealed(vault, 1), record=b"broken")
    for epoch in (1, 2):
        cache.advance(epoch, {broken.secret_id: broken})
        assert cache.quarantined() == ()
        with pytest.raises(VaultIntegrityError):
            cache.get(epoch, broken, build_mapping(1), ORIGIN)
    assert len(opener.calls) == 2


def list_held(cache: ModelConfigCache) -> list[Secret]:
    """All opened values that are within reach of the cache."""
    found: list[Secret] = []
    seen: set[int] = set()
    to_see: list[Any] = [cache]
    while to_see:
        value = to_see.pop()
        if id(value) in seen or isinstance(value, type | ModuleType | FunctionType):
            continue
        seen.add(id(value))
        if isinstance(value, Secret):
            found.append(value)
        elif not isinstance(value, CountingOpener):
            to_see.extend(gc.get_referents(value))
    return found


@pytest.fixture
def endpoint_config(vault: Any, cache: ModelConfigCache) -> GatewayEndpointConfig:
    model = cache.get(1, build_sealed(vault, 1), build_mapping(1), ORIGIN)
    return GatewayEndpointConfig(
        endpoint_id=EndpointId("e-1"), endpoint_name="chat", models=(model,)
    )


@pytest.mark.parametrize("show", [repr, str, format, "{!r:>9}".format, "{0.models}".format])
def test_no_way_of_printing_a_config_shows_the_credential(
    show: Callable[[object], str], endpoint_config: GatewayEndpointConfig
) -> None:
    for value in (endpoint_config, endpoint_config.models[0]):
        if show != "{0.models}".format or value is endpoint_config:
            shown = show(value)
            assert CANARY not in shown
            assert "***" in shown


@pytest.mark.parametrize(
    "take", [json.dumps, pickle.dumps, copy.deepcopy, dataclasses.asdict, dataclasses.astuple]
)
def test_no_way_of_copying_a_config_out(
    take: Callable[[Any], object], endpoint_config: GatewayEndpointConfig, cache: ModelConfigCache
) -> None:
    for value in (endpoint_config, endpoint_config.models[0], cache):
        with pytest.raises(TypeError) as caught:
            take(value)
        assert CANARY not in str(caught.value)


def test_a_traceback_with_locals_does_not_show_a_config(
    endpoint_config: GatewayEndpointConfig, cache: ModelConfigCache
) -> None:
    def fail() -> Never:
        held, kept = endpoint_config, cache
        raise RuntimeError(held, kept)

    with pytest.raises(RuntimeError) as caught:
        fail()
    text = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "held = " in text
    assert CANARY not in text


def test_who_follows_hears_of_each_new_epoch_once(cache: ModelConfigCache) -> None:
    heard: list[object] = []
    cache.follow(heard.append)
    rows = [{}, {}, {}, {}]
    for epoch, sealed in zip((3, 3, 2, 4), rows, strict=True):
        cache.advance(epoch, sealed)
    assert len(heard) == 2
    assert cache.epoch == 4


def test_a_former_value_is_opened_once_beside_the_current_one(vault: Any) -> None:
    opener = CountingOpener(vault.opener)
    cache = ModelConfigCache(opener)
    sealed, mapping = rotate(vault), build_mapping(1)
    cache.advance(1, {sealed.secret_id: sealed})
    current = cache.get(1, sealed, mapping, ORIGIN)
    former = [cache.open_previous(sealed, mapping, ORIGIN) for _ in range(2)]
    assert former[0] is not None
    assert b"-1-1" in former[0].secret_value.reveal()
    assert b"-1-2" in current.secret_value.reveal()
    assert len(opener.calls) == 2
    other = build_sealed(vault, 2)
    cache.advance(2, {sealed.secret_id: sealed, other.secret_id: other})
    cache.open_previous(sealed, mapping, ORIGIN)
    assert len(opener.calls) == 2  # a change of others drops neither


def test_no_former_value_outlives_its_row(vault: Any) -> None:
    opener = CountingOpener(vault.opener)
    cache = ModelConfigCache(opener)
    sealed, mapping = rotate(vault), build_mapping(1)
    cache.advance(1, {sealed.secret_id: sealed})
    cache.open_previous(sealed, mapping, ORIGIN)
    ended = dataclasses.replace(sealed, previous=None)
    cache.advance(2, {sealed.secret_id: ended})
    assert cache.open_previous(ended, mapping, ORIGIN) is None
    assert len(opener.calls) == 1
    for calls in (2, 3):  # a request of before opens it for itself alone
        assert cache.open_previous(sealed, mapping, ORIGIN) is not None
        assert len(opener.calls) == calls


def test_a_former_value_that_does_not_open_puts_nothing_out_of_service(vault: Any) -> None:
    cache = ModelConfigCache(vault.opener)
    sealed, mapping = rotate(vault), build_mapping(1)
    assert sealed.previous is not None
    broken = dataclasses.replace(sealed.previous.sealed, record=b"broken")
    sealed = dataclasses.replace(
        sealed, previous=dataclasses.replace(sealed.previous, sealed=broken)
    )
    cache.advance(1, {sealed.secret_id: sealed})
    with pytest.raises(VaultIntegrityError):
        cache.open_previous(sealed, mapping, ORIGIN)
    assert cache.quarantined() == ()
    assert cache.get(1, sealed, mapping, ORIGIN)
