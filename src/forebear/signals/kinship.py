"""``kinship/1``: many models laid beside each other, tensor by tensor: what their family tree is made from.

One model of a group is its *frame*: layers, experts and tokens of all others are told in its numbers. One pass over a
fixed sample of values then keeps, for every matrix of the layers, the squared distance of every pair of models, and for
every sampled row which pairs have one and the same row (up to a factor and rounding) and which clearly have not.
Updates of high-dimensional weights are nearly orthogonal, so squared distances add up along a tree (Buneman 1971); rows
that training never touched are characters as systematists use them (Fitch 1971): they change once and are inherited.
Nothing here is a p-value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import runs
from forebear.errors import ForebearError
from forebear.signals.alignment import closest_layers
from forebear.signals.counterparts import Pair, counterparts
from forebear.signals.mixture import OTHER_ROW, SAME_ROW
from forebear.signals.tokens import tokens_of

NAME = "kinship/1"
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bits = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

MOST_VALUES = 8_000_000
"""Values of the layers that are read of each model: of larger ones, rows in evenly spaced pieces."""
AT_ONCE = 4_000_000
"""Values of all models together in memory at a time."""
PIECES = 8
TOKEN_ROWS = 1_024
"""Rows of every token matrix whose equality is asked, evenly spaced over the frame's tokens."""
BODY_ROWS = 4
"""The same of every matrix of the layers: what was frozen shows there."""
SAMPLED = 2_048
"""Values of a matrix that are asked for being equal bit for bit."""
ROW_VALUES = 4_096
"""Values of a row that are compared."""
BLOCK = 64
"""Rows that are counted together: what is drawn with replacement when support is asked."""


@dataclass(frozen=True, eq=False)
class Span:
    """One matrix of the layers in all models.

    Attributes:
        role: in the frame.
        values: number of values compared.
        squares: ``(N, N)`` squared distances, NaN where one of the two has no such matrix.
        equal: ``(N, N)`` share of sampled values that two models have bit for bit, zeros apart.
        scale: the largest sum of squares of a model's values.
    """

    role: str
    values: int
    squares: F64
    equal: F64
    scale: float


@dataclass(frozen=True, eq=False)
class Kinship:
    """A group of models laid beside each other.

    Attributes:
        names: of the models.
        spans: matrix by matrix.
        same, other: ``(N, N, R / 8)`` packed: rows that are one in two models, and rows that clearly are two.
        rows: number of rows R that were asked for.
        gaps: by model, why it could not be laid beside the others, or "".
        whole: whether every value of the layers was read.
        frame: the matrices in whose numbers all others are told, by role.
        tables: by model, what of it is held against which role of the frame.
    """

    names: tuple[str, ...]
    spans: tuple[Span, ...]
    same: Bits
    other: Bits
    rows: int
    gaps: tuple[str, ...]
    whole: bool
    frame: Mapping[str, Pair]
    tables: tuple[Mapping[str, Pair], ...]

    def blocks(self) -> F64:
        """``(B, N, N)`` rows in which two models differ, by block of :data:`BLOCK` rows.

        A row that one of the two does not have counts; one that is neither clearly the same nor another counts half.
        """
        step, models = BLOCK // 8, len(self.names)
        alive = np.einsum("iib->ib", self.same)
        out = np.zeros((max(1, -(-self.same.shape[2] // step)), models, models))
        for k in range(len(out)):
            part = slice(k * step, (k + 1) * step)
            rows = min(BLOCK, self.rows - k * BLOCK)
            same, other = (np.bitwise_count(bits[:, :, part]).sum(axis=2) for bits in (self.same, self.other))
            both = np.bitwise_count(alive[:, None, part] & alive[None, :, part]).sum(axis=2)
            out[k] = rows - same - (both.astype(np.float64) - same - other) / 2
        return out

    def odd(self, one: int, two: int, three: int) -> int:
        """Rows in which the last two models are one and the first is another."""
        return int(np.bitwise_count(self.same[two, three] & self.other[one, two] & self.other[one, three]).sum())


def only(measured: Kinship, chosen: Sequence[int]) -> Kinship:
    """The same with these models alone, in this order."""
    pick = np.ix_(chosen, chosen)
    spans = tuple(replace(s, squares=s.squares[pick], equal=s.equal[pick]) for s in measured.spans)
    names, gaps = (tuple(part[k] for k in chosen) for part in (measured.names, measured.gaps))
    tables = tuple(measured.tables[k] for k in chosen)
    same, other = measured.same[pick], measured.other[pick]
    return replace(measured, names=names, spans=spans, same=same, other=other, gaps=gaps, tables=tables)


def kinship(models: Sequence[Artifact], most: int = MOST_VALUES) -> Kinship:
    """Lay models beside each other.

    Args:
        models: whose coins agree in their places; of one width, as far as they are to be compared.
        most: values to read of each.
    """
    frame = frame_of(models)
    tables: list[dict[str, Pair]] = []
    gaps: list[str] = []
    for model in models:
        table, gap = _table(models[frame], model)
        tables.append(table)
        gaps.append(gap)
    spans: list[Span] = []
    same: list[Flags] = []
    other: list[Flags] = []
    total = sum(prod(p.size) for role, p in tables[frame].items() if _inner(role, p))
    share = min(1.0, most / max(1, total))
    untied = _untied(models[frame])
    for role, pair in tables[frame].items():
        met = [table.get(role) for table in tables]
        token = role == "embed" and untied
        if token or _inner(role, pair):
            chosen = spread(pair.size[0], TOKEN_ROWS if token else BODY_ROWS)
            for one, two in _rows(pair, met, chosen):
                same.append(one)
                other.append(two)
        if _inner(role, pair):
            spans.append(_span(role, pair, met, share))
    bits = [packed(found, len(models)) for found in (same, other)]
    rows = sum(len(part) for part in same)
    return Kinship(
        tuple(m.name for m in models),
        tuple(s for s in spans if s.values),
        bits[0],
        bits[1],
        rows,
        tuple(gaps),
        share == 1.0,
        tables[frame],
        tuple(tables),
    )


def frame_of(models: Sequence[Artifact]) -> int:
    """The model in whose numbers the others are told: of the commonest shape, the first."""
    shapes = [(m.architecture.name, m.geometry) if m.architecture else None for m in models]
    counts = [0 if s is None else shapes.count(s) for s in shapes]
    return int(np.argmax(counts))


def _table(frame: Artifact, model: Artifact) -> tuple[dict[str, Pair], str]:
    """What of a model is held against which role of the frame, and why nothing is."""
    if model is frame:
        layers = [(k, k) for k in range(frame.geometry.layers)] if frame.geometry else []
    else:
        try:
            layers = sorted((i, j) for j, i in closest_layers(model, frame).items())
        except ForebearError as error:
            return {}, error.message
    tokens = tokens_of(frame, model)
    pairs, _ = counterparts(frame, model, layers, tokens)
    out: dict[str, Pair] = {}
    for pair in pairs:
        out.setdefault(pair.role, pair)  # of layers or experts that are copies of one, the first
    return out, "" if any(_inner(role, p) for role, p in out.items()) else "its matrices have other shapes"


def _untied(model: Artifact) -> bool:
    """Whether the output has a matrix of its own: where it shares the embedding's, every row moves in any training."""
    return "lm_head" in model.names and model.names["lm_head"] != model.names.get("embed")


def _inner(role: str, pair: Pair) -> bool:
    """Whether this is a matrix of attention or MLP."""
    return role.startswith("layers.") and len(pair.a.tensor.shape) == 2 and "router" not in role


def spread(length: int, most: int) -> Indices:
    """At most so many of the numbers below ``length``, evenly spaced."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(np.int64))


def fits(pair: Pair, frame: Pair) -> bool:
    """Whether rows of this pair are rows of the frame's own matrix, in the frame's order."""
    return pair.size[1] == frame.size[1] and (
        pair.ids is not None or (pair.size[0] == frame.size[0] and pair.axis == frame.axis)
    )


def _span(role: str, frame: Pair, met: Sequence[Pair | None], share: float) -> Span:
    """Squared distances of one matrix, read in blocks of rows; a model whose file is damaged there is left out."""
    count, (height, width) = len(met), frame.size
    squares, scale, values = np.zeros((count, count)), np.zeros(count), 0
    equal, asked = np.zeros((count, count)), 0
    there = np.array([p is not None and p.ids is None and fits(p, frame) for p in met])
    step = max(1, round(height * width * share) // SAMPLED)
    for start, stop in _pieces(height, share, max(1, AT_ONCE // (width * count))):
        block = np.zeros((count, (stop - start) * width))
        for k, pair in enumerate(met):
            if there[k] and pair is not None:
                try:
                    block[k] = pair.theirs(start, stop).reshape(-1)
                except (ForebearError, ValueError):
                    there[k] = False
        block[:, ~np.isfinite(block).all(axis=0)] = 0.0  # behind a value that is no number nothing is compared
        scale += (block * block).sum(axis=1)
        some = block[:, ::step]
        equal += np.stack([((some == one) & (one != 0)).sum(axis=1) for one in some])
        asked += some.shape[1]
        block[there] -= block[int(np.argmax(there))].copy()
        inner = block @ block.T
        size = np.diag(inner)
        squares += np.maximum(size[:, None] + size[None, :] - 2 * inner, 0.0)
        values += (stop - start) * width
    squares[~there] = squares[:, ~there] = np.nan
    equal[~there] = equal[:, ~there] = 0.0
    largest = float(scale[there].max(initial=0.0))
    told = largest > 0 and int(there.sum()) > 1
    return Span(role, values if told else 0, squares, equal / max(1, asked), largest)


def _pieces(height: int, share: float, most: int) -> Iterator[tuple[int, int]]:
    if share == 1.0:
        yield from ((k, min(height, k + most)) for k in range(0, height, most))
        return
    wanted = max(1, round(height * share))
    size = max(1, wanted // PIECES)
    for begin in dict.fromkeys(np.linspace(0, height - size, min(PIECES, wanted)).round().astype(int).tolist()):
        yield from ((k, min(begin + size, k + most)) for k in range(begin, begin + size, most))


def _rows(frame: Pair, met: Sequence[Pair | None], chosen: Indices) -> Iterator[tuple[Flags, Flags]]:
    """``(rows, N, N)``: which of the chosen rows are one in two models, and which are two."""
    width = min(frame.size[1], ROW_VALUES)
    step = max(1, AT_ONCE // (len(met) * max(width, len(met))))
    for start in range(0, len(chosen), step):
        ids = chosen[start : start + step]
        lines = np.zeros((len(ids), len(met), width))
        for k, pair in enumerate(met):
            if pair is None or not fits(pair, frame):
                continue
            try:
                found, where = _their_rows(pair, ids)
            except (ForebearError, ValueError):
                continue
            lines[where, k] = found[:, :width]
        yield one_row(lines)


def _their_rows(pair: Pair, ids: Indices) -> tuple[F32, Indices]:
    """Rows of a model that belong to these rows of the frame, and which of them it has."""
    if pair.ids is None:
        return np.concatenate([pair.theirs(a, b) for a, b in runs(ids)]), np.arange(len(ids))
    place = np.searchsorted(pair.ids[:, 0], ids)
    inside = place < len(pair.ids)
    inside[inside] &= pair.ids[place[inside], 0] == ids[inside]
    where = np.flatnonzero(inside)
    parts = [pair.theirs(a, b) for a, b in runs(place[where])]
    return (np.concatenate(parts) if parts else np.zeros((0, pair.size[1]), np.float32)), where


def one_row(lines: F64) -> tuple[Flags, Flags]:
    """Which rows are one up to rounding and a factor, and which clearly are not; zeros and no numbers are neither."""
    lines = np.where(np.isfinite(lines).all(axis=2, keepdims=True), lines, 0.0)
    length = np.linalg.norm(lines, axis=2, keepdims=True)
    alive = length[:, :, 0] > 1e-30
    unit = np.divide(lines, length, out=np.zeros_like(lines), where=length > 1e-30)
    cosine = unit @ unit.transpose(0, 2, 1)
    apart = np.sqrt(np.maximum(1.0 - np.clip(cosine, -1.0, 1.0) ** 2, 0.0))
    both = alive[:, :, None] & alive[:, None, :]
    return (apart <= SAME_ROW) & (cosine > 0) & both, ((apart >= OTHER_ROW) | (cosine <= 0)) & both


def packed(parts: list[Flags], models: int) -> Bits:
    """``(rows, N, N)`` flags as ``(N, N, rows / 8)`` bits."""
    flags = np.concatenate(parts) if parts else np.zeros((0, models, models), np.bool_)
    return np.packbits(np.moveaxis(flags, 0, 2), axis=2)
