"""``mixture/1``: inner products of a model and several references, from which all questions about merges are answered.

Merges of weights are combinations of their parents, tensor by tensor (mergekit's ``linear``, ``task_arithmetic``,
``slerp``, ``ties``, ``dare_linear``, ``dare_ties``, ``passthrough``). So one pass over the values keeps, for every
tensor, the inner products of all models (least squares, distances, angles), how many values equal a reference's bit for
bit, which whole rows two models share and a third one does not, and a bounded sample of values for what is decided
value by value. Sums are float64 and taken of differences from the first reference, so that nothing is lost where all
models are close.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.base import Tensor
from forebear.artifacts.roles import runs, template, tensors_by_role
from forebear.signals.alignment import closest_layers

NAME = "mixture/1"
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_REFERENCES = 5
"""References that are held against one model at a time."""
AT_ONCE = 2_000_000
"""Values of all models together in memory at a time."""
SAMPLED = 4_096
"""Values of a tensor that are kept for what is decided value by value."""
SAMPLED_IN_ALL = 1_000_000
"""Values of a model that are kept so, at most."""
SAME_ROW = 0.002
"""Distance of two rows, one scaled to the other, as a share of their length, up to which they are one row: rounding to
bfloat16 leaves about 0.0012 (two rows, half a unit in the last place each, uniform)."""
OTHER_ROW = 0.01
"""Distance from which on they are two."""
BITS = {"BF16": 8, "F16": 11, "F32": 24, "F64": 53}
"""Binary digits of a value, the leading one counted."""


@dataclass(frozen=True)
class Unit:
    """One tensor of the model and the tensors of all references that meet it.

    Attributes:
        role: in the model.
        group: ``embed``, ``lm_head``, ``layers.3.attn``, ``layers.3.mlp`` or ``norms``.
        values: number of values read.
        products: ``(K + 1, K + 1)`` inner products of X - R1, R2 - R1, ..., RK - R1 and, last, R1.
        equal: ``(K,)`` values of X that are equal to the reference's.
        odd: ``(K, K)`` rows in which X and the second reference are one and the first is another.
        apart: ``(K, K)`` rows in which two references are one and X is another.
        rounding: expected square of all that rounding to the model's dtype did.
    """

    role: str
    group: str
    values: int
    products: F64
    equal: Indices
    odd: Indices
    apart: Indices
    rounding: float


@dataclass(frozen=True)
class Gram:
    """A model and K references as inner products, tensor by tensor.

    Attributes:
        names: of the references.
        units: the tensors that all of them have.
        sample: ``(K + 1, n)`` values at the same places, the model's first.
        half: half a unit in the last place of a value near one, for the model's dtype.
        left_out: tensors that could not be compared, and why, a clause each.
        whole: whether every value of those that could be compared was read.
    """

    names: tuple[str, ...]
    units: tuple[Unit, ...]
    sample: F32
    half: float
    left_out: tuple[str, ...]
    whole: bool

    @property
    def body(self) -> tuple[Unit, ...]:
        """Matrices of attention and MLPs; all that there is where there are none."""
        inner = tuple(u for u in self.units if u.role.startswith("layers.") and u.group != "norms")
        return inner or self.units

    def only(self, chosen: Sequence[int]) -> Gram:
        """The same with these references alone, in this order."""
        k = len(self.names)
        turn = np.zeros((len(chosen) + 1, k + 1))  # of the new basis, in the old one: all from the new first reference
        turn[0, 0] = 1.0
        turn[-1, k] = 1.0
        if chosen[0]:
            turn[:-1, chosen[0]] = -1.0
            turn[-1, chosen[0]] = 1.0
        for row, number in enumerate(chosen[1:], 1):
            if number:
                turn[row, number] += 1.0
        pick = np.ix_(chosen, chosen)
        units = tuple(
            Unit(
                u.role,
                u.group,
                u.values,
                turn @ u.products @ turn.T,
                u.equal[list(chosen)],
                u.odd[pick],
                u.apart[pick],
                u.rounding,
            )
            for u in self.units
        )
        kept = self.sample[[0, *(c + 1 for c in chosen)]]
        return Gram(tuple(self.names[c] for c in chosen), units, kept, self.half, self.left_out, self.whole)


def raw(products: F64) -> F64:
    """Inner products of X, R1, ..., RK themselves from those of a :class:`Unit`; for sums of units alike."""
    size = len(products)
    turn = np.zeros((size, size))
    turn[:, -1] = 1.0
    turn[0, 0] = 1.0
    for k in range(1, size - 1):
        turn[k + 1, k] = 1.0
    return np.asarray(turn @ products @ turn.T)


def distances(products: F64) -> F64:
    """``(K + 1, K + 1)`` squared distances of X, R1, ..., RK from the inner products of a :class:`Unit`."""
    size = len(products)
    inner = np.zeros((size, size))  # of differences from R1, which is itself the zero vector
    at = [0, *range(2, size)]
    inner[np.ix_(at, at)] = products[:-1, :-1]
    squares = np.diag(inner)
    return np.asarray(np.maximum(squares[:, None] + squares[None, :] - 2 * inner, 0.0))


def gram(target: Artifact, references: Sequence[Artifact], most: int | None = None) -> Gram:
    """Read a model and its references side by side.

    Args:
        target: the model X.
        references: of the same width; layers are aligned by rows that a few of their tensors share.
        most: values to read of each model, in evenly spaced blocks of rows; None for every value.

    Raises:
        FormatError: a tensor's file is damaged.
    """
    tables = [tensors_by_role(m) for m in (target, *references)]
    maps = [closest_layers(target, r) for r in references]
    total = sum(t.size for t in tables[0].values()) or 1
    share = 1.0 if most is None else min(1.0, most / total)
    quota = max(64, min(SAMPLED, SAMPLED_IN_ALL // max(1, len(tables[0]))))
    units: list[Unit] = []
    samples: list[F32] = []
    left_out: list[str] = []
    for role, tensor in tables[0].items():
        others = [table.get(_renumbered(role, layers)) for table, layers in zip(tables[1:], maps, strict=True)]
        met = [tensor, *(o for o in others if o is not None)]
        if len(met) <= len(references):
            left_out.append(f"{role}: not in every reference")
            continue
        rows = _token_rows(role, met, (target, *references))
        if rows is None or not all(t.signed and t.shape for t in met):
            left_out.append(f"{role}: other sizes, or no readable values")
            continue
        unit, sample = _unit(role, met, rows, share, quota)
        if unit.values:
            units.append(unit)
            samples.append(sample)
    half = 2.0 ** -BITS.get(_common_dtype(tables[0]), 24)
    joined = np.concatenate(samples, axis=1) if samples else np.zeros((len(references) + 1, 0), np.float32)
    return Gram(tuple(r.name for r in references), tuple(units), joined, half, tuple(left_out), share == 1.0)


def _common_dtype(tensors: dict[str, Tensor]) -> str:
    sizes: dict[str, int] = {}
    for tensor in tensors.values():
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.size
    return max(sizes, key=lambda d: sizes[d], default="F32")


def _renumbered(role: str, layers: dict[int, int]) -> str:
    """The role in a reference whose layers are these of the model's."""
    parts = role.split(".")
    if parts[0] == "layers" and len(parts) > 1 and parts[1].isdigit():
        parts[1] = str(layers.get(int(parts[1]), "none"))
    return ".".join(parts)


def _token_rows(role: str, met: list[Tensor], models: tuple[Artifact, ...]) -> list[Indices] | None:
    """Rows to read of each model; empty arrays stand for all of them, None for no way to compare.

    Rows of token matrices meet by string where the vocabularies differ.
    """
    alike = all(t.shape == met[0].shape for t in met)
    family = models[0].architecture
    axes = family.roles[template(role)].axes if family and role in models[0].names else ()
    if "token" not in axes:
        return [np.zeros(0, np.int64)] * len(met) if alike else None
    known = [m.tokenizer for m in models]
    if alike and len({t.digest if t else "" for t in known}) == 1:
        return [np.zeros(0, np.int64)] * len(met)
    if not all(known) or axes[0] != "token" or any(t.shape[1:] != met[0].shape[1:] for t in met):
        return None
    tables = [t.ids for t in known if t is not None]
    common = [s for s in tables[0] if all(s in t and t[s] < m.shape[0] for t, m in zip(tables, met, strict=True))]
    common.sort(key=lambda s: tables[0][s])
    return [np.array([t[s] for s in common], np.int64) for t in tables] if common else None


def _unit(role: str, met: list[Tensor], rows: list[Indices], share: float, quota: int) -> tuple[Unit, F32]:
    """Sums over one tensor, and a sample of its values."""
    count = len(met)
    products = np.zeros((count, count))
    equal = np.zeros(count - 1, np.int64)
    odd, apart = (np.zeros((count - 1, count - 1), np.int64) for _ in range(2))
    rounding, values, step = 0.0, 0, max(1, int(met[0].size * share) // quota)
    unit_half = 2.0 ** -BITS.get(met[0].dtype, 24)
    kept: list[F32] = []
    for block in _blocks(met, rows, share):
        block[:, ~np.isfinite(block).all(axis=0)] = 0.0  # behind a value that is no number nothing is compared
        wide = block.astype(np.float64)
        basis = np.concatenate([wide[:1] - wide[1], wide[2:] - wide[1], wide[1:2]])
        flat = basis.reshape(count, -1)
        products += flat @ flat.T
        equal += np.array([int((block[0] == one).sum()) for one in block[1:]])
        if len(met[0].shape) > 1:
            together, other = _one_row(wide)
            for i in range(1, count):
                for j in range(1, count):
                    odd[i - 1, j - 1] += int((together[0, j] & other[0, i] & other[i, j]).sum())
                    apart[i - 1, j - 1] += int((together[i, j] & other[0, i] & other[0, j]).sum())
        _, exponent = np.frexp(block[0])
        rounding += float(((2.0 * unit_half) ** 2 / 12 * 4.0 ** (exponent - 1.0) * (block[0] != 0)).sum())
        values += int(block[0].size)
        if len(met[0].shape) > 1:
            kept.append(block.reshape(count, -1)[:, ::step])
    sample = np.concatenate(kept, axis=1) if kept else np.zeros((count, 0), np.float32)
    return Unit(role, _group(role, met[0]), values, products, equal, odd, apart, rounding), sample[:, : 2 * quota]


def _one_row(wide: F64) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``(K + 1, K + 1, rows)``: which rows are one up to rounding and a factor, and which clearly are not."""
    lines = np.moveaxis(wide.reshape(*wide.shape[:2], -1), 0, 1)  # (rows, models, width)
    inner = lines @ lines.transpose(0, 2, 1)
    squares = np.maximum(np.einsum("rii->ri", inner), 1e-140)  # whose products do not underflow
    cosine = inner / np.sqrt(squares[:, :, None] * squares[:, None, :])
    apart = np.sqrt(np.maximum(1.0 - np.minimum(cosine, 1.0) ** 2, 0.0)).transpose(1, 2, 0)
    alive = (squares > 1e-130).all(axis=1) & (cosine > 0).all(axis=(1, 2))
    return (apart <= SAME_ROW) & alive, (apart >= OTHER_ROW) & alive


def _blocks(met: list[Tensor], rows: list[Indices], share: float) -> Iterator[F32]:
    """``(K + 1, rows, ...)`` values of all models at the same places."""
    height = len(rows[0]) or met[0].shape[0]
    width = prod(met[0].shape[1:])
    most = max(1, AT_ONCE // (width * len(met)))
    if share == 1.0:
        pieces = [(start, min(height, start + most)) for start in range(0, height, most)]
    else:
        wanted = max(1, round(height * share))
        number = min(8, wanted)
        size = max(1, min(most, wanted // number))
        starts = np.linspace(0, height - size, number).round().astype(int)
        pieces = [(int(s), int(s) + size) for s in dict.fromkeys(starts)]
    for start, stop in pieces:
        yield np.stack([_rows(t, chosen, start, stop) for t, chosen in zip(met, rows, strict=True)])


def _rows(tensor: Tensor, chosen: Indices, start: int, stop: int) -> F32:
    if not len(chosen):
        return tensor.rows(start, stop)
    wanted = chosen[start:stop]
    order = np.argsort(wanted, kind="stable")
    read = np.concatenate([tensor.rows(a, b) for a, b in runs(wanted[order])])
    out = np.empty_like(read)
    out[order] = read
    return out


def _group(role: str, tensor: Tensor) -> str:
    parts = role.split(".")
    if len(tensor.shape) < 2:
        return "norms"
    if parts[0] != "layers" or len(parts) < 3:
        return parts[0] if not role.startswith("name:") else "others"
    return f"layers.{parts[1]}.{'attn' if parts[2] == 'attn' else 'mlp'}"
