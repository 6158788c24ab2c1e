"""Common coordinates of two models from their bodies alone, where no token is in common or embeddings say nothing.

A neuron's invariants (:mod:`forebear.signals.invariants`) say which neuron of the other model it may be. Whether such
a guess holds is asked of something that it was not made from: half of the guessed pairs are landmarks, and a neuron of
the other half is described by its cosines with them, which no rotation changes either (relative representations,
Moschella et al. 2023, arXiv 2209.15430). Among independent models a neuron's guessed partner is the best one by
landmarks as often as a random map has a fixed point: about once a half, however many neurons there are. In one layer
that passes, the pairs on which both agree carry coordinates over to other layers, and all of them give the frame.

Everything here is a function of gate rows, gains and quantities that the tested flips leave alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals.frames import Frame, frame_of
from forebear.signals.invariants import Neurons, described, largest
from forebear.signals.matching import cosines, matched, unit

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Reading = Callable[[Artifact, int], Neurons | None]
Guess = Callable[[Neurons, Neurons], Indices]

FEWEST_PAIRS = 16
"""Pairs of a layer on which invariants and landmarks agree. Of independent models about two do, so sixteen has a chance
of 1e-9 (Poisson); and a frame that is wrong nevertheless costs time and makes no coin unfair."""
MOST_POINTS = 1_024
"""Points of the frame; where the width is larger, what lies outside of their span is not compared."""
SEED_LAYERS = 3
"""Layers of A, spread over its depth, of which one has to be found in B."""
FRAME_LAYERS = 6
ROUNDS = 2
"""How often the pairs found so far look for more."""
REACH = 1
"""Neighbours on either side that describe a layer, where both models have the same number of layers."""
CANDIDATES = 6
"""Layers of B that are tried for one of A where the numbers differ, nearest in relative depth first."""
RIDGE = 0.1
"""Share of the mean variance of features that is added to every variance: differences below it are noise."""


def circuit_frame(a: Artifact, b: Artifact) -> Frame | None:
    """The frame that the neurons of two models give; None where no layer of A is recognised in B.

    Reads up to 18 layers, of two models of a width of 2048 with 5e10 operations each.

    Raises:
        InputError: rows could not be read.
    """
    if a.geometry is None or b.geometry is None:
        return None
    reach = REACH if a.geometry.layers == b.geometry.layers else 0
    seed = next(_recognised(a, b, SEED_LAYERS, partial(described, reach=reach), alike), None)
    if seed is None:
        return None
    points = [seed]
    for _ in range(ROUNDS):
        landmarks = tuple(np.concatenate([_centred(layer[side]) for layer in points]) for side in (0, 1))
        guess = partial(_beside, landmarks[0], landmarks[1])
        points = list(_recognised(a, b, FRAME_LAYERS, largest, guess)) or points
    each = MOST_POINTS // len(points)
    ours, theirs = (np.concatenate([unit(layer[side][:each]) for layer in points]) for side in (0, 1))
    return frame_of(ours, theirs, "circuits")


def _recognised(a: Artifact, b: Artifact, most: int, read: Reading, guess: Guess) -> Iterator[tuple[F32, F32]]:
    """Rows of A and of B that are the same neurons, for every layer of A (of ``most``) that is found in B."""
    assert a.geometry is not None and b.geometry is not None
    theirs: dict[int, Neurons | None] = {}
    for i in _spread(a.geometry.layers, most):
        one = read(a, i)
        for j in _near(i, a.geometry.layers, b.geometry.layers):
            if j not in theirs:
                theirs[j] = read(b, j)
            two = theirs[j]
            if one is None or two is None:
                continue
            pairs = confirmed(one.rows, two.rows, guess(one, two))
            if len(pairs) >= FEWEST_PAIRS:
                yield one.rows[pairs[:, 0]], two.rows[pairs[:, 1]]
                break


def _spread(layers: int, most: int) -> list[int]:
    """Up to ``most`` layers, evenly over the depth."""
    count = min(layers, most)
    return [int((k + 0.5) * layers / count) for k in range(count)]


def _near(layer: int, ours: int, theirs: int) -> list[int]:
    """Layers of B to try for a layer of A, the most likely first."""
    if ours == theirs:
        return [layer]
    return sorted(range(theirs), key=lambda j: abs((j + 0.5) / theirs - (layer + 0.5) / ours))[:CANDIDATES]


def alike(one: Neurons, two: Neurons) -> Indices:
    """Pairs ``(n, 2)`` of neurons with the most similar invariants, each the other's best."""
    if min(len(one.rows), len(two.rows)) < FEWEST_PAIRS:
        return np.zeros((0, 2), dtype=np.int64)
    names = sorted(one.features.keys() & two.features.keys())
    x, y = (np.stack([of.features[name] for name in names], axis=1) for of in (one, two))
    variances, axes = np.linalg.eigh((np.cov(x.T) + np.cov(y.T)) / 2)
    white = axes / np.sqrt(np.maximum(variances, 0) + RIDGE * variances.mean() + 1e-9)
    return matched(cosines(np.asarray(x @ white, dtype=np.float32), np.asarray(y @ white, dtype=np.float32)))


def _beside(ours: F32, theirs: F32, one: Neurons, two: Neurons) -> Indices:
    """Pairs of neurons that lie most alike to landmarks in A and the same landmarks in B, each the other's best."""
    return matched(cosines(_centred(one.rows) @ ours.T, _centred(two.rows) @ theirs.T))


def confirmed(one: F32, two: F32, pairs: Indices) -> Indices:
    """Those of the pairs of rows that the other half of them leads to; none where there are too few to tell."""
    if len(pairs) < FEWEST_PAIRS:
        return pairs[:0]
    x, y = _centred(one[pairs[:, 0]]), _centred(two[pairs[:, 1]])
    kept = []
    for half in (0, 1):
        landmarks, asked = np.arange(half, len(pairs), 2), np.arange(1 - half, len(pairs), 2)
        again = matched(cosines(x[asked] @ x[landmarks].T, y[asked] @ y[landmarks].T))
        kept.append(asked[again[again[:, 0] == again[:, 1], 0]])
    return np.asarray(pairs[np.sort(np.concatenate(kept))])


def _centred(rows: F32) -> F32:
    """Directions without the one that all share, which tells no neuron from another; of length one."""
    units = unit(rows)
    return unit(units - units.mean(axis=0))
