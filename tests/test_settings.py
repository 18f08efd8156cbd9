from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import parse_settings


def test_ports_that_the_operator_adds() -> None:
    settings = parse_settings({}, {"LOCKGATE_ALLOWED_PORTS": "8000, 9443"})
    assert settings.allowed_ports == (8000, 9443)


@pytest.mark.parametrize("ports", ["22", "8000,25", "6379", "0", "65536", "-1", "http", "80-90"])
def test_ports_of_other_protocols_and_what_is_none_are_refused(ports: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({}, {"LOCKGATE_ALLOWED_PORTS": ports})
    assert caught.value.field == "LOCKGATE_ALLOWED_PORTS"
