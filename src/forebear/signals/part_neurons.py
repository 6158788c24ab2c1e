"""Neurons of two layers of unequal width: which are each other's, and what those are that one has more.

A neuron is known by its gate row and its up row together (without gates: by its up row), up rows up to a sign where a
flip of row and column changes nothing. It is a copy where its gate row alone is another's, up to a factor of either
sign: an activation of parallel rows can be cancelled, and one of rows that are not parallel cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals.experts import expert_map, experts_of
from forebear.signals.frames import Frame
from forebear.signals.matching import cosines, matched
from forebear.signals.parts import (
    ALIKE,
    Extras,
    Kept,
    Met,
    alike_rounded,
    bias_of,
    common,
    judged,
    others,
    pooled,
    stored,
    units,
    weak_beside,
)
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

BLOCK = 1_024
"""Neurons that look for their like at a time."""
NONE_AT_ZERO = ("silu", "swish", "gelu", "relu", "tanh")
"""Activations that are zero at zero, by the words that their names in a config contain."""
ACTIVATION = ("hidden_act", "hidden_activation", "activation_function")
"""Keys of a config that name the activation; where there are none the families' usual ones are zero at zero."""


def neurons_kept(a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]], frame: Frame) -> Kept | None:
    """Which neurons of the narrower model the wider one has, over these pairs of layers; None where they have no MLPs.

    Reads every MLP and expert.

    Raises:
        InputError: rows could not be read.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None:
        return None
    sizes = ga.intermediate or 0, gb.intermediate or 0
    met = [
        _met(a, i, stem_a, b, j, stem_b, frame, int(sizes[1] > sizes[0]))
        for i, j in layers
        for stem_a, stem_b in _stems(a, i, b, j, frame)
    ]
    return pooled("neurons", met, sizes[0] != sizes[1])


def _stems(a: Artifact, i: int, b: Artifact, j: int, frame: Frame) -> Iterator[tuple[str, str]]:
    """MLPs of two layers that belong together."""
    for stem in ("mlp", "shared"):
        if f"layers.{i}.{stem}.up" in a.names and f"layers.{j}.{stem}.up" in b.names:
            yield stem, stem
    if experts_of(a, i) and experts_of(b, j) and (known := expert_map(a, i, b, j, frame)) is not None:
        for x, y in known.pairs.tolist():
            yield f"experts.{x}", f"experts.{y}"


@np.errstate(all="ignore")
def _met(a: Artifact, i: int, stem_a: str, b: Artifact, j: int, stem_b: str, frame: Frame, wider: int) -> Met:
    """The neurons of two MLPs held against each other; ``wider`` is 1 where B is the wider model, 0 where A is."""
    where = f"{j}" if stem_b == "mlp" else f"{j}.{stem_b}"
    ours, theirs = _views(a, i, stem_a, frame, False), _views(b, j, stem_b, frame, True)
    if ours is None or theirs is None or ours.keys() != theirs.keys():
        return Met(where, np.zeros((0, 2), dtype=np.int64), 1, 0.0, Extras(untold=1))
    signed = [view for view in ("gate", "up") if view in ours]
    free = "gate" in ours
    similar = np.zeros((len(ours["up"]), len(theirs["up"])), dtype=np.float32)
    for view in signed:
        found = cosines(ours[view].astype(np.float32), theirs[view].astype(np.float32))
        similar += np.abs(found) if free and view == "up" else found
    pairs = matched(similar / np.float32(len(signed)), ALIKE)
    moved = [_cosine(ours[v], theirs[v], pairs, free and v != "gate") for v in ours] if len(pairs) else [0.0]
    narrow = (theirs, ours)[wider]
    of = int(np.any([narrow[v].any(axis=1) for v in signed], axis=0).sum())
    more = similar.shape[wider] - similar.shape[1 - wider]
    extra = others(similar.shape[wider], pairs[:, wider].tolist())
    extras = Extras(untold=-more) if more < 0 else Extras()
    if more > 0:
        extras = _extras(*((a, i, stem_a), (b, j, stem_b))[wider], extra)
    return Met(where, pairs, of, min(moved), extras)


def _views(model: Artifact, layer: int, stem: str, frame: Frame, is_b: bool) -> dict[str, F64] | None:
    """Rows of an MLP's matrices in common coordinates; None where one cannot be read."""
    views = [view for view in ("gate", "up", "down") if f"layers.{layer}.{stem}.{view}" in model.names]
    rows = {view: common(model, layer, f"{stem}.{view}", frame, is_b) for view in views}
    found = {view: r for view, r in rows.items() if r is not None}
    whole = len(found) == len(rows) and {"up", "down"} <= found.keys() and len({len(r) for r in found.values()}) == 1
    return found if whole else None


def _cosine(one: F64, two: F64, pairs: Indices, free: bool) -> float:
    """Mean cosine of paired rows, signs left out where they are free; two rows that are zero are equal."""
    x, y = (units(rows) for rows in alike_rounded(one[pairs[:, 0]], two[pairs[:, 1]]))
    cosine = (x * y).sum(axis=1)
    zero = ~x.any(axis=1) & ~y.any(axis=1)
    return float(np.where(zero, 1.0, np.abs(cosine) if free else cosine).mean())


def _extras(model: Artifact, layer: int, stem: str, extra: Indices) -> Extras:
    """What the neurons are that a layer has more; its own rows are all that is asked."""
    views = [view for view in ("gate", "up", "down") if f"layers.{layer}.{stem}.{view}" in model.names]
    raw = {view: stored(model, layer, f"{stem}.{view}") for view in views}
    folded = {view: seen(model, layer, f"{stem}.{view}") for view in views}
    rows = {view: r.astype(np.float64) for view, r in folded.items() if r is not None}
    if len(rows) != len(views) or any(r is None for r in raw.values()):
        return Extras(untold=len(extra))
    first = views[0]
    plain = {view: r for view, r in raw.items() if r is not None}
    biases = {view: bias_of(model, layer, f"{stem}.{view}", len(plain[view])) for view in views if view != "down"}
    bad = ~np.all([np.isfinite(r[extra]).all(axis=1) for r in plain.values()], axis=0)
    bad |= ~np.all([np.isfinite(x[extra]) for x in biases.values()], axis=0)
    empty = {view: ~r.any(axis=1) for view, r in rows.items()}
    nothing = {view: ~r.any(axis=1) & (biases[view] == 0) for view, r in plain.items() if view != "down"}
    idle = empty["down"] | (nothing[first] if _zero_at_zero(model) else False)
    if first == "gate" and _product(model):
        idle = idle | nothing["up"]
    norms = {view: np.linalg.norm(r, axis=1) for view, r in rows.items()}
    effects = np.prod(list(norms.values()), axis=0)
    kept = others(len(effects), extra.tolist())
    weak = np.any(list(empty.values()), axis=0)[extra] | _closed(model, biases[first], norms[first])[extra]
    weak |= weak_beside(effects[extra], effects[kept], plain["down"])
    following = {view: seen(model, layer + 1, f"{stem}.{view}") for view in views[:-1]}
    beyond = {view: r.astype(np.float64) for view, r in following.items() if r is not None}
    twin, like = _nearest(rows, beyond if len(beyond) == len(following) else {}, views[:-1], extra)
    return judged(bad, np.asarray(idle)[extra], weak, twin, like)


def _nearest(rows: dict[str, F64], beyond: dict[str, F64], views: list[str], extra: Indices) -> tuple[F64, F64]:
    """Of every extra the largest cosine of its first view with another neuron's, and of all its views; no signs.

    The layer's own rows come first, then those of the layer ``beyond``, from which some growth takes neurons as well
    (Chen et al. 2022, arXiv 2110.07143).
    """
    each = {view: units(np.concatenate([rows[view], beyond[view]]) if beyond else rows[view]) for view in views}
    made = {view: r.astype(np.float32) for view, r in each.items()}
    exact = each[views[0]]
    twin, like = np.zeros(len(extra)), np.zeros(len(extra))
    for start in range(0, len(extra), BLOCK):
        at = extra[start : start + BLOCK]
        cosine = {view: np.abs(made[view][at] @ made[view].T) for view in views}
        mean = np.mean(list(cosine.values()), axis=0)
        for table in (mean, cosine[views[0]]):
            table[np.arange(len(at)), at] = -1.0
        best = cosine[views[0]].argmax(axis=1)
        twin[start : start + BLOCK] = np.abs((exact[at] * exact[best]).sum(axis=1))
        like[start : start + BLOCK] = mean.max(axis=1)
    return twin, like


def _zero_at_zero(model: Artifact) -> bool:
    """Whether nothing in makes nothing out, as the config names the activation."""
    names = [str(model.config[key]).lower() for key in ACTIVATION if key in model.config]
    return all(any(word in name for word in NONE_AT_ZERO) for name in names)


def _product(model: Artifact) -> bool:
    """Whether a neuron's output is its gate's times its up row's, so that either alone can silence it."""
    return model.architecture is not None and bool({"glu", "experts"} & set(model.architecture.coins))


def _closed(model: Artifact, bias: F32, norms: F64) -> Flags:
    """Neurons whose bias no input can outweigh: a normed one is at most the root of the width long."""
    width = model.geometry.width if model.geometry is not None else 0
    return np.asarray((bias < 0) & (-bias.astype(np.float64) >= norms * width**0.5))
