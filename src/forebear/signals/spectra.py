"""``spectra/1``: singular values that no change of coordinates touches, in a few kilobytes. It nominates, no more.

What a head writes for what it reads is the product of its value and output matrices; what it looks for, the product
of its query and key matrices. Seen from the residual stream with norm gains folded in (:mod:`forebear.signals.seen`)
neither changes when heads are permuted or their dimensions mixed, and their singular values not even when the stream
is rotated (cf. GhostSpec, Wang et al. 2025, arXiv 2511.06390, who take the products of whole layers). Where the
products of a large model cost too much, the singular values of keys and values alone are left, which an invertible
mixing inside a head does change.

Independent models have similar spectra, so raw similarity says nothing: what all references have in common is taken out
first (:func:`consensus`), and what is left is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.layout import slot_layers
from forebear.signals.seen import AXIS, seen

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

NAME = "spectra/1"
PLACES = 8
"""Depths that are described; the outer ones are counted from the ends, so that lost layers do not shift them."""
PARTS = ("value_output", "query_key", "value", "key", "latent", "router")
LEVELS, HEADS = 8, 8
"""Quantiles of a head's spectrum, and of every one of them over the heads: the same length for any number of heads."""
PROFILE = LEVELS * HEADS
SPECTRA_BYTES = PLACES * len(PARTS) * PROFILE * 2

BUDGET_VALUES = 72_000_000
"""Values read of one model: 144 MB of bfloat16."""
LARGEST_VALUES = 32_000_000
"""Of one matrix, which has to be held in memory."""
NOISE = 0.01
"""Power, as a share of a layer's mean, below which singular values are what quantising to four bits leaves of zero."""
FEWEST_REFERENCES = 3
"""Independent references from which on there is a consensus."""

_HEADED = frozenset(("value_output", "query_key", "value", "key"))
_PRIORITY = (1, 6, 3, 0, 7, 4, 2, 5)
_PRODUCTS = {"value_output": ("attn.v", "attn.o"), "query_key": ("attn.k", "attn.q")}
_SINGLES = {"value": "attn.v", "key": "attn.k", "latent": "attn.kv_latent", "router": "router"}


@dataclass(frozen=True, eq=False)
class Spectra:
    """The spectra of one model.

    Attributes:
        profiles: ``(8, 6, 64)`` float16: depth, part (see :data:`PARTS`), quantiles of log power; nan where not read.
    """

    profiles: NDArray[np.float16]

    def to_bytes(self) -> bytes:
        """As stored, little-endian."""
        return self.profiles.astype("<f2").tobytes()

    @staticmethod
    def from_bytes(raw: bytes) -> Spectra:
        """What :meth:`to_bytes` gave; ``ValueError`` where it cannot be that."""
        if len(raw) != SPECTRA_BYTES:
            raise ValueError("damaged spectra")
        return Spectra(np.frombuffer(raw, dtype="<f2").reshape(PLACES, len(PARTS), PROFILE).astype(np.float16))


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the spectra of independent references have in common: their mean, and the directions in which they differ.

    Attributes:
        mean: ``(8, 6, 64)``, the mean profiles.
        axes: for every part ``(r, 512)`` orthonormal directions of the references around their mean.
        cut: for every part ``(r,)``, the share of every direction that is taken out.
        references: how many there were; below three nothing is taken out.
    """

    mean: F32
    axes: tuple[F64, ...]
    cut: tuple[F64, ...]
    references: int


def spectra(artifact: Artifact) -> Spectra | None:
    """Measure a model; reads at most :data:`BUDGET_VALUES` values. None where nothing of it has a spectrum to read.

    Raises:
        InputError: a matrix could not be read.
    """
    profiles = np.full((PLACES, len(PARTS), PROFILE), np.nan, dtype=np.float16)
    places = _places(artifact)
    for place, parts in plan(artifact).items():
        for part, power in _powers(artifact, places[place], parts).items():
            profiles[place, PARTS.index(part)] = profile(power, LEVELS if part in _HEADED else PROFILE)
    return Spectra(profiles) if np.isfinite(profiles).any() else None


def plan(artifact: Artifact) -> dict[int, tuple[str, ...]]:
    """Which parts are read at which depth; decided by sizes alone, so that models of one shape show the same.

    The products of one layer first, then single matrices of all depths, then the products of the others, as far as the
    budget goes.
    """
    places = _places(artifact)
    order = [p for p in _PRIORITY if p in places]
    wanted = [(p, part) for p in order[:1] for part in _PRODUCTS]
    wanted += [(p, part) for p in order for part in _SINGLES]
    wanted += [(p, part) for p in order[1:] for part in _PRODUCTS]
    left, bought, found = BUDGET_VALUES, set[str](), dict[int, tuple[str, ...]]()
    for place, part in wanted:
        names = [f"layers.{places[place]}.{m}" for m in _matrices(part)]
        costs = {name: _cost(artifact, name) for name in names}
        if any(cost is None or cost > LARGEST_VALUES for cost in costs.values()):
            continue
        price = sum(cost or 0 for name, cost in costs.items() if name not in bought)
        if price <= left:
            left -= price
            bought |= set(names)
            found[place] = (*found.get(place, ()), part)
    return found


def profile(power: F64, levels: int) -> NDArray[np.float16]:
    """Quantiles of the log of squared singular values, of all heads of a layer, in units of their mean.

    Args:
        power: ``(heads, n)`` squared singular values.
        levels: quantiles over a head's values; the other factor of :data:`PROFILE` is taken over the heads.

    Returns:
        ``(64,)``; nan where there is no power at all, or no number.
    """
    mean = power.mean()
    if not np.isfinite(mean) or mean <= 0:
        return np.full(PROFILE, np.nan, dtype=np.float16)
    values = np.log(np.maximum(power, 0.0) / mean + NOISE)
    within = np.quantile(values, _middles(levels), axis=1)
    over = np.quantile(within, _middles(PROFILE // levels), axis=1)
    return np.asarray(over.T.ravel(), dtype=np.float16)


def consensus(references: Sequence[Spectra]) -> Consensus:
    """What independent references have in common; one entry per lineage, or the largest lineage is what is taken out.

    Models differ most in how long they were trained and least in what tells one from another. So the directions in
    which references differ are shrunk as ridge regression would, at the median of their variances.
    """
    if not references:
        return Consensus(np.zeros((PLACES, len(PARTS), PROFILE), dtype=np.float32), (), (), 0)
    stack = np.stack([r.profiles.astype(np.float64) for r in references])
    good = np.isfinite(stack)
    counts = good.sum(axis=0)
    stack = np.where(good, stack, 0.0)  # numpy warns of a signalling nan, which a damaged index may hold
    mean = stack.sum(axis=0) / np.maximum(counts, 1)
    centred = np.where(good, stack - mean, 0.0)
    axes, cut = [], []
    for part in range(len(PARTS)):
        _, sizes, directions = np.linalg.svd(centred[:, :, part].reshape(len(stack), -1), full_matrices=False)
        used = sizes > 1e-6 * sizes.max(initial=0.0)
        variance = sizes[used] ** 2
        ridge = np.median(variance) if len(variance) else 1.0
        axes.append(directions[used])
        cut.append(1.0 - np.sqrt(ridge / (ridge + variance)))
    return Consensus(mean.astype(np.float32), tuple(axes), tuple(cut), len(references))


def similarities(query: Spectra, others: Sequence[Spectra], common: Consensus) -> F64:
    """How alike a model is to each of others once the consensus is taken out, in [-1, 1], about 0 for independent ones.

    Of every part the concordance (Lin 1989) over all depths that both show; then the mean of the better half of the
    parts, because a change of coordinates spoils some of them and not others. Without a consensus it is the concordance
    of raw profiles, which is near 1 for all models and only orders them.

    Returns:
        ``(n,)``; nan where nothing can be compared.
    """
    if not others:
        return np.zeros(0)
    stack = np.stack([o.profiles.astype(np.float32) for o in others])
    one = np.broadcast_to(query.profiles.astype(np.float32), stack.shape)
    both = np.isfinite(one) & np.isfinite(stack)
    mean = common.mean if common.references >= FEWEST_REFERENCES else np.float32(0.0)
    x, y = (by_part(np.where(both, np.where(both, v, 0.0) - mean, 0.0), common) for v in (one, stack))
    size = np.einsum("nqk,nqk->nq", x, x) + np.einsum("nqk,nqk->nq", y, y)
    dot = 2.0 * np.einsum("nqk,nqk->nq", x, y)
    agreement = np.where(size > 0, dot / np.where(size > 0, size, 1.0), -np.inf)
    best = np.sort(agreement, axis=1)[:, ::-1]
    known = np.isfinite(best)
    half = (known.sum(axis=1) + 1) // 2
    chosen = known & (np.arange(len(PARTS)) < half[:, None])
    total = np.where(chosen, best, 0.0).sum(axis=1)
    return np.asarray(np.where(half > 0, total / np.maximum(half, 1), np.nan))


def by_part(residual: F32, common: Consensus) -> F64:
    """Residuals ``(n, 8, 6, 64)`` by part, ``(n, 6, 512)``, the directions shrunk in which references differ anyway."""
    flat = residual.transpose(0, 2, 1, 3).reshape(len(residual), len(PARTS), -1).astype(np.float64)
    if common.references >= FEWEST_REFERENCES:
        for part, (axes, cut) in enumerate(zip(common.axes, common.cut, strict=True)):
            flat[:, part] -= ((flat[:, part] @ axes.T) * cut) @ axes
    return flat


def _places(artifact: Artifact) -> dict[int, int]:
    """Depth slot to layer."""
    return slot_layers(artifact.geometry.layers, PLACES) if artifact.geometry else {}


def _matrices(part: str) -> tuple[str, ...]:
    return _PRODUCTS.get(part) or (_SINGLES[part],)


def _cost(artifact: Artifact, role: str) -> int | None:
    """Values read for all rows of a role against the residual stream; None where it has no such rows."""
    tensor, geometry = role_tensor(artifact, role), artifact.geometry
    if tensor is None or geometry is None or "residual" not in tensor.role.axes:
        return None
    axis = AXIS[role.split(".", 2)[2]]
    headed = axis in ("query", "key", "value", "mixed")
    if headed and (geometry.heads is None or geometry.head_dim is None or geometry.kv_rank):
        return None
    whole = tensor.role.axes.index(axis) != 0  # stored by columns: every storage row crosses all of them
    return tensor.tensor.size if whole else tensor.length(axis) * geometry.width


def _powers(artifact: Artifact, layer: int, parts: tuple[str, ...]) -> dict[str, F64]:
    """Squared singular values ``(heads, n)`` of every part of a layer, from Gram matrices of heads."""
    grams: dict[str, F64] = {}
    for matrix in dict.fromkeys(m for part in parts for m in _matrices(part)):
        rows = seen(artifact, layer, matrix)
        if rows is not None:
            grams[matrix] = _grams(rows, _heads(artifact, matrix))
    found: dict[str, F64] = {}
    for part in parts:
        have = [grams[m] for m in _matrices(part) if m in grams]
        if len(have) == len(_matrices(part)):
            found[part] = _of_product(*have) if len(have) == 2 else np.asarray(np.linalg.eigvalsh(have[0]))
    return found


def _heads(artifact: Artifact, matrix: str) -> int:
    geometry = artifact.geometry
    assert geometry is not None
    if matrix in ("attn.q", "attn.o"):
        return geometry.heads or 1
    return (geometry.kv_heads or 1) if matrix in ("attn.k", "attn.v") else 1


def _grams(rows: F32, heads: int) -> F64:
    """Gram matrices ``(heads, n, n)`` of the rows of every head, in units of the largest value."""
    largest = float(np.abs(rows).max(initial=0.0))
    blocks = (rows / largest if largest > 0 else rows).reshape(heads, -1, rows.shape[1])
    return np.asarray(blocks @ blocks.transpose(0, 2, 1), dtype=np.float64)


def _of_product(shared: F64, own: F64) -> F64:
    """Squared singular values of ``own_hᵀ shared_g`` for every query head h and its key/value head g.

    They are the eigenvalues of the product of the two Gram matrices.
    """
    if shared.shape[1:] != own.shape[1:]:
        return np.zeros((1, 1))
    values, vectors = np.linalg.eigh(shared)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    root = np.repeat(root, len(own) // len(shared), axis=0)
    return np.asarray(np.linalg.eigvalsh(root.transpose(0, 2, 1) @ own @ root))


def _middles(count: int) -> F64:
    return (np.arange(count) + 0.5) / count
