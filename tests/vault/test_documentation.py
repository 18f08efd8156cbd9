"""docs/vault-format.md is what an outsider reads the bytes by: it must not drift."""

import re
from pathlib import Path

from gateway.vault.passphrase import BOUNDS, DEFAULTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "vault-format.md").read_text(encoding="utf-8")


def test_every_label_in_the_code_is_documented_and_the_other_way_round() -> None:
    label = re.compile(r"lockgate/(?:vault|record)/v1/[a-z-]+")
    code = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "gateway" / "vault").glob("*.py")
    )
    assert set(label.findall(TEXT)) == set(label.findall(code))


def test_the_bounds_in_the_table_are_those_of_the_code() -> None:
    documented = {}
    kdf = ""
    for cells in re.findall(
        r"^\| (.*?) \| `(\w+)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", TEXT, re.MULTILINE
    ):
        kdf = cells[0].split("`")[1] if "`" in cells[0] else kdf
        low, high, default = (int(number.replace(",", "")) for number in cells[2:])
        documented[kdf, cells[1]] = (low, high, default)
    assert documented == {
        (kdf, name): (low, high, DEFAULTS[kdf][name])
        for kdf, bounds in BOUNDS.items()
        for name, (low, high) in bounds.items()
    }
