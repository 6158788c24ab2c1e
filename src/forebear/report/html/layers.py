"""Where in the network the relation lies: agreement by layer and kind of part, change by layer, layers by layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.lineage.evidence import GROUP_WORDS
from forebear.report.html.blocks import folded, rows
from forebear.report.html.evidence import all_counted
from forebear.report.html.saved import Saved, count, finite, log_p, many, number, objects, part, text
from forebear.report.html.words import odds
from forebear.report.markup import Html, joined
from forebear.report.page.blocks import Cell
from forebear.report.svg import MOST_CELLS, Bar, bars, figure, grid
from forebear.report.words import p_value

MOST_MAPPED = 64
"""Layers of a map; of deeper models those that are evenly spaced."""


def layers(saved: Saved) -> Html | None:
    """Every picture that the evidence holds numbers for."""
    drawn = list(_drawings(saved))
    return joined(drawn) if drawn else None


def _drawings(saved: Saved) -> Iterator[Html]:
    for found in all_counted(saved.evidence):
        aligned = text(found, "signal").startswith("aligned-coins/")
        yield from _agreement(part(found, "details"), aligned)
        yield from _groups(part(found, "details"), aligned)
    for item in saved.evidence:
        details = part(item, "details")
        signal = text(item, "signal")
        if signal.startswith("change/"):
            yield from _change(details)
        elif signal.startswith("match/"):
            cells = {(a, b): s for a, b, s in _triples(details)}
            yield from _map(cells, "share of neurons of one layer that find their like in another", saved.reference)
        elif signal.startswith("activations/"):
            yield from _activations(details, saved.reference)


def _agreement(details: Mapping[str, Any], aligned: bool) -> Iterator[Html]:
    """A bar for each layer: from chance at the bottom to certainty at the top."""
    values, content = [], []
    for layer in objects(details, "layers")[:MOST_CELLS]:
        n, agree, p = count(layer, "n"), count(layer, "agree"), log_p(layer)
        if not n:
            continue
        share = min(1.0, agree / n)
        a, b = count(layer, "a"), count(layer, "b")
        sure = p is not None and p <= -6
        told = f"layer {b} and layer {a} of the reference: {agree:,} of {n:,} coins agree ({share:.0%})"
        values.append(Bar(str(b), 2 * share - 1, told, "" if sure else "open"))
        content.append((Cell(str(b)), Cell(str(a)), Cell(f"{agree:,} of {n:,}"), Cell(f"{share:.1%}"), Cell(_p(p))))
    if not values:
        return
    on_its_own = sum(v.tone != "open" for v in values)
    low = min(values, key=lambda v: v.height)
    said = (
        f"Coins that agree, by layer{' after coordinates were put together' if aligned else ''}: {on_its_own} of "
        f"{len(values)} layers have a p-value of one in a million or less on their own (filled bars); the least is "
        f"{low.told}."
    )
    head = ("Layer", "Layer of the reference", "Coins that agree", "Share", "p-value")
    table = folded("The numbers by layer", rows("Layers", head, content))
    yield figure(bars(values, said, "50%", "100%"), said, *([table] if table else []))


def _p(log10_p: float | None) -> str:
    return "–" if log10_p is None else p_value(log10_p).removeprefix("p ").removeprefix("= ")


def _groups(details: Mapping[str, Any], aligned: bool) -> Iterator[Html]:
    """Kinds of parts: each symmetry of the network has coins of its own."""
    content = []
    for name, tail in part(details, "groups").items():
        if not isinstance(tail, Mapping) or not count(tail, "n"):
            continue
        n, agree, p = count(tail, "n"), count(tail, "agree"), log_p(tail)
        said = GROUP_WORDS.get(str(name), str(name)[:60])
        alone = "–" if p is None else odds(p)
        share = f"{min(1.0, agree / n):.1%}"
        content.append((Cell(said), Cell(f"{agree:,} of {n:,}"), Cell(share), Cell(_p(p)), Cell(alone)))
    if content:
        head = ("Kind of part", "Coins that agree", "Share", "p-value", "By chance in")
        how = ", after coordinates were put together" if aligned else ""
        table = rows(f"By kind of part{how}; chance is 50%", head, content)
        yield table if table is not None else Html("")


def _change(details: Mapping[str, Any]) -> Iterator[Html]:
    """How far each layer moved."""
    found = [(count(x, "b"), drift) for x in objects(details, "layers") if (drift := number(x, "drift")) is not None]
    if not found:
        return
    top = max(0.01, max(drift for _, drift in found))
    values = [Bar(str(b), drift / top, f"layer {b}: relative drift {drift:.1%}") for b, drift in found]
    low, high = min(found, key=lambda x: x[1]), max(found, key=lambda x: x[1])
    said = (
        f"How far the weights of each layer lie apart (relative drift): least in layer {low[0]} ({low[1]:.1%}), most "
        f"in layer {high[0]} ({high[1]:.1%})."
    )
    head = ("Layer", "Relative drift")
    content = [(Cell(str(b)), Cell(f"{drift:.2%}")) for b, drift in found]
    table = folded("The numbers by layer", rows("Drift by layer", head, content))
    yield figure(bars(values, said, "0%", f"{top:.0%}"), said, *([table] if table else []))


def _activations(details: Mapping[str, Any], reference: str) -> Iterator[Html]:
    """How alike texts lie in every layer of the one and of the other."""
    between = part(details, "layers_between")
    a, b = many(between, "a"), many(between, "b")
    cells = {}
    for k, row in enumerate(many(between, "cosine")[: len(a)]):
        for m, value in enumerate(row[: len(b)] if isinstance(row, list | tuple) else ()):
            cosine = finite(value)
            if cosine is not None and isinstance(a[k], int) and isinstance(b[m], int):
                cells[a[k], b[m]] = cosine
    what = "how alike texts lie in the hidden states of the two (cosine; what all models have in common is in it)"
    yield from _map(cells, what, reference)


def _map(cells: Mapping[tuple[int, int], float], what: str, reference: str) -> Iterator[Html]:
    """Layers of the reference against layers of the model."""
    if not cells:
        return
    ours, theirs = (_some(sorted({pair[k] for pair in cells})) for k in (1, 0))
    row, column = {n: k for k, n in enumerate(ours)}, {n: k for k, n in enumerate(theirs)}
    placed = {(row[b], column[a]): s for (a, b), s in cells.items() if b in row and a in column}
    best = {b: max((s, a) for (a, other), s in cells.items() if other == b) for b in ours}
    straight = sum(a == b for b, (_, a) in best.items())
    said = (
        f"Layers against layers: {what}. For {straight} of {len(ours)} layers the most similar one of the reference "
        f"has the same number; the highest value is {max(cells.values()):.2f}."
    )
    names = [[str(n) for n in side] for side in (ours, theirs)]
    axes = f"across: layers of {' '.join(reference.split())[:60] or 'the reference'}; down: layers of the model"
    head = ("Layer", "Most similar layer of the reference", "Value")
    content = [(Cell(str(b)), Cell(str(a)), Cell(f"{s:.2f}")) for b, (s, a) in best.items()]
    table = folded("The numbers by layer", rows("Most similar layers", head, content))
    yield figure(grid(names[0], names[1], placed, said, axes), said, *([table] if table else []))


def _some(numbers: list[int]) -> list[int]:
    if len(numbers) <= MOST_MAPPED:
        return numbers
    return [numbers[round(k * (len(numbers) - 1) / (MOST_MAPPED - 1))] for k in range(MOST_MAPPED)]


def _triples(details: Mapping[str, Any]) -> Iterator[tuple[int, int, float]]:
    for cell in many(details, "matrix"):
        if isinstance(cell, list | tuple) and len(cell) == 3:
            a, b, share = (finite(v) for v in cell)
            if a is not None and b is not None and share is not None:
                yield int(a), int(b), share
