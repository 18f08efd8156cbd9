from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest

from gateway.dialects.hub.loss import Feature
from gateway.entities import Dialect
from gateway.errors import InvalidValueError
from gateway.providers import PROVIDERS, AuthKind, Provider, get_provider, parse_base_url

ROWS = pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
FOREIGN_TOKENS = {AuthKind.AWS_CHAIN, AuthKind.GOOGLE_CHAIN}


def test_every_dialect_has_a_provider() -> None:
    spoken = {dialect for row in PROVIDERS.values() for dialect in row.dialects}
    assert spoken == set(Dialect)


def test_names_and_titles_are_given_once() -> None:
    assert max(Counter(row.title for row in PROVIDERS.values()).values()) == 1


def test_only_openai_itself_is_asked_as_openai() -> None:
    assert {row.name for row in PROVIDERS.values() if row.quirks.is_openai} == {"openai", "azure"}


@ROWS
def test_base_urls_are_in_their_one_spelling_and_https(row: Provider) -> None:
    for url in [row.base_url, *(other for _, other in row.other_bases)]:
        if url is not None:
            parsed = parse_base_url(re.sub(r"\{\w+\}", "x", url))
            assert (parsed.url, parsed.scheme) == (re.sub(r"\{\w+\}", "x", url), "https")


@ROWS
def test_the_settings_in_a_base_url_are_fields_that_cannot_leave_their_label(
    row: Provider,
) -> None:
    fields = {field.name: field for field in row.config_fields}
    for name in re.findall(r"\{(\w+)\}", row.base_url or ""):
        assert fields[name].required or fields[name].default
        for bad in ("a.evil.example", "a/b", "a@b", "a:1", "", "a#", "ü"):
            assert not fields[name].matches(bad)


@ROWS
def test_another_base_is_of_the_origin_that_the_credential_is_bound_to(row: Provider) -> None:
    for dialect, url in row.other_bases:
        assert dialect in row.dialects
        assert urlsplit(url).netloc == urlsplit(row.base_url or "").netloc


@ROWS
def test_a_provider_without_a_home_requires_one(row: Provider) -> None:
    base = next(field for field in row.config_fields if field.name == "api_base")
    assert base.required == (row.base_url is None)


@ROWS
def test_what_requests_are_translated_to_is_spoken(row: Provider) -> None:
    assert row.hub_dialects
    assert set(row.hub_dialects) <= row.dialects


@ROWS
def test_what_a_server_refuses_is_named_as_the_hub_names_it(row: Provider) -> None:
    assert row.quirks.unsupported <= {feature.value for feature in Feature}


@ROWS
def test_ways_of_authentication_are_choices_and_have_their_fields(row: Provider) -> None:
    choice = next(field for field in row.config_fields if field.name == "auth_mode")
    assert (choice.choices, choice.default) == (row.auth_modes, row.auth_modes[0])
    for field in (*row.secret_fields, *row.config_fields):
        assert set(field.modes) <= set(row.auth_modes)
    for mode in row.auth:
        secrets = [field for field in row.secret_fields if field.belongs_to(mode.name)]
        assert bool(secrets) != (mode.kind in FOREIGN_TOKENS)


@ROWS
def test_what_the_machine_is_given_goes_to_no_address_that_is_typed_in(row: Provider) -> None:
    base = next(field for field in row.config_fields if field.name == "api_base")
    for mode in row.auth:
        if mode.kind in FOREIGN_TOKENS:
            assert not base.belongs_to(mode.name)


def test_an_unknown_provider_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidValueError, match=r"did you mean 'openai'\?.*gemini") as caught:
        get_provider("opena1")
    assert caught.value.field == "provider"
