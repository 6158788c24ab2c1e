"""What several references say about a model together, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.signals.mixture import NAME
from forebear.types import Evidence, Test

COLLINEAR = 30.0
"""Condition number of the parents' updates above which their coefficients are told as intervals only."""


@dataclass(frozen=True)
class Parent:
    """A reference that is needed.

    Attributes:
        name: of the reference.
        coefficient: of its weights, or of its update where there is a base.
        low, high: three standard errors (jackknife over tensors) to either side; None for copied layers.
        groups: coefficients by group of tensors.
        layers: layers of the model that are copies of the reference's, in pass-through merges.
        density: share of its update that was kept, where values were chosen at random.
    """

    name: str
    coefficient: float
    low: float | None = None
    high: float | None = None
    groups: Mapping[str, float] = field(default_factory=dict)
    layers: tuple[int, ...] = ()
    density: float | None = None


@dataclass(frozen=True)
class Mixture:
    """What the references say about a model together.

    Attributes:
        parents: two or more for a merge; else empty.
        method: how they were merged, in words.
        base: the reference that their updates start from, or "".
        residual: squared distance that is left, as a share of that to the nearest single reference.
        rounding: the same of what rounding to the model's dtype leaves.
        condition: of the parents' updates; 1 where that says nothing.
        references: that were held against the model.
        tensors: number of tensors compared.
        note: what else has to be said.
        whole: every value was read.
        explained: share of values, for merges that keep some values of each update.
        left_out: tensors that could not be compared.
        exact: nothing but rounding is left.
    """

    parents: tuple[Parent, ...]
    method: str
    base: str
    residual: float
    rounding: float
    condition: float
    references: tuple[str, ...]
    tensors: int
    note: str = ""
    whole: bool = True
    explained: float | None = None
    left_out: tuple[str, ...] = ()
    exact: bool = True

    @property
    def merged(self) -> bool:
        """Whether the model is a merge."""
        return len(self.parents) >= 2

    @property
    def collinear(self) -> bool:
        """Whether the parents' updates are too much alike for single coefficients."""
        return self.condition > COLLINEAR

    @property
    def why(self) -> str:
        """The sentence of the verdict."""
        listed = ", ".join(f"{p.name} {_share(p)}" for p in self.parents)
        base = f", on {self.base}" if self.base else ""
        left = f"{self.residual:.1%} of the distance to the nearest of them is left"
        if self.explained is not None:
            left = f"{self.explained:.0%} of the values that moved are explained one by one"
        tail = f" {self.note}" if self.note else ""
        return f"Merged by {self.method} from {listed}{base}; {left}.{tail}"

    def details(self) -> dict[str, Any]:
        """For a relation's or an evidence's details."""
        return {
            "parents": [
                {
                    "name": p.name,
                    "coefficient": round(p.coefficient, 4),
                    "interval": None if p.low is None or p.high is None else [round(p.low, 4), round(p.high, 4)],
                    "groups": {g: round(c, 4) for g, c in p.groups.items()},
                    **({"layers": list(p.layers)} if p.layers else {}),
                    **({"density": round(p.density, 4)} if p.density is not None else {}),
                }
                for p in self.parents
            ],
            "method": self.method or None,
            "base": self.base or None,
            "residual": self.residual,
            "rounding": self.rounding,
            "condition": self.condition,
            "collinear": self.collinear,
            "explained": self.explained,
            "references": list(self.references),
            "whole": self.whole,
            "note": self.note or None,
        }

    def evidence(self) -> Evidence:
        """``mixture/1`` as evidence; it carries no p-value."""
        text = self.why
        if not self.merged:
            among = f"{len(self.references)} references were held against the model together"
            text = f"{among}; no two of them are needed to explain it. {self.note}".strip()
        return Evidence(
            NAME,
            "weights",
            "nothing",
            self.residual,
            Test.HEURISTIC,
            None,
            self.tensors,
            None,
            text,
            None,
            self.details(),
        )


def _share(parent: Parent) -> str:
    if parent.layers:
        return f"({len(parent.layers)} layers)"
    return f"{parent.coefficient:.2f}"
