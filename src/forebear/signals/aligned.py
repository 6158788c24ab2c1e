"""``aligned-coins/1``: the exact sign test after a disguise is undone.

Whoever permutes neurons, heads or experts, rotates the residual stream or moves norm gains changes no output, and takes
the coins of ``sign-code/1`` out of their places. Here they are put back: streams by a frame, layers, experts, heads and
neurons by what no flip of the tested generators can change (gate rows, routers, the circuits o·v and q·k, absolute
cosines). What is then counted is the sign of each generator's product with its counterpart. Under H0, independent
initialisations, such a sign is a fair coin whatever the maps are, so the count is Binomial(n, 1/2) and no search has to
be paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.copies import Distinct, kind_of
from forebear.signals.experts import ExpertMap, expert_map
from forebear.signals.frames import MATCHING, Frame
from forebear.signals.generators import Block, plane_dims, usable_rows
from forebear.signals.heads import HeadMap, head_map
from forebear.signals.layers import layer_map
from forebear.signals.matching import cosines, even, matched
from forebear.signals.seen import seen
from forebear.signals.sign_code import Cell, compare_rows

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Onto = Callable[[F32], F32]
"""From rows of a model to their coordinates in the common frame."""

NAME = "aligned-coins/1"
NEURONS = 1_024
"""Neurons of B's layer that look for their counterpart; A's are all candidates."""
EXPERTS = 8
"""Experts of a layer that are matched neuron by neuron; each shows its share of the neurons."""
NEURON_GROUPS = ("glu", "experts", "upcycled")


@dataclass(frozen=True)
class Aligned:
    """Two models with their coordinates put together.

    Attributes:
        cells: coins by group and pair of layers.
        layers: pairs of layers that were compared.
        neurons: matched neurons by layer of B: ``(n, 2)`` indices in A and B.
        fit: mean cosine of matched gate rows by layer of B.
        heads: matched key/value heads by layer of B, ``(n, 2)``.
        experts: matched experts by layer of B, where both layers have some.
    """

    cells: tuple[Cell, ...]
    layers: tuple[tuple[int, int], ...]
    neurons: dict[int, Indices]
    fit: dict[int, float]
    heads: dict[int, Indices]
    experts: dict[int, ExpertMap]


def align(a: Artifact, b: Artifact, frame: Frame, groups: frozenset[str], side: int) -> Aligned:
    """Coins of two models in a common frame.

    Args:
        a: the reference.
        b: the model in question.
        frame: of their residual streams.
        groups: coin groups that both families have.
        side: which of the two is relied on (0: A): its copied layers are counted once.

    Raises:
        InputError: rows could not be read.
    """
    cells: list[Cell] = []
    neurons: dict[int, list[Indices]] = {}
    fit: dict[int, list[float]] = {}
    heads: dict[int, Indices] = {}
    experts: dict[int, ExpertMap] = {}
    pairs = layer_map(a, b, frame)
    distinct = Distinct()

    def count(one: Block, two: Block) -> None:
        trusted = (one, two)[side]
        fresh = distinct.of(kind_of(one.group), np.where(trusted.valid[:, None], trusted.rows, 0.0).astype(np.float32))
        cells.append(compare_rows(replace(one, valid=one.valid & fresh), replace(two, positions=one.positions)))

    if "residual" in groups and (columns := _residual(frame)) is not None:
        count(*columns)
    for i, j in pairs:
        if (known := expert_map(a, i, b, j, frame)) is not None:
            experts[j] = known
        for one, two, cosine in _blocks(a, i, b, j, frame, groups, side, known):
            if one.group in NEURON_GROUPS:
                neurons.setdefault(j, []).append(np.stack([one.positions, two.positions], axis=1))
                fit.setdefault(j, []).append(cosine)
            if one.group == "value_output" and a.geometry is not None and a.geometry.value_dim:
                heads[j] = np.unique(np.stack([one.positions, two.positions], axis=1) // a.geometry.value_dim, axis=0)
            count(one, two)
    return Aligned(
        tuple(c for c in cells if c.n),
        tuple(pairs),
        {j: np.concatenate(found) for j, found in neurons.items()},
        {j: float(np.mean(found)) for j, found in fit.items()},
        heads,
        experts,
    )


def _residual(frame: Frame) -> tuple[Block, Block] | None:
    """Dimensions of the two streams that a permutation joins, by the points that it was found from."""
    if frame.dims is None or frame.columns is None or frame.made_from == "circuits":
        return None  # rows of layers are those layers' coins, and say nothing about the embedding
    labels = tuple(str(k) for k in range(frame.points))
    one, two = (
        Block("residual", None, rows, frame.dims[:, 0], usable_rows(rows), rows, labels) for rows in frame.columns
    )
    return one, two


def _blocks(
    a: Artifact,
    i: int,
    b: Artifact,
    j: int,
    frame: Frame,
    groups: frozenset[str],
    side: int,
    known: ExpertMap | None,
) -> Iterator[tuple[Block, Block, float]]:
    """Matched rows of a pair of layers, group by group, in the frame's coordinates; and how well they were matched."""
    if "glu" in groups:
        for stem in ("mlp", "shared"):
            yield from _neurons("glu", a, i, stem, b, j, stem, frame)
    if "experts" in groups and known is not None:
        yield from _experts(a, i, b, j, frame, side, known.pairs)
    if "upcycled" in groups:
        yield from _upcycled(a, i, b, j, frame)
    if groups & {"value_output", "query_key"} and (heads := head_map(a, i, b, j, frame)) is not None:
        yield from _heads(a, i, b, j, frame, groups, heads)


def _neurons(
    group: str, a: Artifact, i: int, stem_a: str, b: Artifact, j: int, stem_b: str, frame: Frame
) -> Iterator[tuple[Block, Block, float]]:
    """Neurons matched by their gate rows; the up rows carry the coins."""
    there = _spread(b, j, f"{stem_b}.gate")
    gates = seen(a, i, f"{stem_a}.gate"), seen(b, j, f"{stem_b}.gate", there)
    if gates[0] is None or gates[1] is None:
        return
    similarity = cosines(frame.of_a(gates[0], MATCHING), frame.of_b(gates[1], MATCHING))
    pairs = matched(similarity)
    mean = float(similarity[pairs[:, 0], pairs[:, 1]].mean()) if len(pairs) else 0.0
    pairs = np.stack([pairs[:, 0], there[pairs[:, 1]]], axis=1)
    pairs = pairs[np.argsort(pairs[:, 0])]
    one = _picked(a, i, f"{stem_a}.up", pairs[:, 0])
    two = _picked(b, j, f"{stem_b}.up", pairs[:, 1])
    if one is not None and two is not None and len(pairs):
        yield _block(group, i, one, frame.of_a, pairs[:, 0]), _block(group, j, two, frame.of_b, pairs[:, 1]), mean


def _experts(
    a: Artifact, i: int, b: Artifact, j: int, frame: Frame, side: int, pairs: Indices
) -> Iterator[tuple[Block, Block, float]]:
    """Matched experts, neuron by neuron.

    Every expert of the model that is relied on shows other neurons, as in the sign code: experts that were made from
    one MLP hold each of its coins once between them, and signs cannot tell reliably that they were.
    """
    pairs = pairs[np.argsort(pairs[:, 0])]
    chosen = pairs[even(len(pairs), EXPERTS)]
    for turn, (x, y) in enumerate(chosen):
        for one, two, mean in _neurons("experts", a, i, f"experts.{x}", b, j, f"experts.{y}", frame):
            shown = (one, two)[side].positions % len(chosen) == turn
            yield _some(one, shown), _some(two, shown), mean


def _some(block: Block, shown: NDArray[np.bool_]) -> Block:
    """Some rows of a block."""
    return replace(
        block,
        rows=block.rows[shown],
        positions=block.positions[shown],
        valid=block.valid[shown],
        raw=block.raw[shown],
    )


def _upcycled(a: Artifact, i: int, b: Artifact, j: int, frame: Frame) -> Iterator[tuple[Block, Block, float]]:
    """A dense MLP against the one of the other's experts that shows it best: one coin per dense neuron."""
    dense = [f"layers.{layer}.mlp.gate" in m.names for m, layer in ((a, i), (b, j))]
    if dense[0] == dense[1]:
        return
    model = b if dense[0] else a
    count = min(EXPERTS, model.geometry.experts if model.geometry else 0)
    found = [
        pair
        for e in range(count)
        for pair in _neurons(
            "upcycled", a, i, "mlp" if dense[0] else f"experts.{e}", b, j, "mlp" if dense[1] else f"experts.{e}", frame
        )
    ]
    if found:
        yield max(found, key=lambda pair: (pair[2], len(pair[0].positions)))


def _heads(
    a: Artifact, i: int, b: Artifact, j: int, frame: Frame, groups: frozenset[str], heads: HeadMap
) -> Iterator[tuple[Block, Block, float]]:
    """Value dimensions and planes of key/value heads that were matched by their circuits."""
    geometry, family = a.geometry, a.architecture
    assert geometry is not None and family is not None
    if "value_output" in groups and geometry.value_dim:
        at = _dims(heads.heads, heads.values, geometry.value_dim)
        one, two = _picked(a, i, "attn.v", at[:, 0]), _picked(b, j, "attn.v", at[:, 1])
        if one is not None and two is not None and len(at):
            values = (
                _block("value_output", i, one, frame.of_a, at[:, 0]),
                _block("value_output", j, two, frame.of_b, at[:, 1]),
            )
            yield *values, heads.fit
    if "query_key" in groups and geometry.head_dim:
        layout = "none" if geometry.rotary is None else family.rope
        first, second = plane_dims(geometry.head_dim, geometry.rotary or 0, layout, geometry.head_dim)
        sides: list[Block] = []
        for model, layer, onto, column in ((a, i, frame.of_a, 0), (b, j, frame.of_b, 1)):
            planes = [(first, second)] * len(heads.heads)
            if geometry.rotary is None and heads.keys is not None:
                planes = [(k[:, column], k[:, column]) for k in heads.keys]
            offsets = heads.heads[:, column] * geometry.head_dim
            x = np.concatenate([p[0] + o for p, o in zip(planes, offsets, strict=True)])
            y = np.concatenate([p[1] + o for p, o in zip(planes, offsets, strict=True)])
            rows = _picked(model, layer, "attn.k", x), _picked(model, layer, "attn.k", y)
            if rows[0] is None or rows[1] is None:
                return
            other = np.where((x == y)[:, None], 0.0, rows[1]).astype(np.float32)
            sides.append(
                Block(
                    "query_key",
                    layer,
                    np.concatenate([onto(rows[0]), onto(other)], axis=1),
                    x,
                    usable_rows(np.concatenate([rows[0], other], axis=1)),
                    rows[0],
                )
            )
        yield sides[0], sides[1], heads.fit


def _dims(heads: Indices, inside: list[Indices], size: int) -> Indices:
    """Dimensions of matched heads, ``(n, 2)``, from those inside of each pair of heads."""
    parts = [pairs + np.array([x * size, y * size]) for (x, y), pairs in zip(heads, inside, strict=True)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.int64)


def _spread(artifact: Artifact, layer: int, part: str) -> Indices:
    """Up to ``NEURONS`` rows of a part, evenly spaced."""
    tensor = role_tensor(artifact, f"layers.{layer}.{part}")
    size = tensor.length("neuron") if tensor is not None else 0
    return even(size, NEURONS)


def _picked(artifact: Artifact, layer: int, part: str, indices: Indices) -> F32 | None:
    """Rows in the order of ``indices``, which need not ascend."""
    ascending, where = np.unique(indices, return_inverse=True)
    rows = seen(artifact, layer, part, ascending)
    return None if rows is None else rows[where]


def _block(group: str, layer: int, rows: F32, onto: Onto, positions: Indices) -> Block:
    return Block(group, layer, onto(rows), positions, usable_rows(rows), rows)
