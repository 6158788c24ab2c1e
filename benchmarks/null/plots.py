"""The study's pictures: SVG that is the same for the same numbers (fixed identifiers, no date)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from null.coins import Table, clopper_pearson, randomised_p
from null.power import COSINES, Power, expected_power

BLUE, ORANGE, GREY = "#2166ac", "#d6604d", "#777777"
_COLOURS = {"codes": ORANGE, "rows": BLUE, "aligned": BLUE, "permuted": ORANGE}


@contextmanager
def figure(path: Path, columns: int, height: float = 3.2) -> Iterator[Any]:
    """Axes of one row of panels; written to ``path`` at the end."""
    import_module("matplotlib").use("svg")
    plt = import_module("matplotlib.pyplot")  # by name, so that types can be checked where it is not installed
    settings = {"svg.hashsalt": "forebear", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with plt.rc_context(settings):
        drawing, axes = plt.subplots(1, columns, figsize=(4.2 * columns, height), squeeze=False, layout="constrained")
        yield axes[0]
        drawing.savefig(path, metadata={"Date": None})
        plt.close(drawing)


def draw_null(path: Path, tables: Mapping[str, Table]) -> None:
    """Pooled z of independent pairs beside the standard normal, by method."""
    edges = np.arange(-5, 5.01, 0.25)
    x = np.linspace(-5, 5, 201)
    with figure(path, len(tables)) as axes:
        for ax, (method, table) in zip(axes, tables.items(), strict=True):
            ax.hist(table.z, edges, density=True, color=_COLOURS[method], alpha=0.6)
            ax.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color="black", linewidth=1)
            ax.set(title=f"{method}, {len(table.n):,} pairs", xlabel="z of the pooled count", ylabel="density")


def draw_uniform(path: Path, tables: Mapping[str, Mapping[str, Table]], seed: int) -> None:
    """Cumulative distribution of randomised p-values, a line per group."""
    with figure(path, len(tables)) as axes:
        for ax, (method, groups) in zip(axes, tables.items(), strict=True):
            for name, table in groups.items():
                p = np.sort(randomised_p(table, np.random.default_rng(seed)))
                at = np.linspace(0, 1, 201)  # enough to see, and the picture stays small
                share = np.searchsorted(p, at, side="right") / len(p)
                ax.plot(at, share - at, linewidth=1, label=name.replace("_", "/"))
            ax.axhline(0, color=GREY, linewidth=0.8)
            ax.set(title=method, xlabel="randomised p", ylabel="share at or below p, minus p", ylim=(-0.12, 0.12))
            ax.legend(fontsize=7, frameon=False, ncols=2)


def draw_power(path: Path, points: Sequence[Power]) -> None:
    """Share of children found against cosine: points with 95 % intervals, lines from theory."""
    sizes = sorted({p.coins for p in points if p.source == "simulated"})
    x = np.linspace(0, 1, 201)
    with figure(path, 2, 3.6) as axes:
        for ax, method in zip(axes, ("codes", "rows"), strict=True):
            for k, coins in enumerate(sizes):
                shade = str(0.75 - 0.75 * k / max(1, len(sizes) - 1))
                ax.plot(x, [expected_power(method, coins, float(c)) for c in x], color=shade, linewidth=1)
                _points(ax, [p for p in points if (p.source, p.method, p.coins) == ("simulated", method, coins)], shade)
            _points(ax, [p for p in points if (p.source, p.method) == ("models", method)], _COLOURS[method], "s")
            ax.set(title=method, xlabel="cosine of child and parent", ylabel="share found", ylim=(-0.03, 1.03))
            ax.set_xticks([c for c in COSINES if round(c * 10) % 2 == 0 and c * 10 == round(c * 10)])


def _points(ax: Any, points: Sequence[Power], colour: str, marker: str = "o") -> None:
    if not points:
        return
    share = np.array([p.found / p.trials for p in points])
    limits = np.array([clopper_pearson(p.found, p.trials) for p in points])
    error = np.abs(limits.T - share)
    style = {"fmt": marker, "markersize": 3, "elinewidth": 0.8, "color": colour}
    ax.errorbar([p.cosine for p in points], share, yerr=error, label=f"{points[0].source}, {points[0].coins}", **style)
    ax.legend(fontsize=7, frameon=False, title="coins", title_fontsize=7)
