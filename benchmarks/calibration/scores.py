"""Scores of pairs of known ancestry, taken as a scan takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import isfinite

from zoo.build import Built

from forebear.artifacts import Artifact, read_artifact
from forebear.index.nominate import Sketched
from forebear.index.nulls import pair_scores
from forebear.inspect.disguise import Undone, undo
from forebear.lineage.calibration import ANY, STRATA, Scores, pairs_of, stratum
from forebear.signals import Fingerprint, fingerprint, spectra, token_geometry
from forebear.signals.fingerprint import sketched
from forebear.signals.match import NAME as MATCH
from forebear.signals.match import Match
from forebear.sources import open_source

SKETCHES = (spectra.NAME, token_geometry.NAME)
KINDS = (*STRATA, ANY)
CONSENSUS = 8
"""References behind a consensus: the fewest with which a scan's scores are held against these."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model of the study: how it was made, what was measured of it, and its files."""

    built: Built
    mark: Fingerprint
    artifact: Artifact

    @property
    def name(self) -> str:
        """Of the recipe."""
        return self.built.recipe.name

    @property
    def family(self) -> str:
        """``model_type``."""
        return self.built.recipe.family

    @property
    def sketched(self) -> Sketched:
        """As the index keeps it."""
        return Sketched(self.name, self.mark.spectra, self.mark.tokens)


@dataclass(frozen=True)
class Scored:
    """A score of a pair.

    Attributes:
        signal: name with version.
        kind: stratum whose null it is part of; of related pairs the pair's own.
        families: of the model in question and of the reference.
        base: name of the base of a related pair, empty for an independent one.
        score: a number.
        support: neurons of a layer of the reference, for ``match/1``.
    """

    signal: str
    kind: str
    families: tuple[str, str]
    base: str
    score: float
    support: int = 0


def opened(built: Built) -> Model:
    """A model, measured.

    Raises:
        InputError: it cannot be read.
    """
    artifact = read_artifact(open_source(str(built.folder)))
    return Model(built, sketched(fingerprint(artifact, built.recipe.name), artifact), artifact)


def null_pairs(models: Sequence[Model], kind: str, seed: int) -> list[tuple[int, int]]:
    """Disjoint pairs of a stratum, or of any."""
    return pairs_of([m.mark for m in models], kind, seed)


def independent(models: Sequence[Model], seed: int, consensus: int = CONSENSUS) -> Iterator[Scored]:
    """Scores of disjoint pairs of independent models, by sketch and stratum."""
    marks = [m.sketched for m in models]
    for kind in KINDS:
        pairs = null_pairs(models, kind, seed)
        own: Sequence[int | None] = range(len(models))
        for (one, two), scores in zip(pairs, pair_scores(marks, marks, pairs, own, consensus, seed), strict=True):
            families = models[one].family, models[two].family
            for signal, score in zip(SKETCHES, scores, strict=True):
                if isfinite(score):
                    yield Scored(signal, kind, families, "", score)


def related(
    children: Sequence[tuple[Model, Model]], others: Sequence[Model], seed: int, consensus: int = CONSENSUS
) -> Iterator[Scored]:
    """Scores of models with the bases that they come from, by sketch.

    Args:
        children: a model and its base each.
        others: independent references that the consensus is from, beside the base.
        seed: of the lot that draws these.
        consensus: references that it is from.
    """
    for turn, (child, base) in zip(count(), children):
        marks = [base.sketched, *(m.sketched for m in others if m.name != base.name)]
        scores = next(pair_scores([child.sketched], marks, [(0, 0)], [None], consensus, seed + turn))
        kind = stratum(base.mark, child.mark)
        for signal, score in zip(SKETCHES, scores, strict=True):
            if isfinite(score):
                yield Scored(signal, kind, (child.family, base.family), base.name, score)


def matching(one: Model, two: Model) -> Match | None:
    """``match/1`` of a model against a reference as a scan has it, None where neurons cannot be compared."""
    found = undo(two.artifact, one.artifact, (two.mark.code, one.mark.code))
    return found.match if isinstance(found, Undone) and found.match and found.match.layers else None


def matched(models: Sequence[Model], children: Sequence[tuple[Model, Model]], seed: int) -> Iterator[Scored]:
    """Shares of agreeing neurons: of disjoint pairs of independent models by stratum, then of related ones."""
    for kind in KINDS:
        for one, two in null_pairs(models, kind, seed):
            yield from _matched(models[one], models[two], kind, "")
    for child, base in children:
        yield from _matched(child, base, stratum(base.mark, child.mark), base.name)


def _matched(one: Model, two: Model, kind: str, base: str) -> Iterator[Scored]:
    if (match := matching(one, two)) is not None:
        neurons = min(layer.neurons[0] for layer in match.layers)
        yield Scored(MATCH, kind, (one.family, two.family), base, match.share, neurons)


def scores_of(signal: str, found: Sequence[Scored]) -> Scores:
    """What a calibration keeps of a signal, from scores of all signals."""
    own = [s for s in found if s.signal == signal]
    null = {kind: tuple(sorted(s.score for s in own if not s.base and s.kind == kind)) for kind in KINDS}
    bases = dict.fromkeys(s.base for s in own if s.base)
    kin = tuple(tuple(s.score for s in own if s.base == base) for base in bases)
    least = min((s.support for s in own), default=0) if signal == MATCH else CONSENSUS
    return Scores(least, null, kin)
