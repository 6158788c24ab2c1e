"""``still-rows/1``: embedding rows that lie still between two models, and what only shared training could do to them.

A token that never occurs in a training run gets no gradient: its row of an untied input embedding stays as it was, or
shrinks by the weight decay, by one factor for all such rows. What a fine-tune leaves still is most of the vocabulary.

*Was it only one random initialisation, trained twice?* Then a row that is still between the two models was touched by
neither training: it is the initialisation, times a factor. Initial rows are independent and symmetric, so given all
rows before it the sign of a row's inner product with their sum is a fair coin, and the number of positive signs is
Binomial(n, 1/2), exactly. Training gives rows directions in common. If the coins are not fair, still rows had been
trained before the two models parted, and a start that is merely shared is excluded. Rows that resemble an earlier one
up to sign are left out, so that rows which were made as copies of each other are one coin.

*Who came first?* Weight decay only shrinks. Where some rows moved and the others all shrank by one factor, the model
with the smaller rows was trained for longer since the two parted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.signals.binomial import log10_tail
from forebear.signals.frames import common_tokens
from forebear.signals.generators import read_scattered
from forebear.signals.matching import unit

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]

NAME = "still-rows/1"
MOST_ROWS = 2_048
"""Rows that are compared, evenly spaced over the tokens in common; all are held against each other."""
FEWEST_STILL = 16
ALIKE = 0.5
"""Absolute cosine from which on a row counts as a copy of an earlier one; independent rows of width 64 stay below."""
GAP = 16_384
"""Bytes between two rows that are read along: in a large vocabulary the rows lie further apart than that."""
NEAR = 0.9999
"""Cosine from which on a row may be still: what rounding to eight bits of fraction leaves of one."""


@dataclass(frozen=True)
class StillRows:
    """Embedding rows of A and B, token by token.

    Attributes:
        rows: tokens in common that were compared.
        still: rows of B that are A's times ``factor``, every value within the rounding of the two formats.
        equal: those among them that are A's bit for bit.
        factor: the common factor, 1.0 where no row is still.
        coins: still rows whose sign was asked, copies of earlier ones left out.
        agree: those that point the way of the rows before them.
    """

    rows: int
    still: int
    equal: int
    factor: float
    coins: int
    agree: int

    @property
    def log10_p(self) -> float:
        """Exact tail under one random initialisation and two separate trainings; 0 without coins."""
        return log10_tail(self.agree, self.coins) if self.coins else 0.0

    @property
    def excludes_shared_start(self) -> str:
        """What the coins say against two separate trainings from one start; for a tail that is small enough."""
        return (
            f"{self.still:,} embedding rows lie still between the two and had been trained before: {self.agree:,} of "
            f"{self.coins:,} point the way of those before them (chance is 50%)"
        )

    @property
    def moved(self) -> float:
        """Share of rows that are not still."""
        return 1 - self.still / self.rows if self.rows else 0.0


def still_rows(a: Artifact, b: Artifact) -> StillRows | None:
    """Compare the input embeddings of two models, up to ``MOST_ROWS`` rows by token.

    Returns:
        None where they have no tokens in common, other widths, or embeddings without signs.

    Raises:
        InputError: rows could not be read.
    """
    one, two = role_tensor(a, "embed"), role_tensor(b, "embed")
    if one is None or two is None or one.tensor.shape[1:] != two.tensor.shape[1:]:
        return None
    ids_a, ids_b, _ = common_tokens(a, b, MOST_ROWS)
    if not (one.tensor.signed and two.tensor.signed and len(ids_a)):
        return None
    return rows_between(_by_id(one, ids_a), _by_id(two, ids_b))


def _by_id(tensor: RoleTensor, ids: Indices) -> F32:
    """Rows in the order of ``ids``, which need not ascend."""
    ascending, where = np.unique(ids, return_inverse=True)
    gap = GAP * tensor.tensor.shape[0] // max(1, tensor.tensor.nbytes)
    return np.asarray(read_scattered(tensor, ascending, gap)[where])


@np.errstate(all="ignore")
def rows_between(a: F32, b: F32) -> StillRows:
    """Compare rows ``(n, width)`` of two models; those that are zero or no numbers in either are left out."""
    usable = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1) & a.any(axis=1) & b.any(axis=1)
    a, b = a[usable], b[usable]
    directions = unit(a)
    near = (directions * unit(b)).sum(axis=1) >= NEAR
    if not near.any():
        return StillRows(len(a), 0, 0, 1.0, 0, 0)
    factor = float(np.median(_ratios(a[near], b[near])))
    grains = grain(a), grain(b)
    still = _within(a, b, factor, grains)
    if still.any():  # from what rounds to it alone, the factor is known better than from what is merely near
        factor = float(np.mean(_ratios(a[still], b[still])))
        still = _within(a, b, factor, grains)
    kept = directions[still]
    coins, agree = _coins(kept) if len(kept) >= FEWEST_STILL else (0, 0)
    return StillRows(len(a), int(still.sum()), int((a[still] == b[still]).all(axis=1).sum()), factor, coins, agree)


def grain(values: F32) -> float:
    """Half the relative spacing of the format that values were rounded to: bfloat16, float16, else finer than both.

    Training in float32 adds up rounding errors, so its grain is taken a few hundred times coarser than it is.
    """
    bits = np.ascontiguousarray(values).view(np.uint32)
    if not (bits & 0xFFFF).any():
        return 2.0**-8
    return 2.0**-11 if (values.astype(np.float16).astype(np.float32) == values).all() else 2.0**-16


def _ratios(a: F32, b: F32) -> F32:
    """How long every row of B is along A's, in units of A's."""
    return np.asarray((a * b).sum(axis=1, dtype=np.float64) / (a * a).sum(axis=1, dtype=np.float64))


def _within(a: F32, b: F32, factor: float, grains: tuple[float, float]) -> NDArray[np.bool_]:
    """Rows whose every value is A's times the factor, up to what rounding both can do."""
    bound = grains[0] * abs(factor) * np.abs(a) + grains[1] * np.abs(b)
    return np.asarray((np.abs(b - factor * a) <= bound * (1 + 1e-3)).all(axis=1))


def _coins(directions: F32) -> tuple[int, int]:
    """Of every row, whether it points the way of the sum of all rows before it: coins and positive ones."""
    cosine = np.tril(directions @ directions.T, -1)
    kept: list[int] = []
    for k in range(len(directions)):
        if not kept or float(np.abs(cosine[k, kept]).max()) < ALIKE:
            kept.append(k)
    before = cosine[np.ix_(kept, kept)].sum(axis=1)[1:]
    return int((before != 0).sum()), int((before > 0).sum())
