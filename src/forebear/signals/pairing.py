"""Blocks of two models side by side: layers and experts that meet, and what was copied counted once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals.alignment import ROUTER_VALUES, layer_pairs, matched_experts
from forebear.signals.binomial import log10_tail
from forebear.signals.copies import Distinct, kind_of
from forebear.signals.generators import Block, layer_blocks, residual_block, summed_mlp
from forebear.signals.layout import plan
from forebear.signals.sign_code import COPY_ALPHA, SignCode, compare_rows, relies_on

COPY_COSINE = 0.3
"""Mean signed cosine of two blocks of one model from which on they are taken for copies."""


def paired_blocks(
    a: Artifact, b: Artifact, codes: tuple[SignCode, SignCode], comparable: frozenset[str]
) -> Iterator[tuple[Block, Block]]:
    """Blocks of two models side by side, one layer pair at a time; layers aligned by the gains of all layers.

    Routed experts are matched by their router rows, which the tested flips of an expert's neurons cannot change. Where
    one model has experts in the place of the other's dense MLP (upcycling, arXiv 2212.05055), the sum of the experts
    stands for the MLP: one coin per neuron of the dense one.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None:
        return
    if "residual" in comparable:
        one, two = residual_block(a), residual_block(b)
        if one is not None and two is not None:
            yield one, two
    how = plan(gb.layers, gb.width)
    wanted = set(how.slots.values())
    spent = 0
    once = CountedOnce()
    side = relies_on(*codes)
    for i, j in layer_pairs(a, b, ga.layers, gb.layers):
        if j not in wanted:
            continue
        experts = None
        if "experts" in comparable and spent + ga.experts * ga.width <= ROUTER_VALUES:
            spent += ga.experts * ga.width
            experts = matched_experts(a, i, b, j)
        theirs = {block.group: block for block in layer_blocks(b, j, how, experts)}
        for block in layer_blocks(a, i, how):
            if block.group in comparable and block.group in theirs:
                pair = block, theirs[block.group]
                yield from once.pair(pair, side)
        if "upcycled" in comparable:
            one, two = summed_mlp(a, i, how), summed_mlp(b, j, how)
            if one is not None and two is not None:
                yield from once.pair((one, two), side)


class CountedOnce:
    """What was compared of the trusted model already, so that no copy of it is counted again."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Block]] = {}

    def pair(self, pair: tuple[Block, Block], side: int) -> Iterator[tuple[Block, Block]]:
        """The pair with the coins that were not counted yet; nothing where there are none.

        Args:
            pair: blocks of the two models.
            side: which of the two is relied on; the other one is not asked.
        """
        fresh = self._fresh(pair[side])
        if fresh.any():
            one, two = (
                replace(block, valid=block.valid & fresh) if k == side else block for k, block in enumerate(pair)
            )
            yield one, two

    def _fresh(self, block: Block) -> NDArray[np.bool_]:
        """``(n,)`` rows that hold no coin of an earlier block, nor of another row; remembers the block.

        Copied layers, and experts made from the MLP that the shared expert was made from, lie in the same order. They
        are told by their signs (of inner products, fair between independent layers) and, where there are too few rows
        for that, by a mean signed cosine that fair signs do not reach. Inside of a block heads may be copies.
        """
        earlier = self._seen.setdefault(kind_of(block.group), [])
        for other in earlier:
            cell = compare_rows(other, block)
            same = cell.n > 0 and log10_tail(max(cell.agree, cell.n - cell.agree), cell.n) < COPY_ALPHA
            if same or abs(cell.cosine or 0.0) >= COPY_COSINE:
                return np.zeros(len(block.rows), dtype=bool)
        earlier.append(block)
        return Distinct().of(block.group, np.where(block.valid[:, None], block.rows, 0.0).astype(np.float32))
