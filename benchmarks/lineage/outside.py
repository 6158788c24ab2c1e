"""Another zoo: a folder ``models`` of checkpoints, ``truth.json`` and ``pairs.csv``, every pair through every method.

``truth.json`` has ``{"models": [{"id", "root"}]}``; ``pairs.csv`` has the columns ``model_a``, ``model_b``,
``related``, ``parent``, ``difficulty`` and ``scored``. Where one of two models is the parent it is the reference.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from forebear.errors import InputError
from lineage.measure import Result, held

ZOO = "zoo"
RELATED, INDEPENDENT, UNSCORED = "base", "independent", "not scored"
DISTILLED = "distilled"
COLUMNS = {"model_a", "model_b", "related", "parent", "difficulty", "scored"}
MOST_BYTES, MOST_PAIRS = 16_000_000, 100_000


@dataclass(frozen=True)
class Listed:
    """A pair as the zoo lists it.

    Attributes:
        reference, query: folders.
        difficulty: the zoo's word for it.
        what: :data:`RELATED`, :data:`INDEPENDENT`, :data:`DISTILLED` or :data:`UNSCORED`.
        cluster: the root of the query.
    """

    reference: Path
    query: Path
    difficulty: str
    what: str
    cluster: str

    @property
    def key(self) -> str:
        """What the result is filed under: names, and size and time of every file of both."""
        files = sorted(p for f in (self.reference, self.query) for p in f.iterdir() if p.is_file())
        marks = [f"{p.parent.name}/{p.name}:{p.stat().st_size}:{p.stat().st_mtime_ns}" for p in files]
        return "|".join((ZOO, self.difficulty, self.reference.name, self.query.name, *marks))

    def measure(self) -> tuple[Result, ...]:
        """Every method on this pair."""
        names = (self.difficulty, self.what, self.cluster, self.reference.name, self.what)
        return (Result(self.key, ZOO, *names, **held(self.reference, self.query)),)


def listed(zoo: Path) -> list[Listed]:
    """All pairs of a zoo.

    Raises:
        InputError: a file is missing, too large or not what it should be.
    """
    try:
        roots = {str(m["id"]): str(m["root"]) for m in json.loads(_text(zoo / "truth.json"))["models"]}
        rows = list(csv.DictReader(_text(zoo / "pairs.csv").splitlines()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{zoo}: not a zoo ({error})") from None
    if not rows or not set(rows[0]) >= COLUMNS or len(rows) > MOST_PAIRS:
        raise InputError(f"{zoo}/pairs.csv: needs the columns {', '.join(sorted(COLUMNS))}")
    return [_pair(zoo / "models", row, roots) for row in rows]


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.name} is larger than {MOST_BYTES:,} bytes")
    return path.read_text("utf-8")


def _pair(models: Path, row: dict[str, str], roots: dict[str, str]) -> Listed:
    a, b = row["model_a"], row["model_b"]
    for name in (a, b):
        if name not in roots or Path(name).name != name or not (models / name).is_dir():
            raise InputError(f"{models}: no model {name!r}")
    if row["parent"] == b:
        a, b = b, a
    word = row["difficulty"] or "pair"
    scored, related = row["scored"] == "1", row["related"] == "1"
    what = RELATED if related else DISTILLED if word == DISTILLED else INDEPENDENT
    return Listed(models / a, models / b, word, what if scored else UNSCORED, roots[b])
