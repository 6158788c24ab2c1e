"""A saved comparison or scan as comma-separated values, one line for each piece of evidence."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

COLUMNS = ("against", "signal", "supports", "test", "n", "log10_p")


def render(document: Mapping[str, Any]) -> str:
    """The evidence of ``forebear.compare/1`` or ``forebear.scan/1``."""
    found = document.get("ancestors") or [{"name": document.get("a", {}).get("name"), **document}]
    rows = [{"against": one.get("name"), **item} for one in found for item in one.get("evidence", ())]
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
