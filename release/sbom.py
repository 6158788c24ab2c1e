"""Our own bill of materials, from the lock files: python release/sbom.py [-o forebear.cdx.json]

CycloneDX 1.7. What the default install has is ``required``, what only an extra has ``optional``; every package has the
digest that the lock demands, and the packages that need it. Equal locks give an equal file (``SOURCE_DATE_EPOCH``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

sys.path.insert(0, str(Path(__file__).parent))
from lock import FILES, ROOT, Locked, read

Json = dict[str, Any]


def document(version: str, default: Sequence[Locked], every: Sequence[Locked], made: datetime) -> Json:
    """The bill of a version.

    Args:
        version: ours.
        default: what the default install has.
        every: what it has with the extras; it wins where both have a package.
        made: when, for the bill's ``timestamp``.
    """
    required = {entry.name for entry in default}
    entries = {entry.name: entry for entry in (*default, *every)}
    ours = purl("forebear", version)
    needs: Mapping[str, set[str]] = {ref: set() for ref in (ours, *(_ref(e) for e in entries.values()))}
    for entry in entries.values():
        for other in entry.via:
            name = re.sub(r"\[.*", "", other)
            needs[ours if name == "forebear" else _ref(entries[name])].add(_ref(entry))
    told = sorted(f"{e.name}=={e.version}@{e.sha256}" for e in entries.values())
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, ours + ''.join(told))}",
        "version": 1,
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": "forebear",
                "version": version,
                "purl": ours,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [_component(entries[name], name in required) for name in sorted(entries)],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)],
    }


def purl(name: str, version: str) -> str:
    """A package's URL, of the type ``pypi``."""
    return f"pkg:pypi/{name}@{version}"


def _ref(entry: Locked) -> str:
    return purl(entry.name, entry.version)


def _component(entry: Locked, required: bool) -> Json:
    return {
        "type": "library",
        "bom-ref": _ref(entry),
        "name": entry.name,
        "version": entry.version,
        "scope": "required" if required else "optional",
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        "purl": _ref(entry),
    }


def ours() -> Json:
    """The bill of this tree."""
    text = (ROOT / "src" / "forebear" / "version.py").read_text()
    found = re.search(r"__version__ = \"([^\"]+)\"", text)
    assert found is not None, "version.py names no version"
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    made = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    default, every = (read((ROOT / name).read_text()) for name in FILES)
    return document(found[1], default, every, made)


def main() -> None:
    """Write the bill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="default: standard output")
    arguments = parser.parse_args()
    text = json.dumps(ours(), indent=1) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
