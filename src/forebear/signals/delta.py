"""``delta/1``: what lies between two aligned models, for relation and direction; never a p-value.

Two questions that the sign code leaves open:

*Did one of the two lose information?* Every value of B may be A's value or zero (pruning), or A's value rounded to a
coarser format. Zeros give a direction where A has none of its own and the whole of both models fits; see
:func:`pruned_from`. Rounding gives none: anyone can add to B what its rounding takes away again.

*Could it be just one random initialisation, trained twice?* Norm gains start at exactly one in every listed family, so
how training moved them is known without the initialisation. Where the two movements are nearly the same
(``shared_training`` near 1), the models share training, not only a start; siblings share it too. Separate trainings
from one start reached 0.3 to 0.6 (benchmarks/shared_start.py). The cosine is taken, not the share of the smaller
movement: a longer training from the same start can contain most of a shorter one. Heavy continued pretraining
therefore stays undecided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import tensors_by_role

NAME = "delta/1"
F32 = NDArray[np.float32]

SHARED_TRAINING = 0.8
"""Cosine of the movements, three standard errors deducted, above which a shared start alone is excluded. Chosen
between what descent predicts (1) and what separate trainings can share; heuristic, and said to be."""
MOVED = 0.003
"""Root mean square of log gains below which training has not moved them, so nothing can be said."""
PRUNED_AT_LEAST = 0.01
"""Share of values below which zeros are no pruning."""
CHUNK_VALUES = 1_000_000
"""Values of a tensor in memory at a time."""
OWN_ZEROS = 1e-4
"""Share of zeros that the richer model may have itself where the other was pruned: more, and both may be pruned."""


@dataclass(frozen=True)
class Delta:
    """Differences over all values that two aligned models were read at.

    Attributes:
        values: number of values compared.
        drift: ``|A - B| / |A|`` (Frobenius, all groups).
        equal: share of A's nonzero values that B has bit for bit (after decoding to float32).
        lost: how one side fits the other in every value, by rounding or by zeros; "" where it does not.
        direction: ``a_to_b`` where B has the zeros, ``b_to_a`` where A has, else ``unknown``. It holds for the values
            that were added: :func:`pruned_from` asks about whole models.
        shared_training: cosine of the movements of norm gains from one, None where they have not moved.
        error: standard error of it (jackknife over norms).
        strange: places read at which one of the two holds no finite number; nothing else counts them.
    """

    values: int
    drift: float | None
    equal: float | None
    lost: str
    direction: str
    shared_training: float | None
    error: float | None
    strange: int = 0

    @property
    def excludes_shared_start(self) -> str:
        """The stated test that excludes independent training from one initialisation, or ""."""
        if self.lost:
            return f"every one of {self.values:,} values read fits: {self.lost}"
        if self.shared_training is None or self.error is None:
            return ""
        if self.shared_training - 3 * self.error >= SHARED_TRAINING:
            return (
                "norm gains moved from their start in the same way "
                f"(cosine {self.shared_training:.2f} ± {self.error:.2f}; 1 for copies, "
                "0.6 was the most seen for two trainings from one start; no error rate is known)"
            )
        return ""


class Tally:
    """Collects the delta while blocks of two models stream by."""

    def __init__(self, dtype_a: str, dtype_b: str) -> None:
        self._dtypes = dtype_a, dtype_b
        self._values = self._nonzero = self._same = self._strange = 0
        self._squares = self._reference = 0.0
        self._rounds = [dtype_a != dtype_b, dtype_a != dtype_b]  # may B be a rounding of A, A one of B
        self._zeroed = [0, 0]  # values that only B, only A has at zero
        self._others_equal = True
        self._skipped = False
        self._both_zero = 0  # zeros common to both, in arrays where one side has further ones
        self._inexact = [0, 0]  # values of A that B's dtype cannot hold, and the reverse

    def skip(self) -> None:
        """Note that something could not be compared, so that nothing is said about all values."""
        self._skipped = True

    def add(self, a: F32, b: F32) -> None:
        """Account for two arrays of the same shape, A's and B's values at the same places."""
        if a.shape != b.shape:
            self._skipped = True
            return
        with np.errstate(all="ignore"):
            good = np.isfinite(a) & np.isfinite(b)
            a, b = np.where(good, a, 0), np.where(good, b, 0)
            difference = a.astype(np.float64) - b
            self._squares += float((difference**2).sum())
            self._reference += float((a.astype(np.float64) ** 2).sum())
        self._skipped |= not bool(good.all())  # behind a value that is no number anything could hide
        self._values += int(good.sum())
        self._strange += int((~good).sum())
        self._nonzero += int((a != 0).sum())
        self._same += int(((a == b) & (a != 0)).sum())
        only_b, only_a = (b == 0) & (a != 0), (a == 0) & (b != 0)
        self._zeroed[0] += int(only_b.sum())
        self._zeroed[1] += int(only_a.sum())
        if only_a.any() or only_b.any():
            self._both_zero += int(((a == 0) & (b == 0)).sum())
        self._others_equal &= bool(((a == b) | only_b | only_a).all())
        for k, (rich, poor, dtype) in enumerate(((a, b, self._dtypes[1]), (b, a, self._dtypes[0]))):
            if self._rounds[k]:
                rounded = round_to(rich, dtype)
                self._rounds[k] = rounded is not None and bool((rounded == poor).all())
                if rounded is not None:
                    self._inexact[k] += int((rounded != rich).sum())

    def result(self, shared_training: tuple[float, float] | None) -> Delta:
        """The delta of everything added so far."""
        lost, direction = "", "unknown"
        share = self._values or 1
        if self._values and not self._skipped:
            for k, way in enumerate(("a_to_b", "b_to_a")):
                if self._rounds[k] and self._inexact[k] > share // 100:
                    lost = f"they differ as by rounding to {self._dtypes[1 - k]}"
                elif self._others_equal and self._zeroed[k] > PRUNED_AT_LEAST * share and not self._zeroed[1 - k]:
                    lost = f"{self._zeroed[k] / share:.0%} of the values set to zero, the others untouched"
                    direction = way if self._both_zero <= OWN_ZEROS * share else "unknown"
        return Delta(
            self._values,
            (self._squares / self._reference) ** 0.5 if self._reference else None,
            self._same / self._nonzero if self._nonzero else None,
            lost,
            direction,
            shared_training[0] if shared_training else None,
            shared_training[1] if shared_training else None,
            self._strange,
        )


def round_to(values: F32, dtype: str) -> F32 | None:
    """Values rounded to nearest even in BF16 or F16; None for other formats."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32)
        return rounded.view(np.float32)
    if dtype == "F16":
        with np.errstate(all="ignore"):
            return values.astype(np.float16).astype(np.float32)
    return None


def shared_training(
    a: NDArray[np.float16], b: NDArray[np.float16], pairs: Iterable[tuple[int, int]]
) -> tuple[float, float] | None:
    """Cosine of two movements of log gains from zero, each norm centred, and its jackknife error over norms.

    Args:
        a, b: ``(L, 2, dims)`` log gains of two models, NaN where unknown.
        pairs: aligned layers.

    Returns:
        None where either model's gains are unknown or did not move from one.
    """
    sums: list[tuple[float, float, float]] = []
    count = 0
    for i, j in pairs:
        for norm in range(a.shape[1]):
            x, y = a[i, norm].astype(np.float64), b[j, norm].astype(np.float64)
            if not (np.isfinite(x).all() and np.isfinite(y).all()):
                continue
            x, y = x - x.mean(), y - y.mean()
            sums.append((float(x @ y), float(x @ x), float(y @ y)))
            count += x.size
    if len(sums) < 4:
        return None
    table = np.array(sums)
    total = table.sum(axis=0)
    if min(total[1], total[2]) / count < MOVED**2:
        return None
    value = total[0] / np.sqrt(total[1] * total[2])
    rest = total - table
    without = rest[:, 0] / np.sqrt(np.maximum(rest[:, 1] * rest[:, 2], 1e-300))
    n = len(sums)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return float(value), error


def movements(
    a: NDArray[np.float16], b: NDArray[np.float16], pairs: Iterable[tuple[int, int]]
) -> tuple[float, float] | None:
    """Root mean squares of the log gains of two models, each norm centred, over norms that both have.

    Args:
        a, b: ``(L, 2, dims)`` log gains, NaN where unknown.
        pairs: aligned layers.
    """
    squares: list[tuple[float, float]] = []
    for i, j in pairs:
        for norm in range(a.shape[1]):
            x, y = (g.astype(np.float64) for g in (a[i, norm], b[j, norm]))
            if np.isfinite(x).all() and np.isfinite(y).all():
                squares.append((float(x.var()), float(y.var())))
    if not squares:
        return None
    first, second = np.sqrt(np.mean(squares, axis=0)).tolist()
    return first, second


def pruned_from(a: Artifact, b: Artifact) -> bool:
    """Whether the whole of B is the whole of A with some values set to zero, tensor by tensor, all of them read.

    A sample is not enough: a relative of A that differs only in tensors that were not read would fit it.
    """
    ours, theirs = tensors_by_role(a), tensors_by_role(b)
    if ours.keys() != theirs.keys() or any(ours[k].shape != theirs[k].shape for k in ours):
        return False
    if not all(tensor.signed for tensor in (*ours.values(), *theirs.values())):
        return False  # a tensor that cannot be read, or not as weights: nothing is said about the whole
    tally = Tally("", "")
    for role, tensor in ours.items():
        other = theirs[role]
        rows = max(1, CHUNK_VALUES // max(1, prod(tensor.shape[1:])))
        if not tensor.shape:
            tally.add(tensor.values(), other.values())
        for start in range(0, tensor.shape[0] if tensor.shape else 0, rows):
            stop = min(tensor.shape[0], start + rows)
            tally.add(tensor.rows(start, stop), other.rows(start, stop))
    delta = tally.result(None)
    return bool(delta.lost) and delta.direction == "a_to_b"
