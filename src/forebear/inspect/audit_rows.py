"""What an audit tells: its kinds of rows, and how the gravest of very many are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebear.catalogue import raise_finding
from forebear.types import Finding, Json, Level

KINDS = {
    "contradiction": "a declared base that the weights do not bear out, as far as was found",
    "unlabelled": "dependent weights, and nobody names the other",
    "licence": "another licence than the base's, or than before",
    "orphan": "a quantisation whose base is not there, or has moved on",
    "circle": "models that come from themselves by their own words",
}
"""What ``--only`` chooses from."""
MEASURED, BOTH, DECLARED = "measured", "measured and declared", "declared only"
"""What a row rests on. Nothing that is only declared is more than a note."""


@dataclass(frozen=True)
class Row:
    """One line of an audit: never an accusation, always with what would clear it.

    Attributes:
        kind: one of :data:`KINDS`.
        who: the repository or indexed model that it is about.
        other: the one that it is held against, "" where there is none.
        basis: what it rests on.
        finding: with level, message and what would clear it.
        log10_p: of the pair, floored; None where nothing was measured.
        log10_e: of the p-value times all pairs that were looked at, raw.
        discovery: whether it remains at a false discovery rate of 1 % (e-BH); None where nothing was measured.
        details: further facts in plain JSON values.
    """

    kind: str
    who: str
    other: str
    basis: str
    finding: Finding
    log10_p: float | None = None
    log10_e: float | None = None
    discovery: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, float, str, str]:
        """Gravest first, then the smallest p-value, then by name."""
        return -self.finding.level.rank, 0.0 if self.log10_e is None else self.log10_e, self.who, self.other

    def to_json(self) -> Json:
        """As it stands in the document."""
        return {
            "kind": self.kind,
            "who": self.who,
            "other": self.other or None,
            "basis": self.basis,
            "finding": self.finding.id,
            "level": self.finding.level.value,
            "message": self.finding.message,
            "clears": self.finding.clears,
            "log10_p": self.log10_p,
            "log10_e": self.log10_e,
            "discovery": self.discovery,
            "details": self.details,
        }


def declared_row(kind: str, who: str, other: str, identifier: str, message: str, **details: Any) -> Row:
    """A row that rests on words alone: a note."""
    return Row(kind, who, other, DECLARED, raise_finding(identifier, message, level=Level.NOTE), details=details)


def unmeasured(names: Sequence[str]) -> str:
    """That codes came in somebody's file, a sentence."""
    whose = "is that of its weights" if len(names) == 1 else "are those of their weights"
    return f"What was imported and not measured here ({', '.join(names)}): that it {whose} is the word of who sent it."


class Rows:
    """The gravest rows of each kind; all are counted.

    Args:
        limit: rows of each kind that are kept; 0 for all.
        only: kinds that are wanted; empty for all.
    """

    def __init__(self, limit: int, only: frozenset[str] = frozenset()) -> None:
        self._limit, self._only = limit, only or frozenset(KINDS)
        self._kept: dict[str, list[Row]] = {kind: [] for kind in KINDS if kind in self._only}
        self.counts: Counter[str] = Counter(dict.fromkeys(self._kept, 0))
        self.levels: Counter[str] = Counter({level.value: 0 for level in Level})

    def wants(self, kind: str) -> bool:
        """Whether a kind was asked for."""
        return kind in self._only

    def room(self, kind: str) -> int | None:
        """How many more rows of a kind would be kept for certain; None where there is no limit."""
        return None if not self._limit else max(0, self._limit - len(self._kept.get(kind, ())))

    def add(self, row: Row) -> None:
        """Count a row, and keep it where it is among the gravest."""
        if row.kind not in self._only:
            return
        self.count(row.kind, row.finding.level)
        kept = self._kept[row.kind]
        kept.append(row)
        if self._limit and len(kept) > 2 * self._limit + 100:
            kept.sort(key=lambda r: r.order)
            del kept[self._limit :]

    def count(self, kind: str, level: Level, number: int = 1) -> None:
        """Count rows that are not kept."""
        self.counts[kind] += number
        self.levels[level.value] += number

    def __iter__(self) -> Iterator[Row]:
        for kept in self._kept.values():
            yield from sorted(kept, key=lambda r: r.order)[: self._limit or None]
