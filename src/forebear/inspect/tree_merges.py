"""Merges in a family tree: models that are combinations of others of their group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.errors import ForebearError
from forebear.inspect.mixture import budget
from forebear.inspect.tree_read import Opened
from forebear.lineage.mixture import Mixture
from forebear.lineage.provenance import provenance
from forebear.lineage.tree_costs import Costs
from forebear.signals.least_squares import select
from forebear.signals.mixture import MOST_REFERENCES, gram

F64 = NDArray[np.float64]
Step = Callable[[str], None]

NEAREST = 16
"""Relatives of a model among which its parents are looked for."""
COPY = 1e-6
"""Squared distance, as a share of that to the middle relative, up to which two models are one: no parents beside it."""
LATER = 0.25
"""Squared distance to a merge, as a share of that to any other, up to which a model hangs from the merge."""


def merges_among(
    models: Sequence[Opened], costs: Costs, effort: str, on_step: Step
) -> tuple[dict[int, Mixture], tuple[str, ...]]:
    """Which models of a group are merges of others in it, by number; and what could not be asked, a line each."""
    squares = costs.distances()
    found: dict[int, Mixture] = {}
    gaps: list[str] = []
    number = {m.name: k for k, m in enumerate(models)}
    for k, model in enumerate(models):
        chosen = [c for c in candidates(squares, k) if not _made_of(found.get(c), model.name)]
        if len(chosen) < 2:
            continue
        on_step(f"asking whether {model.name} is a merge")
        references = [models[c].artifact for c in chosen]
        try:
            mixture = provenance(gram(model.artifact, references, budget(model.artifact, len(references), effort)))
        except ForebearError as error:
            gaps.append(f"whether {model.name} is a merge: {error.message}")
            continue
        if mixture.merged:
            found[k] = mixture
    for k, mixture in list(found.items()):  # of two that explain each other, the one that leaves less is the merge
        for parent in mixture.parents:
            other = found.get(number[parent.name])
            if _made_of(other, models[k].name) and other is not None and other.residual <= mixture.residual:
                found.pop(k, None)
    return found, tuple(gaps)


def _made_of(mixture: Mixture | None, name: str) -> bool:
    return mixture is not None and any(p.name == name for p in mixture.parents)


def candidates(squares: F64, k: int) -> list[int]:
    """Relatives that explain most of a model together, at most five; none where one alone explains all of it."""
    others = [j for j in np.argsort(squares[k], kind="stable") if j != k and np.isfinite(squares[k, j])]
    near = [int(j) for j in others[:NEAREST]]
    if len(near) < 2 or squares[k, near[0]] <= COPY * float(np.median(squares[k, near])):
        return []
    apart = squares[np.ix_(near, near)]
    if not np.isfinite(apart).all():
        return []
    first = near[0]
    size = len(near) + 1
    products = np.zeros((size, size))  # of the differences from the nearest; its own square is far larger than any
    order = [k, *near[1:]]
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            products[i, j] = (squares[a, first] + squares[b, first] - squares[a, b]) / 2
    products[-1, -1] = 1e6 * float(np.max(squares[np.isfinite(squares)]))
    used = list(select(products, 100, 0.0).used)
    if len(used) < 2:
        return []
    chosen = [*used, *(j for j in range(len(near)) if j not in used)][:MOST_REFERENCES]
    return [near[j] for j in chosen]


def after_merges(squares: F64, merges: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Models that hang from a merge: so near to it that nothing else comes close, and no parents of it.

    Args:
        squares: ``(N, N)`` squared distances.
        merges: by number of a merge, those of its parents.
    """
    out: dict[int, int] = {}
    for k in range(len(squares)):
        others = [j for j in range(len(squares)) if j != k and j not in merges]
        possible = [m for m, parents in merges.items() if k not in parents]
        if k in merges or not others or not possible:
            continue
        nearest = min(possible, key=lambda m: squares[k, m])
        if squares[k, nearest] <= LATER * float(squares[k, others].min()):
            out[k] = nearest
    return out
