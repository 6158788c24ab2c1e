"""What scores of independent models look like, by stratum, and what a score is worth beside them.

A conformal p-value is the rank of a score among scores of independent models (Vovk, Gammerman and Shafer 2005; by
stratum, "Mondrian"): p = (1 + #{null ≥ s}) / (n + 1). It is valid if the score of two models that are independent is
exchangeable with those of the null. Pairs that share a model are not, so a null has disjoint pairs alone: no model is
in two of them, n is the number of pairs, and a hundred models give fifty scores however many pairs they make
(:func:`disjoint`). No p-value is smaller than 1 / (n + 1).

Nothing of this ever establishes anything. The null holds for models like those that it was made from, which is an
assumption; an exact test has none of the kind.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from itertools import chain
from typing import Any

import numpy as np

from forebear.errors import FormatError
from forebear.lineage.likelihood import LikelihoodRatio, fitted
from forebear.signals import Fingerprint
from forebear.signals.shape import same_shape
from forebear.signals.vocabulary import same_vocabulary

SCHEMA = "forebear.calibration/1"
SHIPPED = "signals.json"
SHIPPED_ACTIVATIONS = "activations.json"
STRATA: Mapping[str, str] = {
    "twin": "independent models of the same architecture, sizes and tokenizer",
    "tokenizer": "independent models of the same tokenizer, and of other architectures or sizes",
    "other": "independent models of different tokenizers",
}
"""Strata of pairs, the hardest first: every pair is in one of them."""
ANY = "any"
ANY_WORDS = "any two independent models"
FEWEST_NULL = 20
"""Disjoint pairs from which on a stratum has a null of its own."""
FEWEST_RELATED = 8
"""Families of related models from which on there is a likelihood ratio."""
MOST_BYTES = 4_000_000
MOST_SCORES = 20_000


def stratum(one: Fingerprint, two: Fingerprint) -> str:
    """What kind of pair two models are, by what has no part in any score of weights."""
    if not same_vocabulary(one.vocabulary, two.vocabulary):
        return "other"
    return "twin" if same_shape(one.shape, two.shape) else "tokenizer"


def conformal(score: float, null: Sequence[float]) -> float:
    """The conformal p-value of a score: (1 + #{null ≥ score}) / (n + 1), 1 without a null.

    Raises:
        ValueError: the score is no number.
    """
    if not math.isfinite(score):
        raise ValueError("a p-value of no number")
    return (1 + sum(other >= score for other in null)) / (len(null) + 1)


def disjoint(count: int, may: Callable[[int, int], bool], seed: int) -> list[tuple[int, int]]:
    """Pairs of models, no model in two of them, drawn by lot: ordered, in each the model in question first.

    Args:
        count: number of models.
        may: whether two of them make a pair of the wanted kind.
        seed: of the lot.
    """
    order = [int(k) for k in np.random.default_rng(seed).permutation(count)]
    free = dict.fromkeys(order)
    pairs = []
    for one in order:
        if one not in free:
            continue
        two = next((k for k in free if k != one and may(one, k)), None)
        if two is not None:
            pairs.append((one, two))
            del free[one], free[two]
    return pairs


def pairs_of(marks: Sequence[Fingerprint], kind: str, seed: int) -> list[tuple[int, int]]:
    """Disjoint pairs of independent models that are of a stratum, or of any (:data:`ANY`)."""
    return disjoint(len(marks), lambda one, two: kind in (ANY, stratum(marks[one], marks[two])), seed)


@dataclass(frozen=True)
class Judged:
    """What a score is worth.

    Attributes:
        log10_p: conformal.
        log10_lr: None where too few related models are known.
        n: disjoint pairs of independent models behind it.
        stratum: whose null was used; :data:`ANY` where the pair's own has too few.
    """

    log10_p: float
    log10_lr: float | None
    n: int
    stratum: str

    @property
    def null(self) -> str:
        """The null in words."""
        return STRATA.get(self.stratum, ANY_WORDS)


@dataclass(frozen=True)
class Scores:
    """Scores of one signal.

    Attributes:
        least: the least support that a score may have to be held against these: independent references behind the
            consensus of a sketch, neurons of a layer for ``match/1``.
        null: by stratum and for :data:`ANY`, scores of disjoint pairs of independent models, ascending.
        related: for every family (a base with its descendants) the scores of descendants against the base.
    """

    least: int
    null: Mapping[str, tuple[float, ...]]
    related: tuple[tuple[float, ...], ...] = ()

    def judged(self, score: float, kind: str) -> Judged | None:
        """A score of a pair of a stratum; None where even all strata together have too few pairs, or it is no number.

        A stratum with too few pairs is replaced by pairs of any kind. They are easier to tell apart than twins, so that
        a p-value of twins is then too small if anything.
        """
        used = next((k for k in (kind, ANY) if len(self.null.get(k, ())) >= FEWEST_NULL), None)
        if used is None or not math.isfinite(score):
            return None
        null = self.null[used]
        ratio = self._ratios[used].at(score) if len(self.related) >= FEWEST_RELATED else None
        return Judged(math.log10(conformal(score, null)), ratio, len(null), used)

    @cached_property
    def _ratios(self) -> Mapping[str, LikelihoodRatio]:
        scores, weights = flat(self.related)
        return {k: fitted(scores, v, weights) for k, v in self.null.items() if len(v) >= FEWEST_NULL}


def flat(families: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Scores of all families in a row, and weights by which every family counts once."""
    return list(chain.from_iterable(families)), [1 / len(f) for f in families for _ in f]


@dataclass(frozen=True)
class Calibration:
    """Scores by signal, and what they were made from.

    Attributes:
        made: what it was made from, flat: ``source`` in words, models, families, seed, versions, when.
        signals: by name with version, so that scores of another version are never used.
    """

    made: Mapping[str, str | int]
    signals: Mapping[str, Scores] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What it was made from, a clause."""
        return str(self.made.get("source", "unknown"))

    def to_text(self) -> str:
        """The file."""
        signals = {
            name: {
                "least": s.least,
                "null": {k: [round(x, 5) for x in sorted(v)] for k, v in s.null.items()},
                "related": [[round(x, 5) for x in family] for family in s.related],
            }
            for name, s in self.signals.items()
        }
        made = json.dumps(dict(self.made), ensure_ascii=False)
        lists = json.dumps(signals, ensure_ascii=False).replace("], ", "],\n ")  # a list on each line
        return f'{{"schema": "{SCHEMA}", \n"made": {made}, \n"signals": {lists}}}\n'


def parse(text: str, name: str) -> Calibration:
    """A calibration from a file's text.

    Raises:
        FormatError: it is none.
    """
    hint = "forebear index calibrate writes it anew"
    if len(text) > MOST_BYTES:
        raise FormatError(name, "too large for a calibration", hint)
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {str(data['schema'])[:40]}, not {SCHEMA}")
        made = {str(k): v if isinstance(v, int) else str(v) for k, v in data["made"].items()}
        return Calibration(made, {str(k): _scores(v) for k, v in data["signals"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FormatError(name, f"no calibration that can be used ({what})", hint) from None


def _scores(data: Mapping[str, Any]) -> Scores:
    null = {str(k): _numbers(v) for k, v in data["null"].items()}
    related = tuple(_numbers(family) for family in data["related"])
    least = data["least"]
    if isinstance(least, bool) or not isinstance(least, int) or not 0 <= least <= 1_000_000:
        raise ValueError("the least support is no number")
    if not null.keys() <= {*STRATA, ANY} or not all(related) or len(related) > MOST_SCORES:
        raise ValueError("unknown strata, or an empty family")
    return Scores(least, {k: tuple(sorted(v)) for k, v in null.items()}, related)


def _numbers(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) > MOST_SCORES:
        raise ValueError("scores are no list of bounded length")
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) for x in values):
        raise ValueError("a score is no number")
    return tuple(float(x) for x in values)


@cache
def shipped(name: str = SHIPPED) -> Calibration:
    """One that comes with the package.

    Of weights, which ``benchmarks/calibration_study.py`` writes, or of activations (:data:`SHIPPED_ACTIVATIONS`), which
    ``benchmarks/activation_study.py`` does.
    """
    folder = resources.files("forebear") / "data" / "calibration"
    return parse((folder / name).read_text("utf-8"), name)
