"""How much an identifier says, in four grades, and how often each was right.

The grade is a matter of form. The number beside it is measured: ``benchmarks/names.py`` decodes a corpus that was
written independently of this grammar and counts per grade how often family and version were right. The table that is
shipped is that of the blind measurement, before anything was repaired; without one confidences are None.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from forebear.catalogue.names.grammar import Reading
from forebear.catalogue.names.places import Place

GRADES = {
    "path": "the path of a provider, with a known family",
    "whole": "every word of the name understood",
    "part": "a part of the name understood",
    "none": "no known family",
}
TABLE = "grades.json"


def grade(place: Place, reading: Reading) -> str:
    """The grade of an identifier, a key of ``GRADES``."""
    if reading.family is None:
        return "none"
    if place.certain and place.provider and not place.form.startswith("prefix"):
        return "path"
    return "part" if reading.unknown else "whole"


@cache
def table() -> dict[str, dict[str, float]]:
    """For each measured grade ``n``, ``right`` (share) and ``lower`` (95 % bound); {} before anything was measured."""
    file = resources.files("forebear") / "data" / "families" / TABLE
    return dict(json.loads(file.read_text("utf-8"))["grades"]) if file.is_file() else {}


def confidence(level: str) -> float | None:
    """The lower 95 % bound of the share that was right; None where the grade was not measured, and without a family."""
    row = None if level == "none" else table().get(level)
    return row["lower"] if row else None
