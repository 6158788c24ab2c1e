"""Counts of sign coins of pairs of models, read by Forebear as it reads any two models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Protocol

import numpy as np

from forebear.artifacts import Artifact, read_artifact
from forebear.lineage import Counts
from forebear.signals.generators import comparable_groups
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import SignCode, compare_codes, compare_rows, encode
from forebear.sources import open_source
from null.coins import Table

POOLED = "pooled"
METHODS = ("codes", "rows")


@dataclass(frozen=True, eq=False)
class Model:
    """A model that is open: its name, family, artifact and code."""

    name: str
    family: str
    artifact: Artifact
    code: SignCode


class Counted(Protocol):
    """Two models whose coins were counted by one or several methods."""

    @property
    def one(self) -> str:
        """Name of the first model."""

    @property
    def two(self) -> str:
        """Name of the second model."""

    @property
    def families(self) -> tuple[str, str]:
        """Families of both."""

    def of(self, method: str) -> Counts:
        """The counts by a method."""


@dataclass(frozen=True)
class PairCounts:
    """Coins of two models by both methods, and how many read rows carried no coin in one of the two."""

    one: str
    two: str
    families: tuple[str, str]
    codes: Counts
    rows: Counts
    left_out: int

    def of(self, method: str) -> Counts:
        """The counts by ``codes`` or by ``rows``."""
        return self.codes if method == "codes" else self.rows


def open_model(name: str, family: str, folder: Path) -> Model:
    """A model from its folder.

    Raises:
        InputError: it cannot be read.
    """
    artifact = read_artifact(open_source(str(folder)))
    return Model(name, family, artifact, encode(artifact)[0])


def count(a: Model, b: Model) -> PairCounts:
    """All coins of a pair, A as the reference."""
    comparable, _ = comparable_groups(a.artifact, b.artifact)
    cells, read = [], 0
    for one, two in paired_blocks(a.artifact, b.artifact, (a.code, b.code), comparable):
        cells.append(compare_rows(one, two))
        read += len(np.intersect1d(one.positions, two.positions))
    rows = Counts(tuple(cells))
    codes = Counts(compare_codes(a.code, b.code, comparable))
    return PairCounts(a.name, b.name, (a.family, b.family), codes, rows, read - rows.pooled.n)


def all_pairs(models: Sequence[Model]) -> Iterator[PairCounts]:
    """Every pair that has at least one coin."""
    for a, b in combinations(models, 2):
        if (found := count(a, b)).rows.pooled.n:
            yield found


def table_of(pairs: Iterable[Counted], method: str, group: str = POOLED) -> Table:
    """Counts of one method and group as a table; pairs without coins of that group are not in it."""
    numbers: dict[str, int] = {}
    rows = []
    for pair in pairs:
        counts = pair.of(method)
        tail = counts.pooled if group == POOLED else counts.groups.get(group)
        if tail is not None and tail.n:
            at = [numbers.setdefault(name, len(numbers)) for name in (pair.one, pair.two)]
            rows.append((*at, tail.n, tail.agree))
    return Table(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def groups_of(pairs: Iterable[Counted], methods: Sequence[str] = ("rows",)) -> tuple[str, ...]:
    """Groups that occur by any of the methods, in order of appearance."""
    return tuple(dict.fromkeys(g for pair in pairs for m in methods for g in pair.of(m).groups))
