"""Whom a model resembles so much that it has to be said, although nothing is established: the rule of ``match/1``.

A layer stands out where its neurons agree more often than Poisson chance allows, at a rate that is the worst of
everything seen to be innocent: the chance of the counts themselves, other layers of the same reference, and the same
layer held against other references. A reference is nominated where most layers stand out. A nomination supports
nothing and is no p-value: it says where to look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebear.lineage.counts import LOG10_ALPHA
from forebear.signals.experts import NAME as EXPERTS
from forebear.signals.experts import ExpertMap
from forebear.signals.match import NAME, LayerMatch, Match
from forebear.types import Evidence, Test

UNIVERSAL = 0.1
"""Share of neurons that has to agree in any case: twice the largest share that is reported for independent trainings
(one to five per cent of neurons, Gurnee et al. 2024, arXiv 2401.12181)."""
MAJORITY = 0.5
"""The same where no other reference serves as a control: then nothing shows what independent models share."""
FEWEST_LAYERS = 2
MOST_KEPT = 4_096
"""Neurons that evidence names as kept; of larger models only their number is given."""


@dataclass(frozen=True)
class Layer:
    """A layer with what it is held against.

    Attributes:
        match: what was counted.
        rate: the highest innocent rate, one count added for what was not seen.
        controls: other references that were held against the same layer.
        log10_tail: bound on log10 of the Poisson probability of the count at that rate.
        stands_out: whether that is beyond chance, the layers paid for, and the share large enough.
    """

    match: LayerMatch
    rate: float
    controls: int
    log10_tail: float
    stands_out: bool


@dataclass(frozen=True)
class Resemblance:
    """A reference and a model, neuron by neuron, beside other references.

    Attributes:
        match: what was counted.
        controls: the same model against other references, which are independent of this one.
    """

    match: Match
    controls: tuple[Match, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer with its rate and its tail."""
        return tuple(self._layer(m) for m in self.match.layers)

    def _layer(self, match: LayerMatch) -> Layer:
        beside = [m.share * match.probes for c in self.controls for m in c.layers if m.b == match.b]
        rate = 1 + max([match.expected, self.match.elsewhere(match), *beside])
        tail = log10_poisson(match.count, rate)
        level = LOG10_ALPHA - math.log10(len(self.match.layers))
        enough = match.share >= (UNIVERSAL if beside else MAJORITY)
        return Layer(match, rate, len(beside), tail, tail <= level and enough)

    @property
    def nominated(self) -> bool:
        """Whether most layers stand out."""
        layers = self.layers
        return len(layers) >= FEWEST_LAYERS and 2 * sum(layer.stands_out for layer in layers) > len(layers)

    @property
    def most_beside(self) -> float | None:
        """The largest mean share of agreeing neurons among the controls, None without any.

        Where a reference ranks among its controls is no p-value: the one that is named was chosen by its rank, and
        chance alone gives a layer with fewer neurons a larger share.
        """
        return max((control.share for control in self.controls), default=None)

    def sentence(self) -> str:
        """What was counted, in words."""
        layers = self.layers
        probes, agree = sum(m.match.probes for m in layers), sum(m.match.count for m in layers)
        chance = sum(m.match.expected for m in layers)
        first, *rest = self.match.views
        text = (
            f"{agree:,} of {probes:,} neurons find the same neuron by their {first} row as by "
            f"{' and by '.join(WORDS[view] for view in rest)} (chance: {chance:,.0f})"
        )
        if not self.nominated:
            return f"{text}: no resemblance that speaks for itself."
        return f"{text}, in most layers more than any control: a resemblance, not a proof."

    def evidence(self) -> Evidence:
        """``match/1`` as evidence: it never supports anything."""
        layers = self.layers
        return Evidence(
            NAME,
            "weights",
            "nothing",
            round(self.match.share, 6),
            Test.HEURISTIC,
            None,
            sum(layer.match.probes for layer in layers),
            None,
            self.sentence(),
            details={
                "nominated": self.nominated,
                "views": list(self.match.views),
                "controls": len(self.controls),
                "most_of_controls": None if self.most_beside is None else round(self.most_beside, 6),
                "layers": [_layer_details(layer) for layer in layers],
                "layers_standing_out": sum(layer.stands_out for layer in layers),
                "matrix": [list(cell) for cell in self.match.matrix()],
                **self._kept(),
            },
        )

    def _kept(self) -> dict[str, Any]:
        """Which neurons of the reference the model has, where it resembles it."""
        if not self.nominated or sum(len(m.kept) for m in self.match.layers) > MOST_KEPT:
            return {}
        return {"kept_neurons": {str(m.b): m.kept[m.kept[:, 1].argsort()].tolist() for m in self.match.layers}}


WORDS = {"up": "their up row", "down": "their down column"}


def log10_poisson(count: int, rate: float) -> float:
    """Chernoff's bound on log10 P(X >= count), X ~ Poisson(rate); 0 up to the rate."""
    if count <= rate:
        return 0.0
    return (count - rate - count * math.log(count / rate)) / math.log(10)


def experts_evidence(maps: Mapping[int, ExpertMap]) -> Evidence:
    """``experts/1`` as evidence, by layer of the model in question: context for the other signals, and no support."""
    pairs, confirmed = sum(len(m.pairs) for m in maps.values()), sum(int(m.confirmed.sum()) for m in maps.values())
    chance = sum(m.expected for m in maps.values())
    text = (
        f"Router row and gate rows, each on its own, find the same expert for {confirmed:,} of {pairs:,} experts "
        f"(chance: {chance:,.0f})"
    )
    clear = sum(expert is not None for m in maps.values() for expert in m.order)
    return Evidence(
        EXPERTS,
        "weights",
        "nothing",
        round(confirmed / pairs, 6) if pairs else None,
        Test.HEURISTIC,
        None,
        pairs,
        None,
        f"{text}; {clear:,} are clearly like one of the reference's.",
        details={
            "layers": [
                {
                    "b": layer,
                    "experts": list(m.sizes),
                    "by": list(m.by),
                    "order": m.order,
                    "confirmed": int(m.confirmed.sum()),
                    "copies": m.copies.tolist(),
                    "blends": m.blends.tolist(),
                }
                for layer, m in maps.items()
            ]
        },
    )


def best(found: Sequence[tuple[str, Resemblance]]) -> tuple[str, Resemblance] | None:
    """The nominated reference that is resembled most, None where none is nominated.

    Relatives of each other may all be nominated; the one with the closest neurons is named.
    """
    named = [pair for pair in found if pair[1].nominated]
    return max(named, key=lambda pair: (pair[1].match.closeness, pair[0])) if named else None


def _layer_details(layer: Layer) -> dict[str, Any]:
    m = layer.match
    return {
        "a": m.a,
        "b": m.b,
        "neurons": m.probes,
        "agree": dict(m.agree),
        "expected": round(m.expected, 2),
        "innocent": round(layer.rate, 2),
        "controls": layer.controls,
        "rank_correlation": round(m.rank_correlation, 4),
        "retained": round(m.retained, 4),
        "stands_out": layer.stands_out,
    }
