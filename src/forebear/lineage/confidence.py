"""How often what is said about a relation was right, over pairs of known ancestry: where ``confidence`` comes from.

The shares come from ``data/calibration/relations.toml``, which the relation study writes from models that no test was
fitted on (docs/relations.md). They hold for pairs like those of the study: models that do depend on each other, every
way of making one counted alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from forebear.lineage.towers import TOWERS
from forebear.types import Relation

FILE = "relations.toml"


@dataclass(frozen=True)
class Share:
    """How often one thing was right when it was said.

    Attributes:
        n: comparisons in which it was said.
        right: those of them in which it was true.
        bases: how many bases they come from; comparisons of one base's kin are no independent cases.
        mean: the mean over bases of the share that was right.
    """

    n: int
    right: int
    bases: int
    mean: float

    @property
    def probability(self) -> float:
        """The mean over bases, drawn towards one half by one base that was right in half of its cases: never 1."""
        return (self.mean * self.bases + 0.5) / (self.bases + 1)

    def details(self) -> dict[str, Any]:
        """For machines, with what a confidence has to state (prior, candidate set, calibration size)."""
        return {
            "right": self.right,
            "comparisons": self.n,
            "bases": self.bases,
            "prior": "a dependent pair, every derivation of the study alike; one base right in half of its cases added",
            "candidates": "all kinds of relation",
            "source": "benchmarks/relation_study.py, calibration bases",
        }


@cache
def shares() -> Mapping[str, Mapping[str, Share]]:
    """The shipped shares: ``kind`` and ``reason``, each by name."""
    return parse((resources.files("forebear") / "data" / "calibration" / FILE).read_text("utf-8"))


def parse(text: str) -> Mapping[str, Mapping[str, Share]]:
    """The shares in a file.

    Raises:
        ValueError: it is not one.
    """
    data = tomllib.loads(text)
    try:
        found = {part: {k: Share(**v) for k, v in data.get(part, {}).items()} for part in ("kind", "reason")}
    except TypeError as error:
        raise ValueError(f"{FILE}: {error}") from None
    for name, share in (entry for part in found.values() for entry in part.items()):
        if not (0 <= share.right <= share.n and 1 <= share.bases <= share.n and 0 <= share.mean <= 1):
            raise ValueError(f"{FILE}: the numbers of {name} do not fit each other")
    return found


def confident(relation: Relation) -> Relation:
    """A relation with the confidence of its kind, and with what each reason of its direction is worth by the record.

    A kind that the study never saw has no confidence, nor has a shared tower: the study has none.
    """
    known = shares()
    details = dict(relation.details)
    way = details.get("direction")
    if isinstance(way, Mapping) and "reasons" in way:
        reasons = [
            {**r, "was_right": {"of": s.n, "right": s.right, "bases": s.bases}}
            if (s := known["reason"].get(str(r["name"])))
            else r
            for r in way["reasons"]
        ]
        details["direction"] = {**way, "reasons": reasons}
    share = known["kind"].get(relation.kind)
    if share is None or TOWERS in details:
        return replace(relation, details=details)
    details["confidence"] = share.details()
    return replace(relation, confidence=round(share.probability, 3), details=details)
