"""Coins after alignment (``aligned-coins/1``): of independent pairs, and of copies that were disguised and drifted.

Between independent models the product finds no permutation of dimensions and takes the best rotation, which carries no
residual coins. Every pair is therefore counted a second time in the best signed permutation, however badly it fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

from forebear.inspect.disguise import alignable
from forebear.lineage import Counts
from forebear.lineage.counts import LOG10_ALIGNED, LOG10_ALPHA
from forebear.signals import frames
from forebear.signals.aligned import align
from forebear.signals.sign_code import relies_on
from null.edits import cloned, disguised, upcycled
from null.pairs import Model, open_model

PRODUCT, FORCED = FRAMES = ("aligned", "permuted")
"""The frame that the product takes, and the best signed permutation."""
DRIFTS = (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Noise over root mean square of every matrix."""
UPCYCLED_NOISE = 0.1
"""The same, of experts since they were made from one MLP."""


@dataclass(frozen=True)
class AlignedCounts:
    """Coins after alignment of two models, by frame."""

    one: str
    two: str
    families: tuple[str, str]
    by_frame: Mapping[str, Counts]

    def of(self, method: str) -> Counts:
        """The counts in one of :data:`FRAMES`."""
        return self.by_frame[method]


@dataclass(frozen=True)
class Drifted:
    """Copies that were disguised and drifted by as much, each beside its original.

    Attributes:
        drift: noise over root mean square of every matrix.
        coins: median number of coins of a pair.
        agree: share of all coins that agree.
        log10_p: median and largest of the pairs' pooled tails.
        found, pairs: pairs that reach the level of a verdict, everything paid for, and pairs.
    """

    drift: float
    coins: int
    agree: float
    log10_p: tuple[float, float]
    found: int
    pairs: int

    @property
    def cosine(self) -> float:
        """Of a matrix with its original, in expectation."""
        return float(1 / np.hypot(1, self.drift))


def chosen_pairs(models: Sequence[Model], crossed: int, seed: int) -> list[tuple[Model, Model]]:
    """Every pair within a family, and ``crossed`` random ones between families, all where there are fewer."""
    pairs = list(combinations(models, 2))
    within = [k for k, (a, b) in enumerate(pairs) if a.family == b.family]
    between = [k for k, (a, b) in enumerate(pairs) if a.family != b.family]
    drawn = np.random.default_rng(seed).permutation(between)[:crossed]
    return [pairs[k] for k in sorted([*within, *drawn.tolist()])]


def aligned_counts(pairs: Sequence[tuple[Model, Model]]) -> Iterator[AlignedCounts]:
    """Coins after alignment of every pair that has some in both frames."""
    for a, b in pairs:
        found = {PRODUCT: counts_of(a, b)}
        with patch.object(frames, "PERMUTED", 0.0):
            found[FORCED] = counts_of(a, b)
        if all(counts.cells for counts in found.values()):
            yield AlignedCounts(a.name, b.name, (a.family, b.family), found)


def repeating_pairs(models: Sequence[tuple[Model, Path]], seed: int) -> dict[str, list[AlignedCounts]]:
    """Pairs of independent models that were both made to hold every coin several times, by what was done to them.

    Routed experts are made from one MLP; of the hardest negatives, one layer is a copy of another.
    """

    def experts(folder: Path, out: Path, number: int) -> Path:
        return upcycled(folder, out, UPCYCLED_NOISE, seed + number)

    def layers(folder: Path, out: Path, _: int) -> Path:
        return cloned(folder, out)

    found = {}
    routed = [(m, f) for m, f in models if m.family == "mixtral"]
    twins = [(m, f) for m, f in models if m.name.startswith("twin-")]
    for what, chosen, change in (("experts of one MLP", routed, experts), ("copied layer", twins, layers)):
        with TemporaryDirectory() as place:
            made = [
                open_model(m.name, m.family, change(folder, Path(place) / m.name, k))
                for k, (m, folder) in enumerate(chosen)
            ]
            found[what] = list(aligned_counts(list(combinations(made, 2))))
    return found


def counts_of(a: Model, b: Model) -> Counts:
    """Coins after alignment by the tokens that the two have in common, A as the reference; none where it has none."""
    groups, frame = alignable(a.artifact, b.artifact), frames.token_frame(a.artifact, b.artifact)
    if not groups or frame is None:
        return Counts(())
    found = align(a.artifact, b.artifact, frame, groups, relies_on(a.code, b.code))
    return Counts(found.cells, log10_paid=LOG10_ALIGNED)


def drifted_copies(parents: Sequence[tuple[Model, Path]], seed: int) -> Iterator[Drifted]:
    """A disguised copy of every Llama-shaped parent at every drift, written, read and compared like any model."""
    for drift in DRIFTS:
        counts = []
        for number, (parent, folder) in enumerate(parents):
            with TemporaryDirectory() as place:
                child = disguised(folder, Path(place) / "child", drift, seed + number)
                counts.append(counts_of(parent, open_model("child", parent.family, child)))
        tails = [c.pooled for c in counts]
        yield Drifted(
            drift,
            round(float(np.median([t.n for t in tails]))),
            sum(t.agree for t in tails) / sum(t.n for t in tails),
            (float(np.median([t.log10_p for t in tails])), max(t.log10_p for t in tails)),
            sum(c.log10_p <= LOG10_ALPHA for c in counts),
            len(counts),
        )
