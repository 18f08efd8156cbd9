from __future__ import annotations

import hashlib
import json
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[3] / "gateway" / "control" / "ui" / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


def test_every_vendored_file_is_what_the_manifest_pins() -> None:
    entries = [entry for package in MANIFEST["packages"] for entry in package["files"]]
    for entry in entries:
        found = hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest()
        assert found == entry["sha256"], entry["file"]
    present = {path.name for path in VENDOR.iterdir()} - {"manifest.json"}
    assert present == {entry["file"] for entry in entries}


def test_every_vendored_package_comes_with_its_licence() -> None:
    for package in MANIFEST["packages"]:
        licences = [entry["file"] for entry in package["files"] if "LICENSE" in entry["file"]]
        assert licences, package["package"]
        assert (VENDOR / licences[0]).read_text().strip()
