"""Rounding after a rotation: one model's neurons in the other's coordinates, held against the other's grid.

A model that was rotated and then rounded lies on its grid in its own coordinates alone. If the other one were this
model, turned back, its rows would come out equal in these coordinates; if this one was rounded, they are spread over
the cells. That can only be asked where the coordinates are known as well as floats are: the embeddings, which give the
rotation and which quantisers mostly leave alone, have to agree to the rounding of bfloat16. A training in between that
moved rows by less than that is not told from none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.inspect.disguise import Undone
from forebear.signals.frames import Frame, common_tokens
from forebear.signals.lattice import GROUPS, lattice_of
from forebear.signals.matching import cosines, even, matched
from forebear.signals.rounding import BFLOAT, Rounding, pooled, rounds
from forebear.signals.seen import AXIS, embedded, seen

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Part = tuple[Artifact, int, str]
"""Of a layer of a model."""

PARTS = ("mlp.up", "mlp.gate", "attn.q", "attn.k", "attn.v")
EXPERT_PARTS = ("up", "gate")
"""What reads the stream row by row: a row needs nothing but the frame, and finds its like by its direction."""
MOST_LAYERS, MOST_ROWS = 4, 16_384
ALIKE = 0.5
"""Cosine from which on a row can be another one, rounded; where one row of a part finds no like, nothing is said."""
ERRORS = 4.0
"""Standard errors of a rotated value that are allowed for."""


def aligned_rounding(a: Artifact, b: Artifact, undone: Undone) -> dict[str, Rounding]:
    """By way (``a_to_b``: B's values are A's rounded) how sampled rows lie in the other's cells.

    Empty where neither is on a grid, or where the coordinates are not known well enough.

    Raises:
        InputError: rows could not be read.
    """
    error = frame_error(a, b, undone.frame)
    if error is None or error > BFLOAT:
        return {}
    turn = undone.frame.a @ undone.frame.b.T
    layers = [undone.aligned.layers[k] for k in even(len(undone.aligned.layers), MOST_LAYERS)]
    found: dict[str, list[Rounding]] = {}
    for i, j in layers:
        parts = [(part, part) for part in PARTS]
        if (known := undone.aligned.experts.get(j)) is not None and len(known.pairs):
            x, y = known.pairs[0]
            parts += [(f"experts.{x}.{part}", f"experts.{y}.{part}") for part in EXPERT_PARTS]
        for one, two in parts:
            for way, found_one in (
                ("a_to_b", _rounding((a, i, one), (b, j, two), turn, error)),
                ("b_to_a", _rounding((b, j, two), (a, i, one), turn.T, error)),
            ):
                if found_one is not None:
                    found.setdefault(way, []).append(found_one)
    return {way: pooled(each) for way, each in found.items()}


def _rounding(rich: Part, poor: Part, turn: F32, error: float) -> Rounding | None:
    """Some rows of a part that is on a grid against the other model's in its coordinates."""
    tensor = role_tensor(poor[0], f"layers.{poor[1]}.{poor[2]}")
    if tensor is None or "residual" not in tensor.role.axes:
        return None
    axis = AXIS.get(poor[2], "neuron")
    chosen = even(min(tensor.length(axis), MOST_ROWS), GROUPS)
    stored = tensor.rows(axis, chosen, len(turn.T))
    lattice = lattice_of(stored)
    if lattice is None or lattice.cut is None or lattice.cut.kind not in ("row", "group") or lattice.cut.turned:
        return None
    own, others = seen(*poor, chosen), seen(*rich)
    if own is None or others is None or len(others) > MOST_ROWS:
        return None
    with np.errstate(all="ignore"):
        gains = (own * stored).sum(axis=0) / (stored * stored).sum(axis=0)
        turned = np.asarray(others @ turn / gains, dtype=np.float32)
    if not np.isfinite(turned).all() or not np.allclose(own, stored * gains, rtol=1e-5, atol=0):
        return None  # a norm takes out means, which are on no grid
    pairs = matched(cosines(turned, stored), ALIKE)
    if len(pairs) < len(stored):
        return None
    allowed = ERRORS * error * float(np.sqrt(np.mean(stored.astype(np.float64) ** 2)))
    return rounds(turned[pairs[np.argsort(pairs[:, 1]), 0]], stored, lattice, error=allowed)


def frame_error(a: Artifact, b: Artifact, frame: Frame) -> float | None:
    """By how much the embeddings of common tokens differ in a frame, root mean square, relatively.

    None where the frame does not come from tokens or does not span both streams.
    """
    ids_a, ids_b, made_from = common_tokens(a, b)
    whole = frame.a.shape == frame.b.shape and frame.a.shape[0] == frame.a.shape[1]
    if made_from != frame.made_from or not whole:
        return None
    rows = _embedded(a, ids_a), _embedded(b, ids_b)
    if rows[0] is None or rows[1] is None:
        return None
    one, two = frame.of_a(rows[0]).astype(np.float64), frame.of_b(rows[1]).astype(np.float64)
    size = float((one**2).sum())
    return float((((one - two) ** 2).sum() / size) ** 0.5) if size else None


def _embedded(artifact: Artifact, ids: Indices) -> F32 | None:
    """Embedding rows in the order of ``ids``, which need not ascend."""
    ascending, where = np.unique(ids, return_inverse=True)
    rows = embedded(artifact, ascending)
    return None if rows is None else rows[where]
