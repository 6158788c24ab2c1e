"""One picture: Forebear's p-values of independent pairs against uniform ones, and the scores of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from null.coins import Table, randomised_p
from null.plots import BLUE, GREY, ORANGE

from lineage.measure import Result
from lineage.tables import METHODS, Judge

COLUMNS = 4


def coin_table(results: Sequence[Result]) -> Table:
    """Coins in place of pairs, as the null study's tests take them; pairs without coins are not in it."""
    numbers: dict[str, int] = {}
    rows = [
        (*(numbers.setdefault(n, len(numbers)) for n in (r.reference, r.cluster)), r.coins, r.agree)
        for r in results
        if r.coins
    ]
    return Table(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def draw(path: Path, results: Sequence[Result], judge: Judge, seed: int) -> None:
    """The picture, as SVG that is the same for the same numbers."""
    import_module("matplotlib").use("svg")
    plt = import_module("matplotlib.pyplot")
    settings = {"svg.hashsalt": "forebear", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    count = -(-len(METHODS) // COLUMNS)
    with plt.rc_context(settings):
        drawing, axes = plt.subplots(count, COLUMNS, figsize=(12, 2.6 * count), squeeze=False, layout="constrained")
        panels = list(axes.ravel())
        _uniform(panels[0], results, seed)
        for ax, name in zip(panels[1:], METHODS[1:], strict=False):
            _histogram(ax, name, results, judge)
        for ax in panels[len(METHODS) :]:
            ax.set_visible(False)
        drawing.savefig(path, metadata={"Date": None})
        plt.close(drawing)


def _uniform(ax: Any, results: Sequence[Result], seed: int) -> None:
    printed = np.array([-r.log10_p for r in results if r.log10_p is not None])
    coins = -np.log10(randomised_p(coin_table(results), np.random.default_rng(seed)))
    for values, colour, label in ((coins, ORANGE, "coins in place, randomised"), (printed, BLUE, "as printed")):
        expected = -np.log10((np.arange(len(values)) + 0.5) / max(1, len(values)))
        ax.plot(expected, np.sort(values)[::-1], ".", markersize=3, color=colour, label=label)
    top = float(max([3.0, *printed, *coins]))
    ax.plot([0, top], [0, top], color=GREY, linewidth=0.8)
    ax.set(title="Forebear", xlabel="expected -log10 p", ylabel="-log10 p")
    ax.legend(fontsize=6, frameon=False)


def _histogram(ax: Any, name: str, results: Sequence[Result], judge: Judge) -> None:
    values = [r.scores[name] for r in results if name in r.scores]
    ax.hist(values, 30, color=BLUE, alpha=0.7)
    if name in judge.thresholds:
        ax.axvline(judge.thresholds[name], color=ORANGE, linewidth=1)
    above = sum(judge.says(name, r) for r in results)
    ax.set(title=f"{name}: {above} of {len(values)} above its threshold", xlabel="score", ylabel="independent pairs")
