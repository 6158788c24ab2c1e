"""Cases with a known answer: padding, shared starts, models against themselves, whole verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from forebear.inspect.compare import compare
from forebear.lineage import Counts
from forebear.lineage.counts import LOG10_ALPHA
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import Cell, compare_rows, copied_layers
from null.coins import Table
from null.edits import cloned, padded
from null.pairs import Counted, Model, PairCounts, count, open_model

Located = tuple[Model, Path]
"""An open model and its folder."""


@dataclass(frozen=True)
class Padded:
    """Two independent models grown by zeros in the same places: their counts, and what counts before growing."""

    front: bool
    before: PairCounts
    after: PairCounts


@dataclass(frozen=True)
class Outcome:
    """A pair that went through the whole ``compare``: counts of rows, verdict, and whether it says related."""

    one: str
    two: str
    n: int
    agree: int
    log10_p: float
    verdict: str
    related: bool


def padded_pairs(models: Sequence[Located], limit: int) -> Iterator[Padded]:
    """Pairs of independent Llama-shaped models, both grown by zeros before or behind their own coordinates."""
    chosen = list(combinations(models, 2))[:limit]
    used = {model.name: (model, folder) for pair in chosen for model, folder in pair}
    for front in (True, False):
        with TemporaryDirectory() as place:
            grown = {
                name: open_model(name, model.family, padded(folder, Path(place) / name, front))
                for name, (model, folder) in used.items()
            }
            for (a, _), (b, _) in chosen:
                yield Padded(front, count(a, b), count(grown[a.name], grown[b.name]))


def outcomes(pairs: Sequence[tuple[Located, Located]]) -> Iterator[Outcome]:
    """Each pair through ``forebear.inspect.compare``, as a user would."""
    for (a, folder_a), (b, folder_b) in pairs:
        rows = count(a, b).rows
        found = compare(str(folder_a), str(folder_b))
        coins = rows.pooled.n, rows.pooled.agree, rows.log10_p
        yield Outcome(a.name, b.name, *coins, found.verdict.value, bool(found.related))


def layers_against_layers(models: Sequence[Model]) -> Table:
    """Rows of every two layers of one model, as if they were two models: pooled over the groups of a layer.

    Both numbers of such a pair are the model's own.
    """
    rows = []
    for number, model in enumerate(models):
        cells: dict[tuple[int | None, int | None], list[Cell]] = {}
        codes = model.code, model.code
        layered = frozenset(model.code.groups) - {"residual"}
        own = [block for block, _ in paired_blocks(model.artifact, model.artifact, codes, layered)]
        for one, two in combinations(own, 2):
            if one.group == two.group and one.layer != two.layer:
                cells.setdefault((one.layer, two.layer), []).append(compare_rows(one, two))
        for several in cells.values():
            tail = Counts(tuple(several)).pooled
            rows.append((number, number, tail.n, tail.agree))
    return Table(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def repeats_itself(model: Model) -> bool:
    """Whether Forebear finds that coins of this model depend on one another: halves, heads, or copied layers."""
    return bool(model.code.repeats or copied_layers(model.code))


def cloned_layers(models: Sequence[Located]) -> tuple[int, list[PairCounts], list[Outcome]]:
    """Copies of independent models with a cloned layer: how many are noticed, and counts and verdicts of all pairs.

    A layer that was copied inside both models would count each of its coins twice.
    """
    with TemporaryDirectory() as place:
        copies = []
        for model, folder in models:
            out = cloned(folder, Path(place) / model.name)
            copies.append((open_model(model.name, model.family, out), out))
        caught = sum(repeats_itself(model) for model, _ in copies)
        pairs = list(combinations(copies, 2))
        return caught, [count(a, b) for (a, _), (b, _) in pairs], list(outcomes(pairs))


def below_verdict(pairs: Sequence[Counted], method: str) -> int:
    """Pairs whose p, looks paid for, reaches the level of a verdict."""
    return sum(pair.of(method).log10_p <= LOG10_ALPHA for pair in pairs)
