# ruff: noqa: INP001  a script that is run, never imported
"""Fetch the web page's vendored libraries again, as pinned in their manifest.

    python scripts/refresh_ui_vendor.py            fetch, check every sum, write the files
    python scripts/refresh_ui_vendor.py --repin    the same after a version was edited: new sums

Rule: what lands in the folder is what the package holds, but for the replacements that
the manifest lists; a sum that differs stops the script before anything is written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "gateway" / "control" / "ui" / "vendor"
MANIFEST = VENDOR / "manifest.json"


def fetch(package: str, version: str, folder: Path) -> bytes:
    """Return the package's tarball, from whichever npm registry this machine is set up with."""
    command = ["npm", "pack", f"{package}@{version}", "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  fixed argv
    return (folder / done.stdout.strip().splitlines()[-1]).read_bytes()


def read_member(tarball: bytes, name: str, folder: Path) -> bytes:
    """Return one file of the tarball."""
    path = folder / "package.tgz"
    path.write_bytes(tarball)
    with tarfile.open(path) as archive:
        member = archive.extractfile(f"package/{name}")
        if member is None:
            sys.exit(f"{name} is not a file of the package")
        return member.read()


def rewrite(body: bytes, replacements: list[list[str]]) -> bytes:
    """Apply the replacements; each must be found exactly once."""
    for old, new in replacements:
        if body.count(old.encode()) != 1:
            sys.exit(f"{old!r} is not there exactly once: look at the new version")
        body = body.replace(old.encode(), new.encode())
    return body


def check(entry: dict[str, Any], key: str, body: bytes, *, repin: bool) -> None:
    """Compare the SHA-256 of `body` with the entry's, or write it there."""
    found = hashlib.sha256(body).hexdigest()
    if repin:
        entry[key] = found
    elif entry[key] != found:
        sys.exit(f"{entry.get('file', entry.get('package'))}: {key} is {found}, not {entry[key]}")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repin", action="store_true")
    repin = parser.parse_args().repin
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    written: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        for package in manifest["packages"]:
            tarball = fetch(package["package"], package["version"], Path(name))
            check(package, "tarball_sha256", tarball, repin=repin)
            for entry in package["files"]:
                body = read_member(tarball, entry["source"], Path(name))
                body = rewrite(body, entry.get("replacements", []))
                check(entry, "sha256", body, repin=repin)
                written[entry["file"]] = body
    for file, body in written.items():
        (VENDOR / file).write_bytes(body)
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(written)} files, {sum(map(len, written.values()))} bytes\n")


if __name__ == "__main__":
    main()
