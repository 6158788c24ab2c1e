"""Rewrite ``src/forebear/data/licences/spdx.txt`` from the schema that the CycloneDX library carries.

Run ``python examples/spdx_ids.py`` after the library brought a newer list; ``tests/bom/test_licences.py`` notices.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "forebear" / "data" / "licences" / "spdx.txt"


def listing() -> str:
    """The file's text: where the list is from, then one identifier per line."""
    schema = json.loads(
        (resources.files("cyclonedx") / "schema" / "_res" / "spdx.SNAPSHOT.schema.json").read_text("utf-8")
    )
    head = f"# SPDX licence list as CycloneDX 1.7 accepts it ({schema['$comment']}); made by examples/spdx_ids.py\n"
    return head + "".join(f"{name}\n" for name in schema["enum"])


if __name__ == "__main__":
    TARGET.write_text(listing(), encoding="utf-8")
