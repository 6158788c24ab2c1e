"""What is asked of the whole index at once, kept up to date by triggers: how many, of which shapes, and has it changed.

Reading every record for these would take minutes with a million of them. A shape is one record however many models
have it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from forebear.index.base import Changed
from forebear.signals.generators import comparable_shapes

LARGEST = 2**63
"""Beyond what SQLite keeps as a whole number."""


def count(db: sqlite3.Connection) -> int:
    """Number of references."""
    return int(db.execute("SELECT models FROM tally").fetchone()[0])


def comparable(db: sqlite3.Connection, shape: Mapping[str, Any]) -> int:
    """Number of references with coins that line up with those of a model of this shape.

    ``ValueError`` (or ``KeyError``, ``TypeError``) where a record is damaged.
    """
    if not isinstance(shape["width"], int) or not -LARGEST <= shape["width"] < LARGEST:
        return 0  # somebody's config may say anything; no model is so wide
    rows = db.execute("SELECT shape, models FROM shapes WHERE width = ? AND models > 0", (shape["width"],))
    return sum(int(models) for text, models in rows.fetchall() if comparable_shapes(json.loads(text), shape)[0])


def families(db: sqlite3.Connection) -> dict[str, int]:
    """References by family, those without a known one as ``unknown``."""
    return dict(
        db.execute("SELECT family, sum(models) FROM shapes WHERE models > 0 GROUP BY family ORDER BY family").fetchall()
    )


def places(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """See :meth:`Index.places`."""
    rows = db.execute("SELECT name, location FROM models WHERE location LIKE '/%' ORDER BY name")
    return [(row["name"], row["location"]) for row in rows.fetchall()]


def sketched(db: sqlite3.Connection) -> int:
    """References with a sketch of spectra or of tokens."""
    return int(db.execute("SELECT sketched FROM tally").fetchone()[0])


def changed(db: sqlite3.Connection, since: str) -> Changed:
    """See :meth:`Index.changed`: new references have rows of above, others that changed or went are noted by number."""
    born = db.execute("SELECT born FROM tally").fetchone()[0]
    last = db.execute("SELECT coalesce(max(row), -1) FROM rows").fetchone()[0]
    number = db.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()[0]
    names = None
    if (found := re.fullmatch(rf"{born} (-?[0-9]{{1,18}}) ([0-9]{{1,18}})", since)) is not None:
        rows = db.execute(
            "SELECT name FROM models WHERE row > ? UNION SELECT name FROM changes WHERE number > ? ORDER BY name",
            (int(found[1]), int(found[2])),
        )
        names = tuple(row[0] for row in rows)
    return Changed(f"{born} {last} {number}", names)


def note(db: sqlite3.Connection, name: str) -> None:
    """Remember that a reference changed or went, in the transaction in which it does."""
    db.execute(
        "INSERT INTO changes SELECT ?, coalesce(max(number), 0) + 1 FROM changes WHERE true"
        " ON CONFLICT (name) DO UPDATE SET number = excluded.number",
        (name,),
    )


def state(db: sqlite3.Connection) -> str:
    """What is another text after any change of the references: which index it is, and how often it has changed."""
    born, changes = db.execute("SELECT born, changes FROM tally").fetchone()
    return f"{born} {changes}"
