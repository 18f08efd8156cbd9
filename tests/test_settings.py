from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize("text", ["", "settings:\n", "lockgate: 1\nsettings: {workers: 2}\n"])
def test_a_file_of_settings_alone_is_no_source_of_a_configuration(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(text)
    assert parse_settings({}, {}, file).configuration_file is None


def test_a_file_that_has_more_is_one(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("lockgate: 1\nsettings: {metrics_public: on, hosts: [a, b]}\nendpoints: []\n")
    settings = parse_settings({}, {}, file)
    assert settings.configuration_file == file
    assert settings.metrics_public
    assert settings.hosts == ("a", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("settings:\n  workers: x\n", ":2: settings.workers: must be a whole number"),
        ("settings:\n  wrokers: 2\n", ":2: settings: wrokers is not a setting; the nearest"),
        ("settings:\n  passphrase: x\n", ":2: settings.passphrase is a secret: give it as"),
        ("a: 1\nsettings: 3\n", ":1: a: is no section; known: lockgate, base, settings"),
        ("setings: {}\n", ":1: setings: is no section; did you mean settings?"),
        ("settings: 3\n", ":1: settings: must be a mapping"),
        ("settings: {a: 1, a: 2}\n", ":1: settings.a: is given twice; first at line 1"),
        ("[" * 50_000, ":1: nests deeper than 40 levels"),
        ("- a\n", ": must be a mapping at its top level"),
    ],
)
def test_a_fault_of_a_file_has_its_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        parse_settings({}, {}, file)
    assert refused.value.detail.startswith(f"{file}{told}")
