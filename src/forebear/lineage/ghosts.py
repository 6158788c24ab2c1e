"""Three related models have one point where their ways part: is it one of them, or a model that is not indexed?

Updates of high-dimensional weights are nearly orthogonal, so squared distances add up along a way, and of X, S and T
the way from S to the point where they part (the *leg* of S) has the squared length
``(d(X, S) + d(S, T) - d(X, T)) / 2`` (the three-point rule, Buneman 1971). A leg near zero: that model is itself the
point. Updates that share directions through their data make legs out of nothing (``cosine x lengths``; cosines of 0.6
were measured between fine-tunes on the same texts), so a leg alone says little. Rows say more: where X and T have one
and the same row and S has another, S cannot be what X and T were made from, whatever data they share. Training leaves
such rows in embeddings of tokens that it never meets, in frozen tensors, and under adapters.

Neither is a p-value, and neither knows where the root is: an ancestor of both at the far end of a leg looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.signals.least_squares import pooled
from forebear.signals.mixture import Gram, distances

F64 = NDArray[np.float64]

CLEAR = 0.1
"""Cosine of the two ways, seen from a model, that a leg has to have, three standard errors deducted."""
ZERO = 0.1
"""Cosine up to which a leg is none where no rows tell, three standard errors added."""
SHARED_DATA = 0.7
"""Cosine that common data may give two updates of one model: 0.63 was measured between fine-tunes on the same texts."""
ODD_ROWS = 8
"""Rows that have to contradict a model's being the point; one could be an accident of constant rows."""
SENTENCE = (
    "The point where they part is none of them: their common ancestor is not in the index, unless one of them is a "
    "remote ancestor by way of a model that is not."
)


@dataclass(frozen=True)
class Leg:
    """The way from one of three models to the point where they part.

    Attributes:
        cosine: of the ways from this model to the two others: its leg as a share of their geometric mean.
        error: standard error (jackknife over tensors).
        rows: rows in which the two others are one and this model is another.
        others: the smaller of the same numbers for the two others.
    """

    cosine: float
    error: float
    rows: int
    others: int

    @property
    def clear(self) -> bool:
        """Whether the model is certainly not the point."""
        return self.cosine - 3 * self.error >= CLEAR and self.rows >= ODD_ROWS

    @property
    def none(self) -> bool:
        """Whether the model is the point, as far as rows tell, or distances where there are no such rows."""
        if self.others >= ODD_ROWS:
            return self.rows == 0 and self.cosine <= SHARED_DATA
        return self.rows == 0 and abs(self.cosine) + 3 * self.error <= ZERO


@dataclass(frozen=True)
class Ghosts:
    """X among its related references.

    Attributes:
        names: of the references.
        legs: by pair of references, the legs of X, of the first and of the second.
    """

    names: tuple[str, ...]
    legs: dict[tuple[str, str], tuple[Leg, Leg, Leg]]

    @property
    def siblings(self) -> tuple[str, ...]:
        """References that meet X at a model which is not indexed; empty unless that holds for all of them.

        Every reference, and X itself, has to be away from the point in some triple, and nobody may be the point of any.
        """
        clear: set[str] = set()
        for (one, two), legs in self.legs.items():
            if any(leg.none for leg in legs):
                return ()
            if all(leg.clear for leg in legs):
                clear |= {one, two}
        return self.names if clear == set(self.names) else ()

    def on_the_way(self, name: str) -> int:
        """The number of references from which the way to X leads through this one."""
        count = 0
        for pair, legs in self.legs.items():
            if name in pair:
                leg, other = legs[1 + pair.index(name)], legs[2 - pair.index(name)]
                count += leg.none and not legs[0].none and not other.none
        return count

    @property
    def through(self) -> dict[str, int]:
        """By reference, the number of others from which its way leads through X."""
        out: dict[str, int] = {}
        for (one, two), legs in self.legs.items():
            if legs[0].none and not legs[1].none and not legs[2].none:
                out[one], out[two] = out.get(one, 0) + 1, out.get(two, 0) + 1
        return out

    def reason(self, name: str) -> dict[str, Any] | None:
        """What geometry says about direction between a reference and X: a text and the log-odds of a_to_b.

        A model through which the ways of n others lead is the ancestor of all of them, or of all but the one that it
        comes from itself: n + 1 stories, equally likely for want of anything better, of which one disagrees.
        """
        if n := self.on_the_way(name):
            text = f"the ways from {_others(n)} to the model lead through {name}"
            return {"text": text, "log_odds": float(np.log(n + 1))}
        if n := self.through.get(name, 0):
            text = f"the ways between {name} and {_others(n)} lead through the model"
            return {"text": text, "log_odds": -float(np.log(n + 1))}
        return None

    def details(self) -> dict[str, Any]:
        """For a relation's details: the legs of every triple."""
        return {
            "siblings": list(self.siblings),
            "legs": [
                {
                    "models": ["this model", one, two],
                    "cosines": [round(leg.cosine, 4) for leg in legs],
                    "errors": [round(leg.error, 4) for leg in legs],
                    "rows": [leg.rows for leg in legs],
                }
                for (one, two), legs in self.legs.items()
            ],
        }


def ghosts(gram: Gram) -> Ghosts:
    """The legs of X and its references, three at a time."""
    units = gram.body
    table = np.array([distances(u.products) for u in units])
    total = distances(pooled(units)) if units else np.zeros((0, 0))
    odd = np.sum([u.odd for u in gram.units], axis=0) if units else np.zeros((0, 0))
    apart = np.sum([u.apart for u in gram.units], axis=0) if units else np.zeros((0, 0))
    legs: dict[tuple[str, str], tuple[Leg, Leg, Leg]] = {}
    for i in range(len(gram.names)) if len(units) > 1 else ():
        for j in range(i + 1, len(gram.names)):
            three = (0, i + 1, j + 1)
            rows = (int(apart[i, j]), int(odd[i, j]), int(odd[j, i]))
            mine, first, second = (
                leg_of(total, table, (three[k], *(three[m] for m in range(3) if m != k)), rows, k) for k in range(3)
            )
            legs[gram.names[i], gram.names[j]] = (mine, first, second)
    return Ghosts(gram.names, legs)


def leg_of(total: F64, table: F64, three: tuple[int, ...], rows: tuple[int, int, int], which: int) -> Leg:
    """The leg of the first of three models, with its jackknife error over tensors."""
    without = _cosine(total[None] - table, three)
    n = len(table)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    others = min(r for k, r in enumerate(rows) if k != which)
    return Leg(float(_cosine(total[None], three)[0]), error, rows[which], others)


def _cosine(squares: F64, three: tuple[int, ...]) -> F64:
    own, one, two = three
    length = (squares[:, own, one] + squares[:, own, two] - squares[:, one, two]) / 2
    return np.asarray(length / np.sqrt(np.maximum(squares[:, own, one] * squares[:, own, two], 1e-300)))


def _others(count: int) -> str:
    return f"{count} other reference{'s' if count > 1 else ''}"
