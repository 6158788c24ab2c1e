"""The provenance set: which references are needed to explain a model, and whether that makes it a merge.

A relative of a true parent stands in no set beside it: once the parent is in, the relative takes nothing more away.
Fine-tunes of one base share directions through their data (cosines up to 0.6 were measured), so a sibling always
explains *something*; what no training does is to explain *everything*. Two updates of cosine r from one base leave at
least (1 + r) / 2 of the distance to the nearest of base and sibling, so a merge is only told where less than a fifth is
left, or where values show the patterns of TIES and DARE, or where parents that are independent of each other both stand
in the weights. Nothing here is a p-value; that the model depends on the references at all is shown before, by coins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.lineage.mixture import COLLINEAR, Mixture, Parent
from forebear.signals.least_squares import (
    Fit,
    base_of,
    condition,
    errors,
    fit,
    largest_cosine,
    nearest,
    pooled,
    select,
)
from forebear.signals.mixture import Gram, Unit, distances, raw
from forebear.signals.sparse_merge import SparseMerge, sparse_merge

F64 = NDArray[np.float64]

LEAST = 0.02
"""Coefficient from which on a reference counts as a parent, three standard errors deducted from it being above zero."""
LEAST_AFTERWARDS = 0.1
"""Coefficient from which on a reference counts where training may have gone on and parents share a base."""
BASE_FOR_A_REST = 0.2
"""Cosine of the references' updates up to which their base is taken for indexed, where a combination leaves a rest."""
LEAST_SPARSE = 0.05
"""Coefficient that every parent has to have where parts of updates were merged."""
CLEARLY_BASE = 0.1
"""Cosine of the references' updates up to which what they are taken from is their base and no parent beside them."""
SAME_WAY = 0.9
"""Cosine of the parents' updates above which what they are taken from is no base: it lies far away from both."""
EXACT = 0.02
"""Share of the distance to the nearest reference that an exact combination leaves, rounding apart."""
CLOSE = 0.2
"""Share that a combination may leave where training went on after the merge."""
STEADY = 0.05
"""Spread of a coefficient over tensors up to which it is one coefficient."""
TENSORS = 0.9
"""Share of values that lie in tensors which are explained one by one."""
INDEPENDENT = 0.1
"""Cosine of whole bodies below which two references share no base."""
LEAST_INDEPENDENT = 0.05
"""Coefficient from which on one of two independent references counts where training may have gone on."""
COPIED = 0.05
"""Distance of a layer from its own parent, as a share of that from every other: pass-through."""
AFTERWARDS = (
    "Training went on after the merge, or a parent is not indexed: then the coefficients are those of the nearest "
    "combination."
)
SLERP_UNIT = 0.01
"""How far a spherical combination may lie from the great circle, its radius being one."""


def provenance(gram: Gram) -> Mixture:
    """Which references are needed together; no parents where one explains the model as well as several."""
    units = gram.body
    if len(gram.names) < 2 or not units:
        return Mixture((), "", "", 1.0, 0.0, 1.0, gram.names, len(units), "", gram.whole, None, gram.left_out)
    combined = _combined(gram)  # an exact combination is told before patterns are looked for, others after
    exact = combined if combined is not None and combined.exact else None
    found = _passed_through(gram) or exact or _sparse(gram) or combined
    if found is not None:
        return found
    products = pooled(units)
    single = nearest(products).residual
    several = select(products, len(units), _rounding(units))
    return _mixture(gram, (), "", None, several.residual / single, single)


def _rounding(units: tuple[Unit, ...]) -> float:
    return float(sum(u.rounding for u in units))


def _mixture(
    gram: Gram,
    parents: tuple[Parent, ...],
    method: str,
    base: int | None,
    residual: float,
    single: float,
    condition_number: float = 1.0,
    note: str = "",
    explained: float | None = None,
    exact: bool = True,
) -> Mixture:
    return Mixture(
        parents,
        method,
        gram.names[base] if base is not None else "",
        min(1.0, residual),
        min(1.0, _rounding(gram.body) / single) if single else 0.0,
        condition_number,
        gram.names,
        len(gram.body),
        note,
        gram.whole,
        explained,
        gram.left_out,
        exact,
    )


def _combined(gram: Gram) -> Mixture | None:
    """A combination with coefficients: linear, task arithmetic, spherical; also where training went on."""
    units, products = gram.body, pooled(gram.body)
    single = nearest(products).residual
    chosen = select(products, len(units), _rounding(units))
    if len(chosen.used) < 2:
        return None
    base = chosen.base
    pivot = base if base is not None else chosen.used[0]
    error = errors(units, chosen.used, pivot)
    parents = [k for k in chosen.used if k != base or chosen.coefficients[k] > 0]
    clear = [k for k in parents if chosen.coefficients[k] >= max(LEAST, 3 * error[k])]
    if len(clear) < 2:
        return None
    residual = chosen.residual / single
    exact, steady = _exact(units, chosen, residual), _spread(units, chosen)
    independent = _independent(products, clear)
    further = residual <= CLOSE and float(steady[clear].max()) <= STEADY and _base_indexed(products)
    strong = independent and all(chosen.coefficients[k] >= LEAST_INDEPENDENT for k in clear)
    if not (exact or further or strong) or (not exact and bool((chosen.coefficients < 0).any())):
        return None  # what is taken away may be a sibling in the place of a base that is not indexed
    if not (exact or strong):
        clear = [k for k in clear if chosen.coefficients[k] >= LEAST_AFTERWARDS]
        if len(clear) < 2:
            return None
    doubt = ""
    if base is not None and base in clear:
        doubt = f"{gram.names[base]} may be the base of the merge or one of its parents."
        everything = [k for k in range(len(gram.names)) if k != base]
        if len(clear) > 2 and largest_cosine(products, base, everything) <= CLEARLY_BASE:
            clear.remove(base)  # all references lead away from it at right angles
        else:
            base = None
    method = _method(clear, base, steady)
    place = _place(units, clear) if len(clear) == 2 == len(chosen.used) else None
    if place is not None:
        method = f"spherical interpolation{'' if place[1] <= STEADY / 2 else ', at another place in every tensor'}"
    told = chosen.coefficients.copy()
    if place is not None:
        told[clear] = 1 - place[0], place[0]
    note = "" if exact else AFTERWARDS
    number = _condition(products, clear)
    if number > COLLINEAR:
        note = f"{note} The parents' updates are collinear (condition number {number:.0f}).".strip()
    note = f"{note} {doubt}".strip()
    groups = _by_group(gram, chosen)
    return _mixture(
        gram,
        tuple(
            Parent(
                gram.names[k],
                float(told[k]),
                float(told[k] - 3 * error[k]),
                float(told[k] + 3 * error[k]),
                {g: float(c[k]) for g, c in groups.items()},
            )
            for k in sorted(clear, key=lambda k: -chosen.coefficients[k])
        ),
        method,
        base,
        residual,
        single,
        number,
        note,
        exact=exact,
    )


def _condition(products: F64, parents: list[int]) -> float:
    """Condition number of the parents' updates from the best start among the other references, else from a parent.

    Seen from far away all updates look alike, so a start has to lie no further from the parents than they from one
    another.
    """
    squares = distances(products)[1:, 1:]
    apart = float(squares[np.ix_(parents, parents)].max())
    starts = [b for b in range(len(squares)) if b not in parents and float(squares[b, parents].max()) <= apart]
    return min(
        (condition(products, (b, *parents), b) for b in starts), default=condition(products, parents, parents[0])
    )


def _base_indexed(products: F64) -> bool:
    """Whether one reference is where the others lead away from.

    Without their base a sum of updates is approached by all relatives alike, also by those that have no part in it.
    """
    everything = range(len(products) - 1)
    return base_of(products, everything, BASE_FOR_A_REST) is not None


def _exact(units: tuple[Unit, ...], chosen: Fit, residual: float) -> bool:
    """Whether the combination leaves little over all, and tensor by tensor no more than rounding would.

    Coefficients may differ from tensor to tensor: merges are often given one for every layer.
    """
    return residual <= CLOSE and _each(units, chosen)


def _each(units: tuple[Unit, ...], chosen: Fit) -> bool:
    explained = sum(
        u.values
        for u in units
        if fit(u.products, chosen.used, chosen.base).residual
        <= max(EXACT * nearest(u.products).residual, 4 * u.rounding)
    )
    return explained >= TENSORS * sum(u.values for u in units)


def _spread(units: tuple[Unit, ...], chosen: Fit) -> F64:
    """``(K,)`` standard deviation of the coefficients over tensors, weighed by their values."""
    table = np.array([fit(u.products, chosen.used, chosen.base).coefficients for u in units])
    weight = np.array([u.values for u in units], dtype=np.float64)
    mean = np.average(table, axis=0, weights=weight)
    return np.asarray(np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight)))


def _independent(products: F64, chosen: list[int]) -> bool:
    inner = raw(products)[1:, 1:]
    scale = np.sqrt(np.diag(inner))
    cosine = inner / np.outer(scale, scale)
    return all(abs(cosine[i, j]) < INDEPENDENT for i in chosen for j in chosen if i < j)


def _method(parents: list[int], base: int | None, spread: F64) -> str:
    kind = "task arithmetic" if base is not None else "linear averaging"
    return f"{kind} with coefficients by tensor" if float(spread[parents].max()) > STEADY / 2 else kind


def _place(units: tuple[Unit, ...], used: list[int]) -> tuple[float, float] | None:
    """Where on the great circle between two parents the model lies (0 at the first, 1 at the second), and the spread.

    None where it does not lie on the circle, or circle and chord are too close to tell. Spherical interpolation uses
    ``sin((1 - t) w) / sin w`` and ``sin(t w) / sin w``, ``w`` being the angle of two tensors, so that
    ``a² + b² + 2ab cos w = 1`` in every tensor.
    """
    on_circle, on_chord, weight = 0.0, 0.0, 0.0
    places: list[float] = []
    for u in units:
        inner = raw(u.products)
        i, j = (k + 1 for k in used)
        cosine = float(np.clip(inner[i, j] / np.sqrt(max(inner[i, i] * inner[j, j], 1e-300)), -1, 1))
        a, b = fit(u.products, used).coefficients[used]
        angle = float(np.arccos(cosine))
        length = a * a + b * b + 2 * a * b * cosine
        on_the_chord = length / max((a + b) ** 2, 1e-9)  # what the square of the length were if the sum were one
        sag = 1 - np.sqrt(on_the_chord)  # how far the chord lies inside of the circle
        weight += u.values
        on_circle += u.values * (abs(np.sqrt(length) - 1) <= min(SLERP_UNIT, sag / 4))
        on_chord += u.values * (abs(a + b - 1) <= sag / 4)
        if angle > 0:
            places.append(float(np.arctan2(b * np.sin(angle), a + b * cosine) / angle))
    if on_circle < TENSORS * weight or on_chord > (1 - TENSORS) * weight or not places:
        return None
    return float(np.median(places)), float(np.std(places))


def _by_group(gram: Gram, chosen: Fit) -> dict[str, F64]:
    groups: dict[str, list[Unit]] = {}
    for unit in gram.units:
        groups.setdefault(unit.group, []).append(unit)
    return {g: fit(pooled(members), chosen.used, chosen.base).coefficients for g, members in groups.items()}


def _passed_through(gram: Gram) -> Mixture | None:
    """Whole layers of different references: every layer near one of them and far from the others."""
    layers: dict[int, list[Unit]] = {}
    for unit in gram.body:
        parts = unit.role.split(".")
        if parts[0] == "layers":
            layers.setdefault(int(parts[1]), []).append(unit)
    owner: dict[int, int] = {}
    tied = 0
    left = 0.0
    for layer, members in layers.items():
        away = distances(pooled(members))[0, 1:]
        order = np.argsort(away, kind="stable")
        if away[order[0]] <= COPIED * away[order[1]] and away[order[1]] > 0:
            owner[layer] = int(order[0])
            left += float(away[order[0]])
        elif away[order[0]] == 0:
            tied += 1  # the references share this layer
    owners = sorted(set(owner.values()))
    if len(owners) < 2 or len(owner) < 3 or len(owner) + tied < TENSORS * len(layers):
        return None
    single = nearest(pooled(gram.body)).residual
    parents = tuple(
        Parent(
            gram.names[k],
            len(mine := [n for n in layers if owner.get(n) == k]) / len(layers),
            layers=tuple(sorted(mine)),
            groups={},
        )
        for k in owners
    )
    note = "" if left == 0 else "The layers drifted a little from their parents'."
    return _mixture(gram, parents, "stacking of whole layers (pass-through)", None, left / single, single, note=note)


def _sparse(gram: Gram) -> Mixture | None:
    """Parts of updates: TIES and DARE."""
    found: SparseMerge | None = sparse_merge(gram)
    if found is None:
        return None
    products, units = pooled(gram.body), gram.body
    chosen = (found.base, *found.weights)
    if largest_cosine(products, found.base, tuple(found.weights)) > SAME_WAY:
        return None
    error = errors(units, chosen, found.base)
    whole = fit(products, chosen, found.base)
    single = nearest(products).residual
    weights = dict(found.weights)
    if found.random and not found.elected:  # random choices leave least squares unbiased, over all values
        weights = {k: float(whole.coefficients[k]) for k in weights}
    else:
        error = np.array([np.hypot(e, found.errors.get(k, 0.0)) for k, e in enumerate(error)])
    parents = tuple(
        Parent(gram.names[k], w, w - 3 * float(error[k]), w + 3 * float(error[k]), density=found.densities.get(k))
        for k, w in sorted(weights.items(), key=lambda item: -item[1])
    )
    if any(p.coefficient < LEAST_SPARSE or (p.low or 0.0) <= 0 for p in parents):
        return None  # a pattern that takes a tiny part of an update explains rounding, not the model
    number = condition(products, chosen, found.base)
    return _mixture(
        gram, parents, found.method, found.base, whole.residual / single, single, number, explained=found.explained
    )
