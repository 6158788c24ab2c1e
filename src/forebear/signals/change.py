"""``change/1``: what lies between two models whose coordinates line up, tensor by tensor.

Sums over all values, or over rows of a stated sample: how long the difference is, how many values are equal bit for
bit, how many are zero in one of the two alone, and the numerical rank of the difference. It describes, and proves
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.errors import ForebearError
from forebear.signals.counterparts import Pair, alone, counterparts
from forebear.signals.floats import precision
from forebear.signals.rank import Rank, numerical_rank
from forebear.signals.removal import Removal, removal
from forebear.signals.tokens import Tokens, tokens_of

NAME = "change/1"
F32 = NDArray[np.float32]

BLOCK = 1_000_000
"""Values of a tensor in memory at a time."""
SAMPLE = 64_000_000
"""Bytes of both models that are read where not all of them are."""
RANK_ROWS, FEW_ROWS, TOKEN_ROWS = 320, 16, 256
"""Rows of a sampled matrix: where its rank is told, elsewhere, and of an embedding."""
PIECES = 4
"""Evenly spaced blocks that sampled rows lie in."""
MOST_LAYERS = 8
"""Layers that a sample takes rows of."""


@dataclass(frozen=True)
class Change:
    """What lies between a tensor of A and one of B.

    Attributes:
        role, other: of A's and B's tensor; they differ where layers or experts have other numbers.
        shape: of the part that was compared, rows first.
        values: number of values compared, finite on both sides.
        square_a, square_b, product: sums of a², b² and a·b.
        square: sum of (b − a)².
        square_kept: the same without the values that are zero in one of the two alone.
        nonzero: A's values that are not zero.
        equal: those of them that B has bit for bit, after decoding to float32.
        zeros_a, zeros_b: values that are zero in A alone, in B alone.
        patterns: n:m patterns of zeros along the rows, of A and of B: ``2:4``, ``4:8``, or "".
        precision: significant bits that the values of A and B get by with.
        rank: of the difference, of matrices of which enough rows were read.
        removal: whether a difference of low rank is something of the weights' own.
    """

    role: str
    other: str
    shape: tuple[int, ...]
    values: int
    square_a: float
    square_b: float
    product: float
    square: float
    square_kept: float
    nonzero: int
    equal: int
    zeros_a: int
    zeros_b: int
    patterns: tuple[str, str]
    precision: tuple[int, int]
    rank: Rank | None = None
    removal: Removal | None = None

    @property
    def layer(self) -> int | None:
        """B's layer."""
        return int(self.other.split(".")[1]) if self.other.startswith("layers.") else None

    @property
    def body(self) -> bool:
        """Whether it is a matrix of attention or MLP, the same part on both sides."""
        if self.layer is None or len(self.shape) != 2:
            return False
        ours, theirs = (r.split(".") for r in (self.role, self.other))
        return (ours[2], ours[-1]) == (theirs[2], theirs[-1]) and ours[2] != "router"

    @property
    def from_dense(self) -> bool:
        """Whether an expert is held against a dense MLP."""
        return (".experts." in self.role) != (".experts." in self.other)

    @property
    def drift(self) -> float:
        """|B − A| / |A|."""
        return (self.square / self.square_a) ** 0.5 if self.square_a else 0.0 if not self.square else float("inf")

    @property
    def drift_kept(self) -> float:
        """The same without the values that are zero in one of the two alone."""
        return (self.square_kept / self.square_a) ** 0.5 if self.square_a else self.drift

    @property
    def cosine(self) -> float:
        """Between A and B, 0 where one of them is zero."""
        scale = (self.square_a * self.square_b) ** 0.5
        return self.product / scale if scale else 0.0

    @property
    def untouched(self) -> bool:
        """Whether no value changed, or between formats of other precision none beyond the rounding to the coarser."""
        limit = 2.0 ** -min(self.precision) if self.precision[0] != self.precision[1] else 0.0
        return self.drift_kept <= limit and not self.zeros_a and not self.zeros_b


@dataclass(frozen=True)
class Changes:
    """What lies between two models.

    Attributes:
        each: tensor by tensor.
        only_a, only_b: roles, or names of tensors without a role, that one of the two has alone, with their sizes.
        unread: roles that could not be compared, or were not sampled.
        whole: whether every value was read.
        tokens: how embedding rows were paired, None where there are none.
        layers: pairs of layers that were compared.
    """

    each: tuple[Change, ...]
    only_a: dict[str, int] = field(default_factory=dict)
    only_b: dict[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    whole: bool = True
    tokens: Tokens | None = None
    layers: tuple[tuple[int, int], ...] = ()

    @property
    def body(self) -> tuple[Change, ...]:
        """Matrices of attention and MLPs."""
        return tuple(c for c in self.each if c.body and c.values)

    @property
    def drift(self) -> float | None:
        """Median of |B − A| / |A| over the matrices of the body."""
        return median(c.drift for c in self.body) if self.body else None

    @property
    def drift_kept(self) -> float | None:
        """The same without values that are zero in one of the two alone."""
        return median(c.drift_kept for c in self.body) if self.body else None

    @property
    def equal(self) -> float | None:
        """Share of the body's nonzero values that are equal bit for bit."""
        total = sum(c.nonzero for c in self.body)
        return sum(c.equal for c in self.body) / total if total else None

    def by_layer(self) -> dict[int, float]:
        """Median drift of the body by layer of B."""
        found: dict[int, list[float]] = {}
        for change in self.body:
            assert change.layer is not None
            found.setdefault(change.layer, []).append(change.drift)
        return {layer: median(drifts) for layer, drifts in sorted(found.items())}


def changes(a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]], whole: bool) -> Changes:
    """Measure what lies between two models.

    Args:
        a: the reference.
        b: the model in question.
        layers: pairs of layers, A's first.
        whole: read every value; else rows of at most :data:`SAMPLE` bytes.
    """
    tokens = tokens_of(a, b)
    pairs, unread = counterparts(a, b, layers, tokens)
    each: list[Change] = []
    left = SAMPLE
    for pair, most in _plan(pairs, whole):
        cost = sum(t.tensor.nbytes * most // max(1, pair.size[0]) for t in (pair.a, pair.b))
        if not whole and (most == 0 or cost > left):
            unread.append(pair.other)
            continue
        left -= cost
        try:
            each.append(_measured(pair, most))
        except (ForebearError, ValueError):  # damaged or packed otherwise: said, and the others are still compared
            unread.append(pair.other)
    order = {pair.other: k for k, pair in enumerate(pairs)}
    each.sort(key=lambda c: order[c.other])
    rest = alone(a, b, {p.role for p in pairs} | set(unread), {p.other for p in pairs} | set(unread))
    everything = whole and not unread
    return Changes(tuple(each), *rest, tuple(unread), everything, tokens, tuple(layers))


def _plan(pairs: Sequence[Pair], whole: bool) -> Iterator[tuple[Pair, int]]:
    """Pairs in the order in which they are read, and how many rows of each: of a sample, one layer first."""
    if whole:
        yield from ((p, p.size[0]) for p in pairs)
        return
    by_layer: dict[str, list[Pair]] = {}
    for p in pairs:
        by_layer.setdefault(p.other.split(".")[1] if p.other.startswith("layers.") else "", []).append(p)
    yield from ((p, min(TOKEN_ROWS, p.size[0])) for p in by_layer.pop("", []))
    numbers = sorted(by_layer, key=int)
    middle = numbers[len(numbers) // 2 : len(numbers) // 2 + 1]
    step = max(1, len(numbers) // MOST_LAYERS)
    others = [n for n in numbers[::step] if n not in middle]
    for number in (*middle, *others):
        yield from ((p, min(RANK_ROWS if number in middle else FEW_ROWS, p.size[0])) for p in by_layer.pop(number))
    yield from ((p, 0) for rest in by_layer.values() for p in rest)


def _measured(pair: Pair, most: int) -> Change:
    """Sums over the rows of a pair, ``most`` of them in evenly spaced blocks."""
    rows, width = pair.size
    ranges = _ranges(rows, most, max(1, BLOCK // max(1, width)))

    def blocks() -> Iterator[tuple[F32, F32]]:
        for start, stop in ranges:
            yield pair.block(start, stop)

    sums = _Sums()
    for a, b in blocks():
        sums.add(a, b)
    rank = own = None
    matrix = len(pair.a.tensor.shape) == 2 and pair.ids is None
    if matrix and sums.square and most >= min(RANK_ROWS, rows):
        count = sum(stop - start for start, stop in ranges)
        rank = numerical_rank(blocks, count, width)
        if rank is not None and rank.low and rank.rank:
            own = removal(blocks, count, width, rank.rank, whole=count == rows)
    return Change(
        pair.role,
        pair.other,
        (rows, width) if len(pair.a.tensor.shape) > 1 else (rows,),
        sums.values,
        sums.square_a,
        sums.square_b,
        sums.product,
        sums.square,
        sums.square_kept,
        sums.nonzero,
        sums.equal,
        sums.zeros_a,
        sums.zeros_b,
        (sums.patterns[0].name, sums.patterns[1].name),
        (sums.precision[0], sums.precision[1]),
        rank,
        own,
    )


class _Sums:
    """What a :class:`Change` holds, while blocks stream by."""

    def __init__(self) -> None:
        self.values = self.nonzero = self.equal = self.zeros_a = self.zeros_b = 0
        self.square_a = self.square_b = self.product = self.square = self.square_kept = 0.0
        self.precision = [0, 0]
        self.patterns = _Pattern(), _Pattern()

    @np.errstate(all="ignore")
    def add(self, a: F32, b: F32) -> None:
        """Account for some rows; a value that is no number leaves the other side's out as well."""
        good = np.isfinite(a) & np.isfinite(b)
        if not good.all():
            a, b = np.where(good, a, np.float32(0)), np.where(good, b, np.float32(0))
        x, y = a.astype(np.float64), b.astype(np.float64)
        change = (y - x) ** 2
        zero = x == 0, y == 0
        alone_a, alone_b = zero[0] & ~zero[1], zero[1] & ~zero[0]
        self.values += int(good.sum())
        self.square_a += float((x * x).sum())
        self.square_b += float((y * y).sum())
        self.product += float((x * y).sum())
        self.square += float(change.sum())
        self.square_kept += float(change[~(alone_a | alone_b)].sum())
        self.nonzero += int((~zero[0]).sum())
        self.equal += int(((x == y) & ~zero[0]).sum())
        self.zeros_a += int(alone_a.sum())
        self.zeros_b += int(alone_b.sum())
        for k, values in enumerate((a, b)):
            self.precision[k] = max(self.precision[k], precision(values))
            self.patterns[k].add(zero[k])


def _ranges(rows: int, most: int, step: int) -> list[tuple[int, int]]:
    """Half-open ranges of at most ``step`` rows that hold ``most`` of ``rows``, in evenly spaced pieces."""
    if most >= rows:
        return [(k, min(rows, k + step)) for k in range(0, rows, step)]
    pieces = min(PIECES, most)
    size = most // pieces
    starts = np.linspace(0, rows - size, pieces).astype(int).tolist()
    return [(k, min(s + size, k + step)) for s in starts for k in range(s, s + size, step)]


class _Pattern:
    """Whether zeros follow an n:m pattern along rows: at least that many of every four or eight neighbours."""

    def __init__(self) -> None:
        self._nonzero = False
        self._fits = {4: True, 8: True}

    def add(self, zero: NDArray[np.bool_]) -> None:
        """Account for some rows: which of their values are zero."""
        self._nonzero |= not bool(zero.all())
        for size in self._fits:
            if self._fits[size]:
                usable = zero.shape[1] % size == 0
                self._fits[size] = usable and bool((zero.reshape(-1, size).sum(axis=1) >= size // 2).all())

    @property
    def name(self) -> str:
        """The pattern, "" where there is none; all zeros are none."""
        return next((f"{n // 2}:{n}" for n, fits in self._fits.items() if fits), "") if self._nonzero else ""
