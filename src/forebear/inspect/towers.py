"""Towers of two models held against each other, by codes or row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from forebear.artifacts import Artifact
from forebear.lineage import Counts, sign_evidence
from forebear.lineage.counts import LOG10_TOWERS
from forebear.lineage.towers import Shared, shared_tower
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import Cell, compare_codes, compare_rows
from forebear.signals.towers import NAME, TowerMark, comparable_towers
from forebear.types import Untested, counted

Marks = Sequence[TowerMark]
Count = Callable[[int, int], tuple[Cell, ...]]


def towers_by_codes(marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float) -> tuple[Shared, ...]:
    """Towers of two models compared by their codes; the reference is first. See :func:`towers_by_rows`."""

    def count(i: int, j: int) -> tuple[Cell, ...]:
        a, b = marks[0][i], marks[1][j]
        return compare_codes(a.code, b.code, comparable_towers(a, b))

    return tuple(_closest(marks, names, log10_looks, count, rows=False))


def towers_by_rows(
    models: tuple[Artifact, Artifact], marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float
) -> tuple[Shared, ...]:
    """Towers of two models compared row by row.

    Args:
        models: the reference, and the model in question.
        marks: their towers as measured, in the same order.
        names: what the two are called.
        log10_looks: log10 of the number of references searched.

    Raises:
        InputError: rows could not be read.
    """

    def count(i: int, j: int) -> tuple[Cell, ...]:
        a, b = marks[0][i], marks[1][j]
        one, two = (model.towers[k].artifact for model, k in zip(models, (i, j), strict=True))
        blocks = paired_blocks(one, two, (a.code, b.code), comparable_towers(a, b))
        return tuple(compare_rows(*pair) for pair in blocks)

    return tuple(_closest(marks, names, log10_looks, count, rows=True))


def _closest(
    marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float, count: Count, rows: bool
) -> Iterator[Shared]:
    """For each tower of the model in question the reference's tower of its shape that agrees most."""
    for j, b in enumerate(marks[1]):
        found = [
            (a, Counts(count(i, j), max(a.shape["layers"], b.shape["layers"]), LOG10_TOWERS))
            for i, a in enumerate(marks[0])
            if comparable_towers(a, b)
        ]
        if found:
            a, counts = min(found, key=lambda pair: pair[1].log10_p)
            yield shared_tower(a, b, counts, sign_evidence(counts, a.code, b.code, names, rows, log10_looks, NAME))


def tested_towers(shared: Sequence[Shared]) -> tuple[str, ...]:
    """Lines of the coverage."""
    return tuple(f"{NAME}: {counted(s.counts.pooled.n, 'coin')} of the {s.component}" for s in shared)


def untested_towers(models: tuple[Artifact, Artifact], shared: Sequence[Shared]) -> tuple[Untested, ...]:
    """Towers that were not held against each other, and how those without known names were read."""
    out = []
    compared = {s.component for s in shared}
    for model, other in (models, models[::-1]):
        left = [t.component for t in model.towers if t.component not in compared and (model is models[1] or not shared)]
        out += [Untested(f"{model.name}: {part}", f"{other.name} has no tower of that shape") for part in left]
        out += [
            Untested(f"{model.name}: {tower.component}, how it was read", note)
            for tower in model.towers
            for note in tower.artifact.notes
        ]
    return tuple(out)
