"""Dimensions of two residual streams of unequal width: which are each other's, and what those are that one has more.

A dimension is what is written to it: by embeddings, attention and MLPs. One to which nothing is written, or that
nothing reads, is idle or weak; one that is a combination of dimensions that were kept adds nothing (a stream that is
there twice, be it turned, is such a combination); any other carries what the narrower model has no place for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.experts import experts_of
from forebear.signals.frames import Frame, common_tokens
from forebear.signals.generators import read_scattered
from forebear.signals.match import EXPERTS
from forebear.signals.matching import even
from forebear.signals.parts import Extras, Kept, alike_rounded, drift_of, judged, others, shown, stored, weak_beside
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]

LAYERS = 8
"""Layers that show what is a combination of what, evenly spaced; whether anything is written is asked of all."""
ROWS = 256
"""Rows of each of their matrices, and of the embedding four times as many."""
ENOUGH = 2
"""Written values per dimension from which on it is told whether one is a combination of others."""
BLOCK = 4_096
"""Rows of the embedding in memory at a time."""
READERS = ("attn.q", "attn.k", "attn.v", "mlp.gate", "mlp.up", "shared.gate", "shared.up")
WRITERS = ("attn.o", "mlp.down", "shared.down")
BIASES = ("attn.o.bias", ".down.bias")
"""What else is added to the stream."""


def dimensions_kept(a: Artifact, b: Artifact, frame: Frame) -> Kept | None:
    """Which dimensions of the narrower stream the wider one has; None where widths are equal, or streams are rotated.

    Raises:
        InputError: rows could not be read.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None or ga.width == gb.width or frame.dims is None:
        return None
    dims = frame.dims
    side = int(gb.width > ga.width)
    extra = others(max(ga.width, gb.width), dims[:, side].tolist())
    extras = _extras((a, b)[side], dims[:, side], extra)
    drift = _drift(a, b, frame)
    return Kept("dimensions", len(dims), min(ga.width, gb.width), shown({"": dims.tolist()}), extras, drift)


def _drift(a: Artifact, b: Artifact, frame: Frame) -> float | None:
    """How far the embedding of tokens in common has moved in the dimensions that were kept."""
    ids = common_tokens(a, b)[:2]
    one, two = (_embedding(model, chosen) for model, chosen in zip((a, b), ids, strict=True))
    if one is None or two is None or not len(one):
        return None
    with np.errstate(all="ignore"):
        x, y = alike_rounded(frame.of_a(one).astype(np.float64), frame.of_b(two).astype(np.float64))
        cosine = float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
    return drift_of(cosine)


def _embedding(model: Artifact, ids: Indices) -> F32 | None:
    """Embedding rows as they are stored, in the order of ``ids``, which need not ascend."""
    tensor = role_tensor(model, "embed")
    if tensor is None or not len(ids):
        return None
    ascending, where = np.unique(ids, return_inverse=True)
    return read_scattered(tensor, ascending)[where]


def _extras(model: Artifact, kept: Indices, extra: Indices) -> Extras:
    """What the dimensions are that a stream has more; its own rows are all that is asked."""
    g = model.geometry
    assert g is not None
    embedded = _embedding(model, even(g.vocabulary, 4 * ROWS))
    if embedded is None or not len(kept):
        return Extras(untold=len(extra))
    layers = even(g.layers, LAYERS).tolist()
    into = _stacked([embedded, *_parts(model, WRITERS, layers)])
    out = _stacked([np.zeros((1, g.width), dtype=np.float32), *_parts(model, READERS, layers)])
    good = np.asarray(np.isfinite(into).all(axis=0) & np.isfinite(out).all(axis=0))
    if len(into) < ENOUGH * g.width or not good[kept].all():
        return Extras(untold=len(extra))
    into, out = (np.where(good, rows, 0.0) for rows in (into, out))
    sizes = [np.linalg.norm(rows, axis=0) for rows in (into, out)]
    weak = np.any([weak_beside(size[extra], size[kept], embedded) for size in sizes], axis=0)
    explained, chance = _explained(into[:, kept], into[:, extra]), len(kept) / len(into)
    beyond = np.maximum(0.0, (explained**2 - chance) / (1 - chance))
    written = _written(model, extra)
    return judged(~good[extra] | ~np.isfinite(written), written == 0, weak, explained, beyond)


def _written(model: Artifact, extra: Indices) -> F32:
    """The largest value that is written to each of these dimensions, over every writer; no number where one is none."""
    assert model.geometry is not None
    size = model.geometry.vocabulary
    most = np.zeros(len(extra), dtype=np.float32)
    for start in range(0, size, BLOCK):
        rows = _embedding(model, np.arange(start, min(size, start + BLOCK)))
        if rows is not None:
            most = np.maximum(most, np.abs(rows[:, extra]).max(axis=0))
    for rows in _parts(model, WRITERS, range(model.geometry.layers), every=True):
        most = np.maximum(most, np.abs(rows[:, extra]).max(axis=0))
    for role in (r for r in model.names if r == "positions" or r.endswith(BIASES)):
        tensor = role_tensor(model, role)
        values = tensor.tensor.values() if tensor is not None else np.full(model.geometry.width, np.nan, np.float32)
        rows = values.reshape(-1, values.shape[-1])
        usable = rows.shape[1] == model.geometry.width
        most = np.maximum(most, np.abs(rows[:, extra]).max(axis=0)) if usable else np.full_like(most, np.nan)
    return most


def _parts(model: Artifact, names: Sequence[str], layers: Iterable[int], every: bool = False) -> Iterator[F32]:
    """Rows of parts against the stream, gains folded in, no number where the stored value is none; experts' as well.

    Some rows and some experts only, unless ``every``.
    """
    for layer in layers:
        count = experts_of(model, layer)
        experts = range(count) if every else even(count, EXPERTS).tolist() if count else []
        routed = [f"experts.{e}.{name[4:]}" for e in experts for name in names if name.startswith("mlp.")]
        for part in (*names, *routed):
            raw, rows = stored(model, layer, part), seen(model, layer, part)
            if raw is None or rows is None or not len(rows):
                continue
            chosen = even(len(rows), len(rows) if every else ROWS)
            folded = raw if every else rows
            yield np.where(np.isfinite(raw[chosen]), folded[chosen], np.float32(np.nan))


def _stacked(blocks: Sequence[F32]) -> F64:
    """Rows of all blocks, the root mean square of each block's numbers one."""
    made = []
    for block in blocks:
        values = block.astype(np.float64)
        numbers = values[np.isfinite(values)]
        scale = float(np.sqrt(np.mean(numbers**2))) if numbers.size else 0.0
        made.append(values / scale if scale > 0 else values)
    return np.concatenate(made)


def _explained(kept: F64, extra: F64) -> F64:
    """The cosine of every extra column with the nearest combination of kept ones; 0 for a column of zeros."""
    basis = np.linalg.qr(kept)[0]
    norms = np.linalg.norm(basis.T @ extra, axis=0), np.linalg.norm(extra, axis=0)
    return np.asarray(np.divide(norms[0], norms[1], out=np.zeros_like(norms[0]), where=norms[1] > 0))
