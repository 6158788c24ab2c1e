"""How much drift the sign test sees through: codes and rows at every cosine, beside what theory says.

The child of a row x is cos * x + sqrt(1 - cos^2) * noise of the same scale. With Gaussian rows a bit of the code
agrees with probability 1 - arccos(cos) / pi, and the inner product of a row of width w with its child is positive with
probability Phi(cos * sqrt(w) / sqrt(1 - cos^2)) where the row's own length is near its mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from zoo.recipes import WIDTH

from forebear.lineage import Counts
from forebear.lineage.counts import LOG10_ALPHA, LOOKS
from forebear.signals.binomial import smallest_detectable
from forebear.signals.generators import Block, usable_rows
from forebear.signals.sign_code import Cell, compare_rows, project
from null.coins import binomial_power
from null.edits import drifted
from null.pairs import METHODS, Model, count, open_model

COSINES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
COINS = (64, 256, 1024, 4096)


@dataclass(frozen=True)
class Power:
    """One point of a power curve.

    Attributes:
        source: ``simulated`` (Gaussian rows) or ``models`` (drifted copies of trained models, through files).
        method: ``codes`` or ``rows``.
        coins: coins of a pair.
        cosine: of child and parent.
        agreement, expected_agreement: share of coins that agree, found and by theory.
        found, trials: pairs that reach the level of a verdict, and pairs.
        expected: probability of that by theory.
    """

    source: str
    method: str
    coins: int
    cosine: float
    agreement: float
    expected_agreement: float
    found: int
    trials: int
    expected: float


def theory(method: str, cosine: float, width: int = WIDTH) -> float:
    """Probability that a coin of parent and child agrees."""
    if cosine >= 1:
        return 1.0
    if method == "codes":
        return 1 - math.acos(cosine) / math.pi
    return 0.5 * math.erfc(-cosine * math.sqrt(width) / math.sqrt(1 - cosine**2) / math.sqrt(2))


def expected_power(method: str, coins: int, cosine: float) -> float:
    """Probability that the pooled count reaches the level of a verdict, looks paid for."""
    least = smallest_detectable(coins, LOG10_ALPHA - math.log10(LOOKS))
    return binomial_power(coins, least, theory(method, cosine))


def simulated(seed: int, trials: int) -> Iterator[Power]:
    """Gaussian rows of the zoo's width, encoded and compared by the package's own functions."""
    for number, coins in enumerate(COINS):
        for cosine in COSINES:
            rng = np.random.default_rng([seed, number, round(cosine * 1000)])
            counts = [_simulate(coins, cosine, rng) for _ in range(trials)]
            for method, several in zip(METHODS, zip(*counts, strict=True), strict=True):
                yield _point("simulated", method, coins, cosine, several)


def _simulate(coins: int, cosine: float, rng: np.random.Generator) -> tuple[Counts, Counts]:
    one, noise = rng.standard_normal((2, coins, WIDTH), dtype=np.float32)
    two = np.float32(cosine) * one + np.float32(math.sqrt(1 - cosine**2)) * noise
    a, b = _block(one), _block(two)
    (bits_a, ok_a), (bits_b, ok_b) = project(a), project(b)
    both = ok_a & ok_b
    cell = Cell(a.group, a.layer, b.layer, int(both.sum()), int((bits_a == bits_b)[both].sum()))
    return Counts((cell,)), Counts((compare_rows(a, b),))


def _block(rows: NDArray[np.float32]) -> Block:
    return Block("glu", 0, rows, np.arange(len(rows)), usable_rows(rows), rows)


def drifted_models(parents: list[tuple[Model, Path]], seed: int) -> Iterator[Power]:
    """A drifted copy of every parent at every cosine, written, read and compared like any model."""
    for cosine in COSINES:
        counts = []
        for number, (parent, folder) in enumerate(parents):
            with TemporaryDirectory() as place:
                child = drifted(folder, Path(place) / "child", cosine, seed + 1000 * number + round(cosine * 100))
                counts.append(count(parent, open_model("child", parent.family, child)))
        for method in METHODS:
            several = tuple(pair.of(method) for pair in counts)
            coins = round(float(np.median([c.pooled.n for c in several])))
            yield _point("models", method, coins, cosine, several)


def _point(source: str, method: str, coins: int, cosine: float, several: tuple[Counts, ...]) -> Power:
    agree, n = (sum(getattr(c.pooled, key) for c in several) for key in ("agree", "n"))
    return Power(
        source,
        method,
        coins,
        cosine,
        agree / n,
        theory(method, cosine),
        sum(c.log10_p <= LOG10_ALPHA for c in several),
        len(several),
        expected_power(method, coins, cosine),
    )
