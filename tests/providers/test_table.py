from __future__ import annotations

import pytest

from gateway.entities import Dialect
from gateway.errors import InvalidValueError
from gateway.providers import PROVIDERS, get_provider, parse_base_url


def test_every_dialect_has_a_provider() -> None:
    spoken = {dialect for row in PROVIDERS.values() for dialect in row.dialects}
    assert spoken == set(Dialect)


def test_base_urls_are_in_their_one_spelling_and_https() -> None:
    for row in PROVIDERS.values():
        if row.base_url is not None:
            parsed = parse_base_url(row.base_url)
            assert (parsed.url, parsed.scheme) == (row.base_url, "https")


def test_a_provider_without_a_home_requires_one() -> None:
    for row in PROVIDERS.values():
        base = next(field for field in row.config_fields if field.name == "api_base")
        assert base.required == (row.base_url is None)


def test_an_unknown_provider_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidValueError, match=r"did you mean 'openai'\?.*gemini") as caught:
        get_provider("opena1")
    assert caught.value.field == "provider"
