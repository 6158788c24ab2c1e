"""Common coordinates for the residual streams of two models, whoever permuted or rotated one of them.

Tokens that both models know are points in both streams; the orthogonal map that takes one cloud of points to the other
(Schönemann 1966) gives coordinates, and never a p-value: independent models share the geometry of their tokens. What
makes the coins fair is that flipping generators of the reference moves its own coordinates along: nothing below depends
on a sign that is tested later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals.matching import even, matched, unit
from forebear.signals.seen import Indices, embedded

F32 = NDArray[np.float32]

MOST_TOKENS = 1_024
"""Points of a cloud. Fewer than the width is enough: what lies outside of their span is not compared."""
FEWEST_TOKENS = 64
MATCHING = 512
"""Coordinates by which rows look for their like; cosines of unlike rows stay below 0.2 in as many."""
PERMUTED = 0.5
"""Share of the best rotation's fit from which on a signed permutation is taken for the map; between independent
models of width d its expectation is sqrt(ln d / d) times 1.7, 0.3 at 128 and less in every wider model."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Bases of the two residual streams, column by column the same directions.

    Attributes:
        a: ``(width_a, k)``; rows of the reference times this are coordinates that can be compared.
        b: ``(width_b, k)``.
        dims: ``(k, 2)`` dimensions of A and B that are the same up to sign, where the map is a permutation, else None.
        signs: ``(k,)`` that sign.
        columns: where the map is a permutation, the ``(k, points)`` columns of each cloud that were joined.
        points: the number of tokens, or of matched rows, that it was made from.
        made_from: ``tokens``, ``rows`` of the embedding by number, or ``circuits``.
    """

    a: F32
    b: F32
    points: int
    made_from: str
    dims: Indices | None = None
    signs: F32 | None = None
    columns: tuple[F32, F32] | None = None

    def of_a(self, rows: F32, most: int | None = None) -> F32:
        """Rows of the reference ``(n, width_a)`` in common coordinates ``(n, k)``; the first ``most`` of those.

        A row that overflows is no number, silently.
        """
        if self.dims is not None:
            return np.asarray(rows[:, self.dims[:most, 0]])
        with np.errstate(all="ignore"):
            return np.asarray(rows @ self.a[:, :most])

    def of_b(self, rows: F32, most: int | None = None) -> F32:
        """The same of the model in question."""
        if self.dims is not None and self.signs is not None:
            return np.asarray(rows[:, self.dims[:most, 1]] * self.signs[:most])
        with np.errstate(all="ignore"):
            return np.asarray(rows @ self.b[:, :most])


def token_frame(a: Artifact, b: Artifact) -> Frame | None:
    """The frame that the embeddings of tokens in common give; None where there are too few of them."""
    ids_a, ids_b, made_from = common_tokens(a, b)
    if len(ids_a) < FEWEST_TOKENS:
        return None
    one, two = _by_id(a, ids_a), _by_id(b, ids_b)
    if one is None or two is None:
        return None
    return frame_of(unit(one), unit(two), made_from)


def frame_of(one: F32, two: F32, made_from: str) -> Frame:
    """The frame of two clouds of points, ``(n, width_a)`` and ``(n, width_b)``, row by row the same points."""
    basis_a, core_a = _span(one)
    basis_b, core_b = _span(two)
    left, values, right = np.linalg.svd(core_a.T @ core_b, full_matrices=False)
    permuted = _permutation(one, two, float(values.sum()))
    if permuted is None:
        return Frame(basis_a @ left, basis_b @ right.T, len(one), made_from)
    dims, signs = permuted
    a, b = (np.zeros((x.shape[1], len(dims)), dtype=np.float32) for x in (one, two))
    k = np.arange(len(dims))
    a[dims[:, 0], k], b[dims[:, 1], k] = 1.0, signs
    columns = np.ascontiguousarray(one.T[dims[:, 0]]), np.ascontiguousarray(two.T[dims[:, 1]])
    return Frame(a, b, len(one), made_from, dims, signs, columns)


def common_tokens(a: Artifact, b: Artifact, most: int = MOST_TOKENS) -> tuple[Indices, Indices, str]:
    """Ids of up to ``most`` tokens that both models have: by string, else by number where vocabularies match."""
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), "tokens"
    if a.tokenizer is not None and b.tokenizer is not None:
        theirs = b.tokenizer.ids
        pairs = sorted(
            (i, theirs[t])
            for t, i in a.tokenizer.ids.items()
            if i < ga.vocabulary and theirs.get(t, gb.vocabulary) < gb.vocabulary
        )
        made_from = "tokens"
    else:
        size = min(ga.vocabulary, gb.vocabulary) if ga.vocabulary == gb.vocabulary else 0
        pairs, made_from = [(i, i) for i in range(size)], "rows"
    if len(pairs) > most:
        pairs = [pairs[i] for i in even(len(pairs), most)]
    chosen = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1], made_from


def _by_id(artifact: Artifact, ids: Indices) -> F32 | None:
    """Embedding rows in the order of ``ids``, which need not ascend."""
    ascending, where = np.unique(ids, return_inverse=True)
    rows = embedded(artifact, ascending)
    return None if rows is None else rows[where]


def _span(rows: F32) -> tuple[F32, F32]:
    """An orthonormal basis ``(width, k)`` of the rows' span, and the rows in it, ``(n, k)``."""
    if len(rows) >= rows.shape[1]:
        return np.eye(rows.shape[1], dtype=np.float32), rows
    basis, core = np.linalg.qr(rows.T)
    return basis, core.T


def _permutation(one: F32, two: F32, rotated: float) -> tuple[Indices, F32] | None:
    """The signed permutation of dimensions between two clouds, None where a rotation, with this fit, is clearly better.

    Decided from absolute correlations and singular values, which no flip of a dimension changes.
    """
    cross = one.T @ two
    size = np.abs(cross)
    dims = matched(size)
    fit = float(size[dims[:, 0], dims[:, 1]].sum())
    if not fit or fit < PERMUTED * rotated:
        return None
    return dims, np.sign(cross[dims[:, 0], dims[:, 1]]).astype(np.float32)
