"""Made-up counts of sign coins."""

from __future__ import annotations

from forebear.lineage.counts import Counts
from forebear.signals.sign_code import Cell


def model(share: float, layers: int = 8, only: tuple[int, ...] | None = None, residual: float | None = None) -> Counts:
    """A model whose layers agree at a share; ``only`` names the layers that do, the others are at chance."""
    cells = [Cell("residual", None, None, 200, round(200 * (share if residual is None else residual)))]
    for layer in range(layers):
        here = share if only is None or layer in only else 0.5
        cells += [Cell(g, layer, layer, n, round(n * here)) for g, n in (("glu", 64), ("value_output", 32))]
    return Counts(tuple(cells))
